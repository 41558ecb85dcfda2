//! What a site has changed of Moodle's texts: the files of its local language packs, which are in force, and the rows of the
//! tool that edits them (admin/tool/customlang/locallib.php), which are a working copy.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::configphp;
use crate::db::{ColumnShape, Db, Row};
use crate::error::{Error, Kind, Result};
use crate::files::{make_like_parent, read_text, swap_text};
use crate::host::escape;
use crate::ident::TableName;
use crate::moodle::records::{self, Record, RowChange};

/// The table of changed texts.
pub const TABLE: &str = "tool_customlang";

/// The largest file that is read, in octets; the longest of Moodle's own has 160,000.
const LARGEST: u64 = 4 << 20;

/// The columns of a row that say how a text was changed, and those of one that comes.
const CHANGED: &[&str] = &["local", "timecustomized", "modified"];
const WHOLE: &[&str] = &["original", "master", "local", "timemodified", "timecustomized", "outdated", "modified"];

/// Which texts are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Languages (`fr`); all where none is named.
    pub languages: Vec<String>,
    /// Components (`core`, `mod_quiz`); all where none is named.
    pub components: Vec<String>,
}

impl Choice {
    /// A choice of what can be a language and a component. Refuses others with [`Kind::BadParameter`].
    pub fn new(languages: Vec<String>, components: Vec<String>) -> Result<Self> {
        for (what, bad) in [
            ("language", languages.iter().find(|code| !is_language(code))),
            ("component", components.iter().find(|name| !is_component(name))),
        ] {
            if let Some(bad) = bad {
                return Err(Error::new(Kind::BadParameter, format!("`{}` is no {what}", escape(bad))));
            }
        }
        Ok(Self { languages, components })
    }

    fn means_language(&self, code: &str) -> bool {
        self.languages.is_empty() || self.languages.iter().any(|one| one == code)
    }

    fn means_component(&self, name: &str) -> bool {
        self.components.is_empty() || self.components.iter().any(|one| one == name)
    }

    fn means_file(&self, name: &str) -> bool {
        self.components.is_empty() || self.components.iter().any(|one| file_of(one) == name)
    }
}

/// A language's code (`PARAM_LANG`).
fn is_language(code: &str) -> bool {
    (2..=20).contains(&code.len())
        && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && code.as_bytes()[0].is_ascii_lowercase()
        && !code.ends_with("_local")
}

fn is_component(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && name.as_bytes()[0].is_ascii_lowercase()
}

/// The file of a component (`get_component_filename`): `core` is `moodle.php`, `core_admin` `admin.php`, `mod_quiz` `quiz.php`.
fn file_of(component: &str) -> String {
    let name = match component {
        "core" | "moodle" => "moodle",
        other => other.strip_prefix("core_").or_else(|| other.strip_prefix("mod_")).unwrap_or(other),
    };
    format!("{name}.php")
}

/// The files of a site's local packs: by `fr_local/moodle.php` their texts.
pub type Files = BTreeMap<String, String>;

/// Reads the files that are meant, each checked to hold nothing but texts.
///
/// Fails with [`Kind::ConfigUnreadable`] where one holds anything else, and with [`Kind::FilesFailed`].
pub fn read_files(root: &Path, choice: &Choice) -> Result<Files> {
    let mut files = Files::new();
    for folder in names(root)? {
        let Some(code) = folder.strip_suffix("_local").filter(|code| is_language(code)) else { continue };
        if !choice.means_language(code) {
            continue;
        }
        for name in names(&root.join(&folder))? {
            let is_ours = name.strip_suffix(".php").is_some_and(is_component) && choice.means_file(&name);
            if is_ours && let Some(text) = read_text(&root.join(&folder).join(&name), LARGEST)? {
                let inside = format!("{folder}/{name}");
                configphp::strings(text.as_bytes()).map_err(|error| {
                    let message = format!("`{}` is not brought", root.join(&inside).display());
                    let hint = error.way_out().unwrap_or_default().to_owned();
                    Error::new(error.kind(), message).because(error).hint(hint)
                })?;
                files.insert(inside, text);
            }
        }
    }
    Ok(files)
}

/// The names in a folder, in order; none where it is not there. A link is no folder.
fn names(folder: &Path) -> Result<Vec<String>> {
    let failed = |error: io::Error| {
        Error::new(Kind::FilesFailed, format!("cannot read `{}`", folder.display()))
            .because(error)
            .hint("give the folder to the farm's OS user")
    };
    match fs::symlink_metadata(folder) {
        Ok(meta) if meta.is_dir() => {}
        Ok(_) => return Ok(Vec::new()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        names.extend(entry.map_err(failed)?.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// A file that is written, changed or, with no text, taken away.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileChange {
    /// Its path in the folder of local packs.
    pub path: String,
    /// Its text before.
    pub before: Option<String>,
    /// Its text after.
    pub after: Option<String>,
    /// How many texts come, change and go.
    pub counts: [usize; 3],
}

/// What becomes of texts that only the target has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Others {
    /// They stay.
    Stay,
    /// They go.
    Go,
}

/// What the source's files make of the target's.
pub fn file_changes(source: &Files, target: &Files, others: Others) -> Result<Vec<FileChange>> {
    let mut changes = Vec::new();
    let only_here = target.keys().filter(|path| others == Others::Go && !source.contains_key(*path));
    for path in source.keys().chain(only_here) {
        let strings = |files: &Files| match files.get(path) {
            Some(text) => configphp::strings(text.as_bytes()).map(BTreeMap::from_iter),
            None => Ok(BTreeMap::new()),
        };
        let (theirs, ours) = (strings(source)?, strings(target)?);
        let mut after = theirs.clone();
        if others == Others::Stay {
            for (key, text) in &ours {
                after.entry(key.clone()).or_insert_with(|| text.clone());
            }
        }
        if after == ours {
            continue;
        }
        let text = match source.get(path) {
            Some(text) if after == theirs => Some(text.clone()),
            Some(text) => Some(written(text, &after)),
            None => None,
        };
        let comes = after.keys().filter(|key| !ours.contains_key(*key)).count();
        let edited = after.iter().filter(|(key, text)| ours.get(*key).is_some_and(|own| own != *text)).count();
        let goes = ours.keys().filter(|key| !after.contains_key(*key)).count();
        changes.push(FileChange {
            path: path.clone(),
            before: target.get(path).cloned(),
            after: text,
            counts: [comes, edited, goes],
        });
    }
    Ok(changes)
}

/// A file with these texts, as the tool writes it (`dump_strings`), behind the head of another one.
fn written(model: &str, strings: &BTreeMap<String, String>) -> String {
    let head = model.find("$string").map_or("<?php\n\ndefined('MOODLE_INTERNAL') || die();\n\n", |at| &model[..at]);
    let mut text = head.to_owned();
    for (key, value) in strings {
        // Writing into a text cannot fail.
        let _ = writeln!(text, "$string['{}'] = {};", quoted(key), exported(value));
    }
    text
}

/// A text as `var_export` writes it.
fn exported(value: &str) -> String {
    format!("'{}'", quoted(value).replace('\0', "' . \"\\0\" . '"))
}

fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

/// Puts a file in its place, or back.
pub fn put_file(root: &Path, path: &str, from: Option<&str>, to: Option<&str>) -> Result<()> {
    let place: PathBuf = root.join(path);
    let Some(folder) = place.parent() else { return Ok(()) };
    if to.is_some() {
        make_like_parent(root)?;
        make_like_parent(folder)?;
    }
    swap_text(&place, from, to, LARGEST)?;
    if to.is_none() {
        // Where it was the only one; else the folder stays.
        let _ = fs::remove_dir(folder);
    }
    Ok(())
}

/// The rows of the tool that say how texts were changed: language, component, key, and the row.
pub type Rows = BTreeMap<(String, String, String), Record>;

/// Reads the rows that are meant; none where the tool is not installed.
pub async fn read_rows(db: &mut Db, choice: &Choice) -> Result<Rows> {
    let Some(shape) = db.table_shape(&TableName::parse(TABLE)?).await? else { return Ok(Rows::new()) };
    let components = components(db).await?;
    let columns: Vec<&ColumnShape> = shape.columns.iter().collect();
    let mut found = Rows::new();
    let select = "SELECT DISTINCT lang FROM {tool_customlang} WHERE local IS NOT NULL ORDER BY lang";
    let languages = db.fetch(select, &[]).await?;
    let languages: Vec<Value> = languages
        .iter()
        .filter_map(|row: &Row| row.text("lang"))
        .filter(|code| choice.means_language(code))
        .map(|code| json!(code))
        .collect();
    let Some(lang) = shape.column("lang").filter(|_| !languages.is_empty()) else { return Ok(found) };
    for (name, id) in components.iter().filter(|(name, _)| choice.means_component(name)) {
        let Some(componentid) = shape.column("componentid") else { continue };
        let filter = [(lang, languages.clone()), (componentid, vec![json!(id)])];
        for row in records::read(db, &shape, &columns, &filter, usize::MAX).await? {
            if row.get("local").is_some_and(|local| !local.is_null()) {
                let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
                found.insert((text("lang"), name.clone(), text("stringid")), row);
            }
        }
    }
    Ok(found)
}

async fn components(db: &mut Db) -> Result<BTreeMap<String, i64>> {
    let rows = db.fetch("SELECT id, name FROM {tool_customlang_components} ORDER BY id DESC", &[]).await?;
    Ok(rows.iter().filter_map(|row| Some((row.text("name")?.to_owned(), row.int("id")?))).collect())
}

/// What the source's rows make of the target's. A component that the target's tool does not know has no rows there: it reads
/// the files when it is opened.
pub async fn row_changes(db: &mut Db, source: &Rows, choice: &Choice, others: Others) -> Result<Vec<RowChange>> {
    let Some(shape) = db.table_shape(&TableName::parse(TABLE)?).await? else { return Ok(Vec::new()) };
    let ids = components(db).await?;
    let columns: Vec<&ColumnShape> = shape.columns.iter().collect();
    let mut changes = Vec::new();
    for ((lang, component, stringid), row) in source {
        let Some(id) = ids.get(component) else { continue };
        let key = json!({ "lang": lang, "componentid": id, "stringid": stringid });
        let key = key.as_object().cloned().unwrap_or_default();
        let filter: Vec<(&ColumnShape, Vec<Value>)> =
            key.iter().filter_map(|(name, value)| Some((shape.column(name)?, vec![value.clone()]))).collect();
        let there = records::read(db, &shape, &columns, &filter, 1).await?.into_iter().next();
        let part = |of: &Record, names: &[&str]| {
            names.iter().filter_map(|name| Some(((*name).to_owned(), of.get(*name)?.clone()))).collect::<Record>()
        };
        match there {
            Some(there) if there.get("local") == row.get("local") => {}
            Some(there) => {
                changes.push(RowChange { key, before: Some(part(&there, CHANGED)), after: Some(part(row, CHANGED)) });
            }
            None => {
                let mut after = part(row, WHOLE);
                after.extend(key.clone());
                changes.push(RowChange { key, before: None, after: Some(after) });
            }
        }
    }
    if others == Others::Go {
        for ((lang, component, stringid), row) in read_rows(db, choice).await? {
            if !source.contains_key(&(lang.clone(), component, stringid.clone())) {
                let key = json!({ "lang": lang, "componentid": row["componentid"], "stringid": stringid });
                let before: Record = CHANGED.iter().map(|name| ((*name).to_owned(), row[*name].clone())).collect();
                let mut after = before.clone();
                after.insert("local".to_owned(), Value::Null);
                after.insert("modified".to_owned(), json!(0));
                let key = key.as_object().cloned().unwrap_or_default();
                changes.push(RowChange { key, before: Some(before), after: Some(after) });
            }
        }
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> Files {
        list.iter().map(|(path, text)| ((*path).to_owned(), format!("<?php\n// Head.\n\n{text}"))).collect()
    }

    #[test]
    fn texts_of_the_source_are_laid_over_those_that_are_there() {
        let source = files(&[
            ("fr_local/moodle.php", "$string['a'] = 'L\\'un';\n"),
            ("fr_local/quiz.php", "$string['q'] = 'Q';\n"),
        ]);
        let target = files(&[
            ("fr_local/moodle.php", "$string['a'] = 'x';\n$string['b'] = 'keep \\\\ \\'it\\'';\n"),
            ("fr_local/quiz.php", "$string['q'] = 'Q';\n"),
            ("fr_local/other.php", "$string['o'] = 'O';\n"),
        ]);
        let changes = file_changes(&source, &target, Others::Stay).unwrap();
        assert_eq!(changes.len(), 1);
        assert_eq!((changes[0].path.as_str(), changes[0].counts), ("fr_local/moodle.php", [0, 1, 0]));
        let after = changes[0].after.clone().unwrap();
        assert_eq!(after, "<?php\n// Head.\n\n$string['a'] = 'L\\'un';\n$string['b'] = 'keep \\\\ \\'it\\'';\n");
        let again = Files::from([("fr_local/moodle.php".to_owned(), after)]);
        assert_eq!(file_changes(&files(&[]), &again, Others::Stay).unwrap(), []);

        let changes = file_changes(&source, &target, Others::Go).unwrap();
        let told: Vec<_> =
            changes.iter().map(|change| (change.path.as_str(), change.counts, change.after.is_some())).collect();
        assert_eq!(told, [("fr_local/moodle.php", [0, 1, 1], true), ("fr_local/other.php", [0, 0, 1], false)]);
    }

    #[test]
    fn only_files_of_languages_and_components_are_read_and_only_texts() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("fr_local/moodle.php", "<?php $string['a'] = 'x';");
        put("fr_local/quiz.php", "<?php $string['a'] = 'x';");
        put("fr_local/.hidden.php", "<?php bad();");
        put("fr_local/readme.txt", "no");
        put("de_local/moodle.php", "<?php bad();");
        put("fr/moodle.php", "<?php bad();");
        std::os::unix::fs::symlink("/etc", root.path().join("es_local")).unwrap();
        let read = |languages: &[&str], components: &[&str]| {
            let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
            read_files(root.path(), &Choice::new(words(languages), words(components))?)
        };
        let names = |files: Files| files.into_keys().collect::<Vec<_>>().join(" ");
        assert_eq!(names(read(&["fr"], &[]).unwrap()), "fr_local/moodle.php fr_local/quiz.php");
        assert_eq!(names(read(&["fr", "es"], &["mod_quiz"]).unwrap()), "fr_local/quiz.php");
        assert_eq!(read(&[], &[]).unwrap_err().kind(), Kind::ConfigUnreadable);
        for bad in [read(&["../x"], &[]), read(&["fr_local"], &[]), read(&[], &["../x"]), read(&["f"], &[])] {
            assert_eq!(bad.unwrap_err().kind(), Kind::BadParameter);
        }
        assert!(read_files(&root.path().join("nothing"), &Choice::default()).unwrap().is_empty());
    }

    #[test]
    fn a_text_is_written_as_php_exports_it() {
        let strings = BTreeMap::from([("k".to_owned(), "l'été \\ \0 {$a}\n".to_owned())]);
        let text = written("<?php\n$string['k'] = 'x';", &strings);
        assert_eq!(configphp::strings(text.as_bytes()).unwrap(), strings.into_iter().collect::<Vec<_>>());
        assert!(text.contains("'l\\'été \\\\ ' . \"\\0\" . ' {$a}\n';"), "{text}");
    }
}
