//! What would change where a plugin is turned on or off, or gets another place: pure.

use serde_json::{Value, json};

use super::cell::Cell;
use super::plugin::Plugin;
use super::states::{State, States, setting};
use super::table::{Flag, Kept, List, PluginType, Table};
use crate::error::{Error, Kind, Result};
use crate::host::escape;

/// Authentication that is always on (`lib/classes/plugininfo/auth.php`).
const ALWAYS_ON: [&str; 2] = ["manual", "nologin"];

/// The editors of a site that names none (`lib/classes/plugininfo/editor.php`).
const EDITORS: [&str; 3] = ["atto", "tinymce", "textarea"];

/// The ranks of Moodle's players (`media/player/*/classes/plugin.php`, `get_rank`): the higher comes first. One that is not
/// here comes last, as a player without a class does.
const PLAYERS: [(&str, u32); 5] =
    [("html5audio", 20), ("html5video", 50), ("videojs", 2000), ("vimeo", 1010), ("youtube", 1001)];

/// Where a plugin is put among those that are on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// One before.
    Up,
    /// One behind.
    Down,
    /// Before all.
    First,
    /// Behind all.
    Last,
    /// At this place, from 1; behind all where there are fewer.
    At(usize),
}

impl Position {
    /// Reads a word or a number. Fails with `bad_parameter`.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "up" => Ok(Self::Up),
            "down" => Ok(Self::Down),
            "first" => Ok(Self::First),
            "last" => Ok(Self::Last),
            _ => text.parse().ok().filter(|number| *number > 0).map(Self::At).ok_or_else(|| {
                Error::new(Kind::BadParameter, format!("`{}` is no position", escape(text)))
                    .hint("give up, down, first, last, or a number from 1")
            }),
        }
    }

    /// Whether applying it again moves the plugin on.
    pub fn is_relative(self) -> bool {
        matches!(self, Self::Up | Self::Down)
    }
}

impl States {
    /// A plugin's state; `None` where it is not installed.
    ///
    /// It is what `enable_plugin` changes: that of a web service's protocol says nothing of `enablewebservices`.
    pub fn state(&self, plugin: Plugin<'_>) -> Option<State> {
        self.version(&plugin.to_string())?;
        let on = |on: bool| if on { State::Enabled } else { State::Disabled };
        match &plugin.kind.kept {
            Kept::Row(table @ (Table::Repositories | Table::Portfolios)) => {
                Some(self.row(*table, plugin.name).unwrap_or(State::Disabled))
            }
            Kept::Row(table) => self.row(*table, plugin.name),
            Kept::Filters => {
                let value = self.get(&Cell::Filter(plugin.name.to_owned()));
                Some(value["state"].as_str().and_then(|word| State::parse(word).ok()).unwrap_or(State::Disabled))
            }
            Kept::Flag(flag) => {
                let (owner, name) = flag.setting(plugin.name);
                Some(on(flag.is_on(self.setting(&owner, &name))))
            }
            Kept::List(list) => {
                let names = self.names(list);
                let listed = names.iter().any(|name| name.strip_prefix(list.prefix) == Some(plugin.name));
                let implied = match plugin.kind.name {
                    "auth" => ALWAYS_ON.contains(&plugin.name),
                    "editor" => names.is_empty() && EDITORS.contains(&plugin.name),
                    _ => false,
                };
                Some(on(listed != list.lists_off || implied))
            }
        }
    }

    /// Turns a plugin on or off. Fails with `state_refused` for what Moodle refuses or needs PHP for, and where the plugin is
    /// not installed.
    pub fn set(&mut self, plugin: Plugin<'_>, wanted: State) -> Result<()> {
        let refused = |why: &str| Error::new(Kind::StateRefused, format!("`{plugin}` {why}"));
        let now = self.state(plugin).ok_or_else(|| refused("is not installed on this tenant"))?;
        if wanted == State::Available && !plugin.kind.has_available() {
            return Err(refused("knows two states only").hint("give enabled or disabled"));
        }
        if now == wanted {
            return Ok(());
        }
        match &plugin.kind.kept {
            // A type of repository that is off has no row: Moodle makes and deletes its instances (see `Cell::is_moodles`).
            Kept::Row(Table::Repositories) if wanted == State::Disabled => {
                self.put(Cell::Row(Table::Repositories, plugin.name.to_owned()), Value::Null);
            }
            Kept::Row(table) => self.put(Cell::Row(*table, plugin.name.to_owned()), json!(wanted.word())),
            Kept::Filters => self.set_filter(plugin.name, wanted),
            Kept::Flag(flag) => self.set_flag(plugin, flag, wanted)?,
            Kept::List(list) => self.set_listed(plugin, list, wanted)?,
        }
        Ok(())
    }

    fn set_flag(&mut self, plugin: Plugin<'_>, flag: &Flag, wanted: State) -> Result<()> {
        let refused = |why: &str| Error::new(Kind::StateRefused, format!("`{plugin}` {why}"));
        let on = wanted == State::Enabled;
        if plugin.kind.name == "format" && !on && self.setting("moodlecourse", "format") == Some(plugin.name) {
            return Err(refused("is the format of new courses, which cannot be turned off")
                .hint("give new courses another format first: the setting `moodlecourse/format`"));
        }
        if plugin.kind.name == "bbbext" && self.row(Table::Modules, "bigbluebuttonbn") != Some(State::Enabled) {
            return Err(refused("is part of `mod_bigbluebuttonbn`, which is off").hint("turn that on first"));
        }
        let (owner, name) = flag.setting(plugin.name);
        let value = if on { flag.on } else { flag.off };
        self.put(setting(&owner, &name), json!(value));
        if plugin.kind.name == "factor" {
            self.order_factor(plugin.name, on);
        }
        Ok(())
    }

    /// The order of factors, as `do_factor_action` (admin/tool/mfa/classes/manager.php) leaves it: the first is not seen.
    fn order_factor(&mut self, name: &str, on: bool) {
        let mut names: Vec<String> =
            self.setting("tool_mfa", "factor_order").unwrap_or_default().split(',').map(str::to_owned).collect();
        let seen = names.iter().position(|one| one == name).filter(|at| *at > 0);
        match (on, seen) {
            (true, None) => names.push(name.to_owned()),
            (false, Some(at)) => {
                names.remove(at);
            }
            _ => return,
        }
        self.put(setting("tool_mfa", "factor_order"), json!(names.join(",")));
    }

    fn set_listed(&mut self, plugin: Plugin<'_>, list: &List, wanted: State) -> Result<()> {
        let on = wanted == State::Enabled;
        let own = format!("{}{}", list.prefix, plugin.name);
        let mut names = self.names(list);
        let kind = plugin.kind.name;
        if kind == "auth" && ALWAYS_ON.contains(&plugin.name) {
            return Err(Error::new(Kind::StateRefused, format!("`{plugin}` is always on in Moodle")));
        }
        if kind == "webservice" {
            names.retain(|name| self.version(&format!("webservice_{name}")).is_some());
        }
        if on == list.lists_off {
            names.retain(|name| *name != own);
        } else {
            let at = if kind == "media" { place_of_player(&names, plugin.name) } else { names.len() };
            names.insert(at, own);
        }
        if matches!(kind, "media" | "fileconverter" | "paygw") {
            names.retain(|name| self.version(&format!("{kind}_{name}")).is_some());
        }
        if kind == "editor" && names.is_empty() {
            if plugin.name == "textarea" {
                return Err(Error::new(
                    Kind::StateRefused,
                    format!("`{plugin}` is the last editor, which cannot be turned off"),
                )
                .hint("turn another editor on first"));
            }
            names.push("textarea".to_owned());
        }
        if kind == "auth" && !on && self.setting("", "registerauth") == Some(plugin.name) {
            self.put(setting("", "registerauth"), json!(""));
        }
        self.put_names(list, &names);
        Ok(())
    }

    /// Gives a plugin another place among those that are on. Fails with `state_refused` where it is off, and with
    /// `bad_parameter` where there is no order.
    pub fn place(&mut self, plugin: Plugin<'_>, position: Position) -> Result<()> {
        if !plugin.kind.is_ordered() {
            return Err(Error::new(
                Kind::BadParameter,
                format!("plugins of type `{}` have no order", plugin.kind.name),
            ));
        }
        let mut names = self.order(plugin.kind);
        let from = names.iter().position(|name| name == plugin.name).ok_or_else(|| {
            Error::new(Kind::StateRefused, format!("`{plugin}` has no place among those that are on"))
                .hint("turn it on first")
        })?;
        let last = names.len() - 1;
        let to = match position {
            Position::Up => from.saturating_sub(1),
            Position::Down => (from + 1).min(last),
            Position::First => 0,
            Position::Last => last,
            Position::At(number) => (number - 1).min(last),
        };
        let name = names.remove(from);
        names.insert(to, name);
        self.put_order(plugin.kind, &names);
        Ok(())
    }

    /// The plugins of a type in their order, those that are on; of content types, data formats and factors all.
    pub fn order(&self, kind: &'static PluginType) -> Vec<String> {
        match &kind.kept {
            Kept::List(list) => {
                let names = self.names(list);
                names.iter().filter_map(|name| name.strip_prefix(list.prefix)).map(str::to_owned).collect()
            }
            Kept::Filters => self.active_filters(),
            Kept::Flag(Flag { order: Some((plugin, name)), .. }) => {
                let installed = self.installed_of(kind);
                let mut names: Vec<String> = words(self.setting(plugin, name).unwrap_or_default());
                names.retain(|name| installed.contains(name));
                let rest: Vec<String> = installed.into_iter().filter(|name| !names.contains(name)).collect();
                // Factors that are off have no place.
                names.extend(rest.into_iter().filter(|_| kind.name != "factor"));
                names
            }
            Kept::Row(_) | Kept::Flag(_) => Vec::new(),
        }
    }

    /// Brings the plugins of a type into the order of another site; those that the other does not have stay behind.
    pub fn arrange(&mut self, kind: &'static PluginType, like: &[String]) {
        let own = self.order(kind);
        let common: Vec<&String> = like.iter().filter(|name| own.contains(name)).collect();
        if own.iter().filter(|name| common.contains(name)).eq(common.iter().copied()) {
            return;
        }
        let rest = own.iter().filter(|name| !common.contains(name));
        let names: Vec<String> = common.iter().copied().chain(rest).cloned().collect();
        self.put_order(kind, &names);
    }

    fn put_order(&mut self, kind: &'static PluginType, names: &[String]) {
        if *names == self.order(kind) {
            return;
        }
        match &kind.kept {
            Kept::List(list) => {
                let names: Vec<String> = names.iter().map(|name| format!("{}{name}", list.prefix)).collect();
                self.put_names(list, &names);
            }
            Kept::Filters => self.order_filters(names),
            Kept::Flag(Flag { order: Some((plugin, name)), .. }) => {
                self.put(setting(plugin, name), json!(names.join(",")));
            }
            Kept::Row(_) | Kept::Flag(_) => {}
        }
    }

    fn row(&self, table: Table, name: &str) -> Option<State> {
        self.get(&Cell::Row(table, name.to_owned())).as_str().and_then(|word| State::parse(word).ok())
    }

    fn names(&self, list: &List) -> Vec<String> {
        words(self.setting(list.setting.0, list.setting.1).unwrap_or_default())
    }

    fn put_names(&mut self, list: &List, names: &[String]) {
        self.put(setting(list.setting.0, list.setting.1), json!(names.join(",")));
    }
}

/// The names of a list, each once, as PHP's `array_flip` keeps them.
pub(super) fn words(list: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for name in list.split(',').filter(|name| !name.is_empty()) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// Before the first player of a lower rank (`lib/classes/plugininfo/media.php`, `enable_plugin`).
fn place_of_player(names: &[String], name: &str) -> usize {
    let rank = |name: &str| PLAYERS.iter().find(|(known, _)| *known == name).map_or(0, |(_, rank)| *rank);
    names.iter().position(|other| rank(name) > rank(other)).unwrap_or(names.len())
}

#[cfg(test)]
mod tests;
