//! Files of a site's system context: their rows in the table `files`, as Moodle's file storage makes them
//! (`lib/filestorage/file_storage.php`). Their contents are another matter: [`crate::files::Contents`].

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use crate::db::{ColumnShape, Db, TableShape};
use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::ident::TableName;
use crate::moodle::records::{self, Record, RowChange};
use crate::moodle::site::system_context;

/// The table.
pub const TABLE: &str = "files";

/// The content of a folder's row: nothing.
const NOTHING: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

/// The most files that are copied at once.
const MOST: usize = 5000;

/// What of a file is told by its content and its author; who brought it, and when, is not compared.
const COMPARED: &[&str] = &["contenthash", "filesize", "mimetype", "source", "author", "license", "sortorder"];

/// A file area of the system context, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    component: String,
    filearea: String,
    itemid: Option<i64>,
    filepath: Option<String>,
    filename: Option<String>,
}

impl Area {
    /// An area by its names, as Moodle cleans them (`clean_param` with `PARAM_COMPONENT`, `PARAM_AREA`). Refuses others with
    /// [`Kind::BadParameter`].
    pub fn new(
        component: &str,
        filearea: &str,
        itemid: Option<i64>,
        filepath: Option<&str>,
        filename: Option<&str>,
    ) -> Result<Self> {
        let bad = |name: &str, rule: &str| Err(Error::new(Kind::BadParameter, format!("`{name}` {rule}")));
        let is_word = |text: &str| {
            text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        if !is_word(component) || component.len() > 100 {
            return bad("component", "must be lower case letters, digits and `_`, such as `theme_boost`");
        }
        if !is_word(filearea) || filearea.len() > 50 {
            return bad("filearea", "must be lower case letters, digits and `_`, such as `logo`");
        }
        if itemid.is_some_and(|id| id < 0) {
            return bad("itemid", "must be 0 or more");
        }
        if filepath.is_some_and(|path| !path.starts_with('/') || !path.ends_with('/') || path.contains("..")) {
            return bad("filepath", "must begin and end with `/`");
        }
        if filename.is_some_and(|name| name.is_empty() || name == "." || name.contains('/')) {
            return bad("filename", "must be the name of a file");
        }
        Ok(Self {
            component: component.to_owned(),
            filearea: filearea.to_owned(),
            itemid,
            filepath: filepath.map(str::to_owned),
            filename: filename.map(str::to_owned),
        })
    }

    /// Whether what a theme shows is in it: its addresses carry the revision of themes (lib/outputlib.php; the logos of
    /// `core_admin` likewise, `lib/classes/output/core_renderer.php`, `get_logo_url`).
    pub fn is_of_themes(&self) -> bool {
        self.component.starts_with("theme_") || self.component == "core_admin"
    }

    /// The component.
    pub fn component(&self) -> &str {
        &self.component
    }

    /// The area's name, which is that of the setting that a form keeps beside it (lib/adminlib.php,
    /// `admin_setting_configstoredfile`).
    pub fn filearea(&self) -> &str {
        &self.filearea
    }

    async fn rows(&self, db: &mut Db, shape: &TableShape) -> Result<Vec<Record>> {
        let context = system_context(db).await?;
        let mut filter: Vec<(&ColumnShape, Vec<Value>)> = Vec::new();
        let mut is = |name: &str, value: Value| {
            filter.extend(shape.column(name).map(|column| (column, vec![value])));
        };
        is("contextid", json!(context));
        is("component", json!(self.component));
        is("filearea", json!(self.filearea));
        if let Some(itemid) = self.itemid {
            is("itemid", json!(itemid));
        }
        if let Some(filepath) = &self.filepath {
            is("filepath", json!(filepath));
        }
        if let Some(filename) = &self.filename {
            is("filename", json!(filename));
        }
        let columns: Vec<&ColumnShape> = shape.columns.iter().collect();
        let rows = records::read(db, shape, &columns, &filter, MOST).await?;
        if rows.len() > MOST {
            return Err(Error::new(Kind::BadParameter, format!("more than {MOST} files are meant"))
                .hint("name an `itemid`, a `filepath` or a `filename`"));
        }
        Ok(rows)
    }

    fn hash(&self, context: i64, row: &Record) -> String {
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        let itemid = row.get("itemid").and_then(Value::as_i64).unwrap_or(0);
        pathnamehash(context, &self.component, &self.filearea, itemid, text("filepath"), text("filename"))
    }
}

/// What a file is found by (`get_pathname_hash`).
fn pathnamehash(context: i64, component: &str, area: &str, itemid: i64, path: &str, name: &str) -> String {
    let whole = format!("/{context}/{component}/{area}/{itemid}{path}{name}");
    Sha1::digest(whole.as_bytes()).iter().map(|octet| format!("{octet:02x}")).collect()
}

/// The files of a source.
#[derive(Debug)]
pub struct Files {
    area: Area,
    rows: Vec<Record>,
}

impl Files {
    /// Reads them. Fails with [`Kind::BadParameter`] where there is none, and where one is only a reference to a file of a
    /// repository, which another site has not.
    pub async fn read(db: &mut Db, area: Area) -> Result<Self> {
        let shape = records::shape(db, &TableName::parse(TABLE)?).await?;
        let rows = area.rows(db, &shape).await?;
        let name = |row: &Record| escape(row.get("filename").and_then(Value::as_str).unwrap_or_default()).into_owned();
        if let Some(row) = rows.iter().find(|row| row.get("referencefileid").is_some_and(|id| !id.is_null())) {
            let message = format!("`{}` is a reference to a file of a repository", name(row));
            return Err(Error::new(Kind::BadParameter, message).hint("put the file itself in its place on the source"));
        }
        let is_sound = |row: &Record| {
            let hash = row.get("contenthash").and_then(Value::as_str).unwrap_or_default();
            hash.len() == 40 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        if let Some(row) = rows.iter().find(|row| !is_sound(row) || row.get("status").is_some_and(|s| *s != json!(0))) {
            return Err(Error::new(Kind::BadParameter, format!("`{}` is no sound file of the source", name(row))));
        }
        if rows.iter().all(|row| row.get("filename") == Some(&json!("."))) {
            let message = format!("the source has no file in `{}/{}` that is meant", area.component, area.filearea);
            return Err(Error::new(Kind::BadParameter, message));
        }
        Ok(Self { area, rows })
    }

    /// The area.
    pub fn area(&self) -> &Area {
        &self.area
    }

    /// Hashes and sizes of the contents.
    pub fn contents(&self) -> BTreeSet<(String, u64)> {
        let content = |row: &Record| {
            let size = row.get("filesize").and_then(Value::as_u64)?;
            Some((row.get("contenthash")?.as_str()?.to_owned(), size))
        };
        self.rows.iter().filter_map(content).chain([(NOTHING.to_owned(), 0)]).collect()
    }

    /// What would come, change or go on a target; `deletes` takes away what the source has not.
    pub async fn changes(&self, db: &mut Db, deletes: Deletes) -> Result<Vec<RowChange>> {
        let shape = records::shape(db, &TableName::parse(TABLE)?).await?;
        let context = system_context(db).await?;
        let mut wanted: BTreeMap<String, Record> = BTreeMap::new();
        for row in &self.rows {
            let mut row = row.clone();
            row.remove("id");
            row.insert("contextid".into(), json!(context));
            // Nobody of here has brought it.
            row.insert("userid".into(), Value::Null);
            let hash = self.area.hash(context, &row);
            row.insert("pathnamehash".into(), json!(hash));
            for folder in folders(&row) {
                let hash = self.area.hash(context, &folder);
                let mut folder = folder;
                folder.insert("pathnamehash".into(), json!(hash));
                wanted.entry(hash).or_insert(folder);
            }
            wanted.insert(hash, row);
        }
        let there: HashMap<String, Record> = self.there(db, &shape, &wanted).await?;
        let key = |hash: &str| Record::from_iter([("pathnamehash".to_owned(), json!(hash))]);
        let mut changes = Vec::new();
        for (hash, after) in &wanted {
            match there.get(hash) {
                None => {
                    changes.push(RowChange { key: key(hash), before: None, after: Some(after.clone()) });
                }
                // A folder is a folder.
                Some(_) if after.get("filename") == Some(&json!(".")) => {}
                Some(before) => {
                    if COMPARED.iter().any(|name| before.get(*name) != after.get(*name)) {
                        let mut before = before.clone();
                        before.remove("id");
                        changes.push(RowChange { key: key(hash), before: Some(before), after: Some(after.clone()) });
                    }
                }
            }
        }
        if deletes == Deletes::Others {
            for row in self.area.rows(db, &shape).await? {
                let hash = row.get("pathnamehash").and_then(Value::as_str).unwrap_or_default().to_owned();
                if !wanted.contains_key(&hash) {
                    changes.push(RowChange { key: key(&hash), before: Some(row), after: None });
                }
            }
        }
        Ok(changes)
    }

    /// The target's rows of the same names.
    async fn there(
        &self,
        db: &mut Db,
        shape: &TableShape,
        wanted: &BTreeMap<String, Record>,
    ) -> Result<HashMap<String, Record>> {
        let columns: Vec<&ColumnShape> = shape.columns.iter().collect();
        let Some(by) = shape.column("pathnamehash") else { return Ok(HashMap::new()) };
        let mut there = HashMap::new();
        for page in wanted.keys().cloned().collect::<Vec<_>>().chunks(500) {
            let hashes = page.iter().map(|hash| json!(hash)).collect();
            for row in records::read(db, shape, &columns, &[(by, hashes)], MOST).await? {
                there.insert(row["pathnamehash"].as_str().unwrap_or_default().to_owned(), row);
            }
        }
        Ok(there)
    }
}

/// What becomes of files that only the target has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletes {
    /// They stay.
    Nothing,
    /// They go.
    Others,
}

/// The rows of the folders that a file is in, its own first (`create_directory`).
fn folders(row: &Record) -> Vec<Record> {
    let mut path = row.get("filepath").and_then(Value::as_str).unwrap_or("/").to_owned();
    let mut found = Vec::new();
    loop {
        let mut folder = row.clone();
        for (name, value) in [
            ("filepath", json!(path)),
            ("filename", json!(".")),
            ("contenthash", json!(NOTHING)),
            ("filesize", json!(0)),
            ("sortorder", json!(0)),
        ] {
            folder.insert(name.to_owned(), value);
        }
        for name in ["mimetype", "source", "author", "license"] {
            folder.insert(name.to_owned(), Value::Null);
        }
        found.push(folder);
        let Some((above, _)) = path.trim_end_matches('/').rsplit_once('/') else { return found };
        path = format!("{above}/");
    }
}

/// How many files of a site have a content.
pub async fn users_of(db: &mut Db, contenthash: &str) -> Result<i64> {
    let sql = "SELECT COUNT(*) AS files FROM {files} WHERE contenthash = ?";
    Ok(db.fetch_one(sql, &[contenthash.into()]).await?.and_then(|row| row.int("files")).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_what_moodle_finds_it_by() {
        // `file_storage::get_pathname_hash(1, 'theme_boost', 'logo', 0, '/', 'logo.png')`.
        let hash = pathnamehash(1, "theme_boost", "logo", 0, "/", "logo.png");
        assert_eq!(
            hash,
            Sha1::digest(b"/1/theme_boost/logo/0/logo.png").iter().map(|o| format!("{o:02x}")).collect::<String>()
        );
        assert_eq!(hash.len(), 40);
    }

    #[test]
    fn every_folder_above_a_file_has_its_row() {
        let row = json!({"filepath": "/a/b/", "filename": "x", "itemid": 3, "filesize": 9});
        let folders = folders(row.as_object().unwrap());
        let paths: Vec<&str> = folders.iter().map(|folder| folder["filepath"].as_str().unwrap()).collect();
        assert_eq!(paths, ["/a/b/", "/a/", "/"]);
        assert!(
            folders.iter().all(|folder| folder["filename"] == "." && folder["itemid"] == 3 && folder["filesize"] == 0)
        );
    }

    #[test]
    fn names_that_moodle_would_clean_are_refused() {
        let area = |component, area, path, name| Area::new(component, area, Some(0), path, name);
        assert!(area("theme_boost", "logo", Some("/a/"), Some("l'été.png")).is_ok());
        for bad in [
            area("Theme", "logo", None, None),
            area("theme_boost", "lo go", None, None),
            area("theme_boost", "logo", Some("a/"), None),
            area("theme_boost", "logo", Some("/../"), None),
            area("theme_boost", "logo", None, Some(".")),
            area("theme_boost", "logo", None, Some("a/b")),
            Area::new("theme_boost", "logo", Some(-1), None, None),
        ] {
            assert_eq!(bad.unwrap_err().kind(), Kind::BadParameter);
        }
    }
}
