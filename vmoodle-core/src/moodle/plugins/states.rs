//! What a site says of its plugins, read in one query.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::cell::{Cell, Difference};
use super::plugin::Plugin;
use super::table::{Kept, Owner, PluginType, TYPES, Table};
use crate::db::{Db, Param, Row, Sql};
use crate::error::{Error, Kind, Result};
use crate::moodle::site::no_moodle;

/// Whether a plugin is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// On.
    Enabled,
    /// A filter that courses may turn on, a type of repository that nobody is offered.
    Available,
    /// Off.
    Disabled,
}

impl State {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Available => "available",
            Self::Disabled => "disabled",
        }
    }

    /// The state of a word. Fails with `bad_parameter`.
    pub fn parse(word: &str) -> Result<Self> {
        [Self::Enabled, Self::Available, Self::Disabled].into_iter().find(|state| state.word() == word).ok_or_else(
            || {
                Error::new(Kind::BadParameter, format!("`{}` is no state of a plugin", crate::host::escape(word)))
                    .hint("choose one of: enabled, available, disabled")
            },
        )
    }
}

/// The values of a site that hold the states of its plugins, and which plugins are installed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct States {
    /// Every value that is there.
    pub(super) cells: BTreeMap<Cell, Value>,
    /// The version that the site has of each plugin, by full name.
    pub(super) installed: BTreeMap<String, String>,
    /// The activities that change with a module: numbers by `visible/visibleold`.
    pub(super) activities: BTreeMap<String, BTreeMap<String, Vec<i64>>>,
}

/// What is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// The types whose plugins are read; all plugins, those without a state too, where there are none.
    pub kinds: &'a [&'static PluginType],
    /// Modules whose activities are read, where the module is not in this state already.
    pub modules: &'a [(&'a str, State)],
}

const TABLES: [(Table, &str); 5] = [
    (Table::Modules, " UNION ALL SELECT 'mod', '', name, '', id, visible, 0 FROM {modules}"),
    (Table::Blocks, " UNION ALL SELECT 'block', '', name, '', id, visible, 0 FROM {block}"),
    (Table::Processors, " UNION ALL SELECT 'message', '', name, '', id, enabled, 0 FROM {message_processors}"),
    (Table::Repositories, " UNION ALL SELECT 'repository', '', type, '', id, visible, 0 FROM {repository}"),
    (Table::Portfolios, " UNION ALL SELECT 'portfolio', '', plugin, '', id, visible, 0 FROM {portfolio_instance}"),
];

const SETTINGS: &str = "SELECT 'setting' AS source, plugin AS owner, name AS name, value AS value, 0 AS id, \
    0 AS state, 0 AS place FROM {config_plugins} WHERE ";

const FILTERS: &str = " UNION ALL SELECT 'filter', '', filter, '', id, active, sortorder FROM {filter_active} \
    WHERE contextid = (SELECT id FROM {context} WHERE contextlevel = 10)";

const ACTIVITIES: &str = " UNION ALL SELECT 'activity', '', m.name, '', cm.id, cm.visible, cm.visibleold \
    FROM {course_modules} cm JOIN {modules} m ON m.id = cm.module WHERE ";

impl States {
    /// Reads a site. Fails with `no_moodle` where there is none.
    pub async fn read(db: &mut Db, asked: Asked<'_>) -> Result<Self> {
        let (sql, params) = query(asked);
        let rows = db.fetch(sql, &params).await.map_err(no_moodle)?;
        let mut states = Self::default();
        for row in &rows {
            states.take(row);
        }
        Ok(states)
    }

    fn take(&mut self, row: &Row) {
        let text = |column| row.text(column).unwrap_or_default().to_owned();
        let number = |column| row.int(column).unwrap_or(0);
        let (source, owner, name, value) = (text("source"), text("owner"), text("name"), text("value"));
        match source.as_str() {
            "setting" if name == "version" => {
                self.installed.insert(owner, value);
            }
            "setting" => self.put(Cell::Setting(owner, name), json!(value)),
            "core" => self.put(Cell::Core(name), json!(value)),
            "filter" => self.put_filter(&name, filter_state(number("state")), number("place")),
            "activity" => {
                let seen = format!("{}/{}", number("state"), number("place"));
                self.activities.entry(name).or_default().entry(seen).or_default().push(number("id"));
            }
            kind => {
                let Some(table) = Table::of(kind) else { return };
                let off = if table == Table::Repositories { State::Available } else { State::Disabled };
                let state = if number("state") == 1 { State::Enabled } else { off };
                let cell = Cell::Row(table, name);
                // A portfolio may have several rows: one that is on is enough.
                if self.get(&cell) != &json!(State::Enabled.word()) {
                    self.put(cell, json!(state.word()));
                }
            }
        }
    }

    /// The version that the site has of a plugin; `None` where it is not installed.
    pub fn version(&self, plugin: &str) -> Option<&str> {
        self.installed.get(plugin).map(String::as_str)
    }

    /// The full names of the plugins that are installed.
    pub fn installed(&self) -> impl Iterator<Item = &str> {
        self.installed.keys().map(String::as_str)
    }

    /// The names, within their type, of the installed plugins of a type.
    pub fn installed_of(&self, kind: &'static PluginType) -> Vec<String> {
        self.installed().filter_map(|full| full.strip_prefix(kind.name)?.strip_prefix('_')).map(str::to_owned).collect()
    }

    pub(super) fn get(&self, cell: &Cell) -> &Value {
        self.cells.get(cell).unwrap_or(&Value::Null)
    }

    /// A setting's text; `None` where it is not there.
    pub(super) fn setting(&self, plugin: &str, name: &str) -> Option<&str> {
        self.get(&setting(plugin, name)).as_str()
    }

    pub(super) fn put(&mut self, cell: Cell, value: Value) {
        if value.is_null() {
            self.cells.remove(&cell);
        } else {
            self.cells.insert(cell, value);
        }
    }

    pub(super) fn put_filter(&mut self, name: &str, state: State, position: i64) {
        self.put(Cell::Filter(name.to_owned()), json!({ "state": state.word(), "position": position }));
    }

    /// What must change in a site that stands as `from` to stand like this.
    pub fn differences(&self, from: &Self) -> Vec<Difference> {
        let mut cells: Vec<&Cell> = from.cells.keys().chain(self.cells.keys()).collect();
        cells.sort();
        cells.dedup();
        let mut found = Vec::new();
        for cell in cells.into_iter().filter(|cell| from.get(cell) != self.get(cell)) {
            let (before, after) = (from.get(cell).clone(), self.get(cell).clone());
            if let Cell::Row(Table::Modules, name) = cell {
                found.extend(activities(name, &after, from.activities.get(name)));
            }
            found.push(Difference { cell: cell.clone(), before, after });
        }
        found
    }
}

/// The activities that change with their module, as Moodle changes them (`lib/classes/plugininfo/mod.php`): off remembers
/// their visibility, on brings it back.
fn activities(name: &str, after: &Value, seen: Option<&BTreeMap<String, Vec<i64>>>) -> Option<Difference> {
    let on = after == &json!(State::Enabled.word());
    let (mut before, mut then) = (BTreeMap::<String, Vec<i64>>::new(), BTreeMap::<String, Vec<i64>>::new());
    for (pair, ids) in seen? {
        let (visible, old) = pair.split_once('/')?;
        let new = match (on, old) {
            (true, "1") => "1/1".to_owned(),
            (true, _) => continue,
            (false, _) => format!("0/{visible}"),
        };
        if new != *pair {
            before.insert(pair.clone(), ids.clone());
            then.entry(new).or_default().extend(ids);
        }
    }
    let cell = Cell::Activities(name.to_owned());
    (!before.is_empty()).then(|| Difference { cell, before: json!(before), after: json!(then) })
}

/// The cell of a setting; of core where the plugin is empty.
pub(super) fn setting(plugin: &str, name: &str) -> Cell {
    if plugin.is_empty() { Cell::Core(name.to_owned()) } else { Cell::Setting(plugin.to_owned(), name.to_owned()) }
}

/// `TEXTFILTER_ON` and its siblings (lib/filterlib.php).
pub(super) const FILTER_NUMBERS: [(State, i64); 3] =
    [(State::Enabled, 1), (State::Available, -1), (State::Disabled, -9999)];

fn filter_state(number: i64) -> State {
    FILTER_NUMBERS.iter().find(|(_, known)| *known == number).map_or(State::Disabled, |(state, _)| *state)
}

/// The query and its parameters; what a type needs is read for that type only.
fn query(asked: Asked<'_>) -> (Sql, Vec<Param>) {
    let all: Vec<&PluginType> = TYPES.iter().collect();
    let kinds: Vec<&PluginType> =
        if asked.kinds.is_empty() { all } else { asked.kinds.iter().map(|kind| &**kind).collect() };
    let has = |name: &str| kinds.iter().any(|kind| kind.name == name);
    let (mut parts, mut params) = (vec![SETTINGS], Vec::<Param>::new());
    let mut core: Vec<&str> = Vec::new();
    if asked.kinds.is_empty() {
        parts.push("name IN ('version', 'disabled', 'enabled')");
    } else {
        parts.push("plugin = ''");
        for kind in &kinds {
            let prefix = match &kind.kept {
                // Its plugins' versions stand under the type's own name.
                Kept::Flag(flag) => match flag.owner {
                    Owner::Each(prefix) if prefix.strip_suffix('_') != Some(kind.name) => Some(prefix),
                    _ => None,
                },
                _ => None,
            };
            for prefix in prefix.map(str::to_owned).into_iter().chain([format!("{}_", kind.name)]) {
                parts.push(" OR (plugin LIKE ? ESCAPE '!' AND name IN ('version', 'disabled', 'enabled'))");
                params.push(format!("{}%", prefix.replace('_', "!_")).into());
            }
        }
    }
    for kind in &kinds {
        let (list, order) = match &kind.kept {
            Kept::List(list) => (Some(list.setting), None),
            Kept::Flag(flag) => (None, flag.order),
            _ => (None, None),
        };
        for (plugin, name) in list.into_iter().chain(order) {
            if plugin.is_empty() {
                core.push(name);
            } else {
                parts.push(" OR (plugin = ? AND name = ?)");
                params.extend([plugin.into(), name.into()]);
            }
        }
    }
    if has("qtype") {
        parts.push(" OR (plugin = 'question' AND name LIKE '%!_disabled' ESCAPE '!')");
    }
    if has("format") {
        parts.push(" OR (plugin = 'moodlecourse' AND name = 'format')");
    }
    core.extend(if has("auth") { &["registerauth"][..] } else { &[] });
    core.extend(if has("filter") { &["stringfilters", "filterall"][..] } else { &[] });
    if !core.is_empty() {
        parts.push(" UNION ALL SELECT 'core', '', name, value, 0, 0, 0 FROM {config} WHERE name IN (?");
        parts.extend(core.iter().skip(1).map(|_| ", ?"));
        parts.push(")");
        params.extend(core.into_iter().map(Param::from));
    }
    for (table, select) in TABLES {
        if has(table.kind()) || (table == Table::Modules && has("bbbext")) {
            parts.push(select);
        }
    }
    if has("filter") {
        parts.push(FILTERS);
    }
    if !asked.modules.is_empty() {
        parts.push(ACTIVITIES);
        for (number, (name, state)) in asked.modules.iter().enumerate() {
            parts.push(if number == 0 { "" } else { " OR " });
            let off = *state == State::Enabled;
            parts.push(if off { "(m.name = ? AND m.visible <> 1)" } else { "(m.name = ? AND m.visible = 1)" });
            params.push((*name).into());
        }
    }
    (Sql::joined(&parts), params)
}

/// The full names of a list of plugins, each read. Fails as [`Plugin::parse`].
pub fn plugins(names: &[String]) -> Result<Vec<Plugin<'_>>> {
    names.iter().map(|name| Plugin::parse(name)).collect()
}
