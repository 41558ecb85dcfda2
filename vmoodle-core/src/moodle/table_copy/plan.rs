//! What of a table would come, change or go.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::{Value, json};

use super::Declared;
use super::reference::{self, Names, Rule};
use crate::db::{ColumnShape, ColumnType, Db, TableShape};
use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::ident::TableName;
use crate::moodle::contents::{is_secret_by_name, is_secret_name};
use crate::moodle::records::{self, Record, RowChange};

/// The most rows that are copied at once.
const MOST: usize = 20_000;

/// How many values of a column one statement names.
const NAMED: usize = 500;

/// Tables that are not copied so, and what is there for them.
const REFUSED: &[(&str, &str)] = &[
    ("config", "use `set_config`"),
    ("config_plugins", "use `copy_plugin_config`"),
    ("config_log", "it is a log"),
    ("context", "contexts belong to what is in them"),
    ("files", "use `copy_file`"),
    ("files_reference", "a hash stands beside its texts"),
    ("mnet_host", "it says who a site's peers are"),
    ("role", "use `role_sync`"),
    ("role_allow_assign", "use `allow_sync`"),
    ("role_allow_override", "use `allow_sync`"),
    ("role_allow_switch", "use `allow_sync`"),
    ("role_allow_view", "use `allow_sync`"),
    ("role_capabilities", "use `role_sync`"),
    ("role_context_levels", "use `role_sync`"),
    ("sessions", "sessions end with their site"),
    ("task_adhoc", "it is a queue"),
    ("tool_customlang", "use `sync_language_customisation`"),
];

/// What is copied.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The table.
    pub table: TableName,
    /// The columns that tell a row from all others; those of the only unique index where none is named.
    pub key: Vec<String>,
    /// Columns that are not copied; a row that comes has their defaults.
    pub skip: Vec<String>,
    /// Only rows with these values, by column: one or a list.
    pub filter: Record,
    /// Rules for columns that hold ids of other tables.
    pub references: Record,
    /// Whether rows of the target that the source has not, go.
    pub delete: bool,
    /// Whether secrets are copied too: columns of them, and rows whose name makes one of their value.
    pub secrets: bool,
}

/// How many rows come, change and go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Come.
    pub inserts: usize,
    /// Change.
    pub updates: usize,
    /// Go.
    pub deletes: usize,
}

impl Counts {
    /// Of these changes.
    pub fn of(changes: &[RowChange]) -> Self {
        let count = |wanted: (bool, bool)| {
            changes.iter().filter(|change| (change.before.is_some(), change.after.is_some()) == wanted).count()
        };
        Self { inserts: count((false, true)), updates: count((true, true)), deletes: count((true, false)) }
    }
}

/// The rows of the source, read once for all targets.
#[derive(Debug)]
pub struct Source {
    wish: Wish,
    key: Vec<String>,
    rules: HashMap<String, Rule>,
    columns: Vec<ColumnShape>,
    rows: Vec<Record>,
    names: Names,
}

impl Source {
    /// Reads what is to be copied.
    ///
    /// Fails with [`Kind::BadParameter`] where the table is none that is copied so, no key can be told, a name is no column, two
    /// rows have one key, or a value is copied without the name that may make it a secret; and where there are more than 20,000
    /// rows.
    pub async fn read(db: &mut Db, wish: Wish, declared: &Declared) -> Result<Self> {
        let bad = |message: String| Error::new(Kind::BadParameter, message);
        let table = wish.table.as_str();
        let is_log = table.split('_').any(|word| matches!(word, "log" | "logs"));
        let is_farm = table == "local_vmoodle" || table.starts_with("local_vmoodle_");
        let refused = REFUSED.iter().find(|(name, _)| *name == table).map(|(_, why)| *why);
        if let Some(why) = refused.or_else(|| (is_log || is_farm).then_some("it is a log, or the farm's own")) {
            return Err(bad(format!("`{table}` is not copied: {why}")));
        }
        let shape = records::shape(db, &wish.table).await?;
        if let Some(other) = shape.columns.iter().find(|column| column.kind == ColumnType::Other) {
            return Err(bad(format!("`{table}` is not copied: `{}` holds neither text nor number", other.name)));
        }
        let key = key(&shape, &wish)?;
        if let Some(name) = key.iter().find(|name| !wish.secrets && is_secret_name(table, name)) {
            return Err(bad(format!("`{table}.{name}` is a secret, which is a key only where `secrets` is given")));
        }
        for name in wish.skip.iter().chain(wish.filter.keys()) {
            if shape.column(name).is_none() {
                return Err(bad(format!("`{table}` has no column `{}`", escape(name))));
            }
        }
        let is_copied = |column: &&ColumnShape| {
            let name = column.name.as_str();
            key.iter().any(|key| key == name)
                || !wish.skip.iter().any(|skip| skip == name) && (wish.secrets || !is_secret_name(table, name))
        };
        let columns: Vec<ColumnShape> = shape.columns.iter().filter(is_copied).cloned().collect();
        let has = |name: &str| columns.iter().any(|column| column.name.as_str() == name);
        if has("value") && !has("name") && shape.column("name").is_some() {
            let message =
                format!("`{table}.name` tells which values are secrets: it is left out together with `value` only");
            return Err(bad(message).hint("name both in `skip`, or neither"));
        }
        let mut rules = reference::rules(&shape, &wish.references, declared)?;
        rules.retain(|name, _| columns.iter().any(|column| column.name.as_str() == name));
        let rows = chosen(db, &shape, &columns, &wish.filter).await?;
        let names = reference::names(db, &rules, &rows).await?;
        let source = Self { wish, key, rules, columns, rows, names };
        source.indexed(&source.rows)?;
        Ok(source)
    }

    /// The key that rows are told from each other by.
    pub fn key(&self) -> &[String] {
        &self.key
    }

    /// What would come, change or go on a target. A row that is a secret, here or there, is left as it is unless secrets are
    /// meant.
    ///
    /// Fails with [`Kind::StateRefused`] where a row refers to something that the target has not, or whose column has no rule;
    /// and with [`Kind::BadParameter`] where the target's table has not the same columns.
    pub async fn changes(&self, db: &mut Db) -> Result<Vec<RowChange>> {
        let shape = records::shape(db, &self.wish.table).await?;
        if let Some(missing) = self.columns.iter().find(|column| shape.column(column.name.as_str()).is_none()) {
            let message = format!("`{}` has no column `{}` here", self.wish.table, missing.name);
            return Err(Error::new(Kind::BadParameter, message).hint("upgrade the tenant first"));
        }
        let ids = reference::ids(db, &self.rules, &self.names).await?;
        let mut wanted = Vec::new();
        for row in &self.rows {
            match self.mapped(row, &ids) {
                // It does not come, so what it refers to need not be here.
                Err(_) if self.is_left(row) => {}
                mapped => wanted.push(mapped?),
            }
        }
        let mut filter = self.wish.filter.clone();
        // What the source means by an id is another one here.
        filter.retain(|name, _| matches!(self.rules.get(name), None | Some(Rule::Keep)));
        let is_same_set = filter.len() == self.wish.filter.len();
        if self.wish.delete && !is_same_set {
            let message = "rows cannot be deleted where `filter` names ids of another table";
            return Err(Error::new(Kind::BadParameter, message));
        }
        // Not by the filter: a row that it leaves out here may have the key of one that comes.
        let here = chosen(db, &shape, &self.columns, &self.around(&wanted)).await?;
        let folds = db.engine().is_mysql();
        let there = self.indexed(&here)?;
        let by_fold: HashMap<String, &Record> =
            here.iter().filter(|_| folds).map(|row| (folded(&self.key_of(row)), row)).collect();
        let mut changes = Vec::new();
        let mut kept = HashSet::new();
        for after in wanted {
            let key = self.key_of(&after);
            let before = there.get(&key.to_string()).copied().or_else(|| by_fold.get(&folded(&key)).copied());
            kept.extend(before.map(|before| before["id"].as_i64()));
            if self.is_left(&after) || before.is_some_and(|before| self.is_left(before)) {
                continue;
            }
            if let Some(before) = before {
                let mut same = before.clone();
                same.remove("id");
                if same != after {
                    let key = self.key_of(before).as_object().cloned().unwrap_or_default();
                    changes.push(RowChange { key, before: Some(same), after: Some(after) });
                }
            } else {
                let key = key.as_object().cloned().unwrap_or_default();
                changes.push(RowChange { key, before: None, after: Some(after) });
            }
        }
        if self.wish.delete {
            // With every column, so that all of the row can come back.
            let whole: Vec<ColumnShape> = shape.columns.clone();
            for row in chosen(db, &shape, &whole, &filter).await? {
                if !kept.contains(&row["id"].as_i64()) && !self.is_left(&row) {
                    let key = self.key_of(&row).as_object().cloned().unwrap_or_default();
                    changes.push(RowChange { key, before: Some(row), after: None });
                }
            }
        }
        Ok(changes)
    }

    /// Whether a row is a secret by its name, and secrets are not meant.
    fn is_left(&self, row: &Record) -> bool {
        let text = |name: &str| row.get(name).and_then(Value::as_str);
        !self.wish.secrets && text("value").is_some_and(|value| is_secret_by_name(text("name"), "value", value))
    }

    /// A row as the target has it.
    fn mapped(&self, row: &Record, ids: &HashMap<String, HashMap<String, i64>>) -> Result<Record> {
        let mut mapped = row.clone();
        mapped.remove("id");
        for (column, rule) in &self.rules {
            let Some(id) = row.get(column) else { continue };
            let is_none = id.as_i64().is_none_or(|id| id <= 0);
            let value = match rule {
                Rule::Value(value) => value.clone(),
                Rule::Keep => continue,
                _ if is_none => continue,
                Rule::Unsaid => return Err(self.unmapped(column, id, "nothing is said of what it refers to")),
                Rule::By { .. } | Rule::System => {
                    let name = id.as_i64().and_then(|id| self.names.get(column)?.get(&id));
                    let own = name.and_then(|name| ids.get(column)?.get(name));
                    match (own, name) {
                        (Some(own), _) => json!(own),
                        (None, Some(name)) if !name.is_empty() => {
                            return Err(self.unmapped(column, id, &format!("this tenant has no `{}`", escape(name))));
                        }
                        (None, _) => return Err(self.unmapped(column, id, "the source itself has no such row")),
                    }
                }
            };
            mapped.insert(column.clone(), value);
        }
        Ok(mapped)
    }

    fn unmapped(&self, column: &str, id: &Value, why: &str) -> Error {
        let message = format!("`{}.{column}` refers to {id}: {why}", self.wish.table);
        Error::new(Kind::StateRefused, message).hint(format!(
            "give a rule in `references`, such as `{{\"{column}\": \"user.username\"}}`, `keep` or `{{\"value\": 0}}`, or leave the \
             column out with `skip`"
        ))
    }

    /// A filter that every row has which has the key of one of these, and few others where they are few.
    fn around(&self, rows: &[Record]) -> Record {
        let mut filter = Record::new();
        for name in &self.key {
            let values: HashSet<&Value> = rows.iter().filter_map(|row| row.get(name)).collect();
            if values.len() <= NAMED {
                filter.insert(name.clone(), values.into_iter().cloned().collect());
            }
        }
        filter
    }

    fn key_of(&self, row: &Record) -> Value {
        self.key
            .iter()
            .map(|name| (name.clone(), row.get(name).cloned().unwrap_or_default()))
            .collect::<Record>()
            .into()
    }

    /// The rows by their keys. Fails where two have one.
    fn indexed<'r>(&self, rows: &'r [Record]) -> Result<HashMap<String, &'r Record>> {
        let mut found = HashMap::new();
        for row in rows {
            let key = self.key_of(row).to_string();
            if found.insert(key.clone(), row).is_some() {
                let message = format!("`{}` has two rows whose key is {key}", self.wish.table);
                return Err(Error::new(Kind::BadParameter, message)
                    .hint("name in `key` the columns that tell a row from all others"));
            }
        }
        Ok(found)
    }
}

/// The key that is named, or the columns of the only unique index; of several, the one whose columns are no ids.
fn key(shape: &TableShape, wish: &Wish) -> Result<Vec<String>> {
    if !wish.key.is_empty() {
        if let Some(name) = wish.key.iter().find(|name| shape.column(name).is_none()) {
            let message = format!("`{}` has no column `{}`", shape.name, escape(name));
            return Err(Error::new(Kind::BadParameter, message));
        }
        return Ok(wish.key.clone());
    }
    let has_id = |columns: &&Vec<String>| columns.iter().any(|name| name.ends_with("id"));
    let without: BTreeSet<&Vec<String>> = shape.unique.iter().filter(|columns| !has_id(columns)).collect();
    let all: BTreeSet<&Vec<String>> = shape.unique.iter().collect();
    let only = |set: &BTreeSet<&Vec<String>>| (set.len() == 1).then(|| set.first().map(|key| (*key).clone())).flatten();
    only(&without).or_else(|| only(&all)).ok_or_else(|| {
        let message = format!("what tells the rows of `{}` from each other is not known", shape.name);
        Error::new(Kind::BadParameter, message).hint("name the columns in `key`")
    })
}

async fn chosen(db: &mut Db, shape: &TableShape, columns: &[ColumnShape], filter: &Record) -> Result<Vec<Record>> {
    let columns: Vec<&ColumnShape> = columns.iter().collect();
    let mut conditions = Vec::new();
    for (name, value) in filter {
        let Some(column) = shape.column(name) else { continue };
        let values = match value {
            Value::Array(values) => values.clone(),
            one => vec![one.clone()],
        };
        conditions.push((column, values));
    }
    let rows = records::read(db, shape, &columns, &conditions, MOST).await?;
    if rows.len() > MOST {
        let message = format!("`{}` has more than {MOST} rows that are meant", shape.name);
        return Err(
            Error::new(Kind::BadParameter, message).hint("copy some of them at a time: name values in `filter`")
        );
    }
    Ok(rows)
}

/// A key as MariaDB's collations compare it, roughly: a row that differs in case only is the same one.
fn folded(key: &Value) -> String {
    key.to_string().to_lowercase()
}
