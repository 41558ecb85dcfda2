//! One setting of a site, of the core or of a plugin: read, and changed only where it is still what it was.

use std::collections::HashMap;
use std::fmt;

use super::stale::Stale;
use crate::db::{Db, Param, Row, Sql};
use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::ident::PluginName;

/// The name of a setting: `theme`, or `auth_manual/expiration`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Setting {
    /// The plugin; `None` for the core.
    pub plugin: Option<String>,
    /// The name in its table.
    pub name: String,
}

impl Setting {
    /// Reads `name`, `plugin/name`, or a name and its plugin. Refuses with [`Kind::BadIdentifier`] what Moodle's tables or
    /// its forms would not take.
    pub fn parse(name: &str, plugin: Option<&str>) -> Result<Self> {
        let (plugin, name) = match (plugin, name.split_once('/')) {
            (None, Some((plugin, name))) => (Some(plugin), name),
            (plugin, _) => (plugin, name),
        };
        // Both words mean the core (lib/moodlelib.php, `get_config`).
        let plugin = plugin.filter(|plugin| !matches!(*plugin, "" | "core" | "moodle"));
        let plugin = plugin.map(|plugin| PluginName::parse(plugin).map(|name| name.to_string())).transpose()?;
        let is_good = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.' | b':');
        if !(1..=100).contains(&name.len()) || !name.bytes().all(is_good) {
            let message = format!(
                "`{}` is no setting name: it must have 1 to 100 letters, digits, `_`, `-`, `.` or `:`",
                escape(name)
            );
            return Err(Error::new(Kind::BadIdentifier, message));
        }
        Ok(Self { plugin, name: name.to_owned() })
    }

    /// The cache entry that holds it.
    pub fn stale(&self) -> Stale {
        self.plugin.as_deref().map_or_else(Stale::core_config, Stale::plugin_config)
    }

    /// Whether its name says that its values are secrets: see [`names_secret`].
    pub fn names_secret(&self) -> bool {
        names_secret(&self.name)
    }

    /// Whether a value of it is nobody's to read: see [`is_secret`].
    pub fn is_secret(&self, value: &str) -> bool {
        is_secret(&self.name, value)
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.plugin {
            Some(plugin) => write!(f, "{plugin}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// Whether a setting's name says that its values are secrets: better one too many.
pub fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let inside = ["passw", "secret", "token", "passphrase", "credential", "private", "apikey"];
    let at_end = ["key", "pass", "pwd", "_pw", "salt"];
    inside.iter().any(|word| name.contains(word)) || at_end.iter().any(|word| name.ends_with(word))
}

/// Whether a setting's value is nobody's to read: by its name, unless it is a flag, a length or a number of days.
pub fn is_secret(name: &str, value: &str) -> bool {
    // Nothing is no secret either.
    let is_number = value.len() <= 5 && value.bytes().all(|b| b.is_ascii_digit());
    !is_number && names_secret(name)
}

/// Settings that say who the site is: a slip in one of them breaks it.
const IDENTITY: &[&str] = &[
    "version",
    "release",
    "branch",
    "allversionshash",
    "rolesactive",
    "siteadmins",
    "siteguest",
    "siteidentifier",
    "mnet_localhost_id",
    "mnet_all_hosts_id",
];

/// Whether a setting says who the site is.
pub fn is_identity(plugin: Option<&str>, name: &str) -> bool {
    // MariaDB finds a name in any case of letters.
    let is = |known: &str| known.eq_ignore_ascii_case(name);
    if plugin.is_some() { is("version") } else { IDENTITY.iter().any(|known| is(known)) }
}

/// A change of one setting; `None` is a setting that has no row.
pub struct Swap {
    /// Which one.
    pub setting: Setting,
    /// What it must be, or be already `to`.
    pub from: Option<String>,
    /// What it becomes.
    pub to: Option<String>,
    /// Whether its values are secrets whatever its name says.
    pub hidden: bool,
}

impl Swap {
    /// What the log may say of a value (`lib/adminlib.php`, `admin_setting_configpasswordunmask`).
    fn logged(&self, value: Option<&str>) -> Option<String> {
        let is_masked = |value: &str| !value.is_empty() && self.hidden || self.setting.is_secret(value);
        value.map(|value| if is_masked(value) { MASKED.to_owned() } else { value.to_owned() })
    }
}

/// What stands in Moodle's log in place of a secret.
const MASKED: &str = "********";

/// Whether a change leaves a row in `{config_log}`: Moodle's pages and `admin/cli/cfg.php` do, its other scripts do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// It does.
    Written,
    /// It does not.
    Left,
}

/// The values of settings, one statement for each of the two tables; those without a row are not in the map.
pub async fn current(db: &mut Db, settings: &[&Setting]) -> Result<HashMap<Setting, String>> {
    let rows = rows(db, settings, "").await?;
    Ok(rows.into_iter().map(|(setting, (_, value))| (setting, value)).collect())
}

/// Makes changes, inside the caller's transaction: what is `to` already stays, what is neither `from` nor `to` is refused
/// with [`Kind::StateRefused`] before anything is written.
///
/// Who changed it is 0 in the log, as for `admin/cli/cfg.php`: the farm's administrator is no user of the site. The event
/// that Moodle's function also sends (lib/datalib.php, `add_to_config_log`) is not sent.
pub async fn swap(db: &mut Db, swaps: &[Swap], log: Log, now: i64) -> Result<()> {
    let names: Vec<&Setting> = swaps.iter().map(|swap| &swap.setting).collect();
    let rows = rows(db, &names, " FOR UPDATE").await?;
    let mut due = Vec::new();
    for swap in swaps {
        let row = rows.get(&swap.setting);
        let value = row.map(|(_, value)| value.as_str());
        if value == swap.to.as_deref() {
            continue;
        }
        if value != swap.from.as_deref() {
            let message = format!("the setting `{}` was changed by somebody else meanwhile", swap.setting);
            return Err(Error::new(Kind::StateRefused, message).hint("look at its value, then plan the change anew"));
        }
        due.push((swap, row.map(|(id, _)| *id)));
    }
    for (swap, id) in &due {
        write(db, swap, *id).await?;
    }
    if log == Log::Left || due.is_empty() {
        return Ok(());
    }
    let params: Vec<Param> = due
        .iter()
        .flat_map(|(swap, _)| {
            let Swap { setting, from, to, .. } = swap;
            let texts = [
                setting.plugin.clone(),
                Some(setting.name.clone()),
                swap.logged(to.as_deref()),
                swap.logged(from.as_deref()),
            ];
            [Param::from(0), now.into()].into_iter().chain(texts.map(Param::from))
        })
        .collect();
    let columns = ["userid", "timemodified", "plugin", "name", "value", "oldvalue"];
    db.execute(Sql::insert_rows("config_log", &columns, due.len()), &params).await?;
    Ok(())
}

async fn write(db: &mut Db, swap: &Swap, id: Option<i64>) -> Result<()> {
    let Swap { setting, to, .. } = swap;
    let is_core = setting.plugin.is_none();
    match (id, to) {
        (Some(id), Some(to)) => {
            let table = if is_core { "config" } else { "config_plugins" };
            db.execute(Sql::update(table, &["value"]), &[to.as_str().into(), id.into()]).await?;
        }
        (Some(id), None) => {
            let delete =
                if is_core { "DELETE FROM {config} WHERE id = ?" } else { "DELETE FROM {config_plugins} WHERE id = ?" };
            db.execute(delete, &[id.into()]).await?;
        }
        (None, Some(to)) => {
            let mut params: Vec<Param> = vec![setting.name.as_str().into(), to.as_str().into()];
            let sql = match &setting.plugin {
                None => Sql::insert("config", &["name", "value"]),
                Some(plugin) => {
                    params.push(plugin.as_str().into());
                    Sql::insert("config_plugins", &["name", "value", "plugin"])
                }
            };
            db.insert(sql, &params).await?;
        }
        (None, None) => {}
    }
    Ok(())
}

/// The rows of settings: id and value. On MySQL names are the same whatever their case, as for Moodle.
async fn rows(db: &mut Db, settings: &[&Setting], end: &'static str) -> Result<HashMap<Setting, (i64, String)>> {
    let (plugins, core): (Vec<&Setting>, Vec<&Setting>) =
        settings.iter().copied().partition(|setting| setting.plugin.is_some());
    let mut found = HashMap::new();
    if !core.is_empty() {
        let mut parts = vec!["SELECT id, name, value FROM {config} WHERE name IN (?"];
        parts.extend(core.iter().skip(1).map(|_| ", ?"));
        parts.extend([")", end]);
        let params: Vec<Param> = core.iter().map(|setting| setting.name.as_str().into()).collect();
        let rows = db.fetch(Sql::joined(&parts), &params).await?;
        for setting in core {
            found.extend(of(&rows, setting).map(|row| (setting.clone(), row)));
        }
    }
    if !plugins.is_empty() {
        let mut parts = vec!["SELECT id, plugin, name, value FROM {config_plugins} WHERE (plugin = ? AND name = ?)"];
        parts.extend(plugins.iter().skip(1).map(|_| " OR (plugin = ? AND name = ?)"));
        parts.push(end);
        let pair = |setting: &&Setting| [Param::from(setting.plugin.clone()), setting.name.as_str().into()];
        let params: Vec<Param> = plugins.iter().flat_map(pair).collect();
        let rows = db.fetch(Sql::joined(&parts), &params).await?;
        for setting in plugins {
            found.extend(of(&rows, setting).map(|row| (setting.clone(), row)));
        }
    }
    Ok(found)
}

fn of(rows: &[Row], setting: &Setting) -> Option<(i64, String)> {
    let is_its = |row: &&Row, exactly: bool| {
        let same = |column: &str, name: &str| {
            row.text(column).is_some_and(|text| if exactly { text == name } else { text.eq_ignore_ascii_case(name) })
        };
        same("name", &setting.name) && setting.plugin.as_deref().is_none_or(|plugin| same("plugin", plugin))
    };
    let row = rows.iter().find(|row| is_its(row, true)).or_else(|| rows.iter().find(|row| is_its(row, false)))?;
    Some((row.int("id")?, row.text("value").unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_named_with_or_without_its_plugin() {
        let shown = |name: &str, plugin: Option<&str>| Setting::parse(name, plugin).map(|setting| setting.to_string());
        assert_eq!(shown("theme", None).unwrap(), "theme");
        assert_eq!(shown("core/theme", None).unwrap(), "theme");
        assert_eq!(shown("auth_manual/expiration", None).unwrap(), "auth_manual/expiration");
        assert_eq!(shown("expiration", Some("auth_manual")).unwrap(), "auth_manual/expiration");
        assert_eq!(shown("theme", Some("")).unwrap(), "theme");
        for bad in ["", "a b", "x/", "../x", "A/b", "a/b/c", "été"] {
            assert!(shown(bad, None).is_err(), "{bad}");
        }
    }

    #[test]
    fn secrets_are_known_by_their_names_and_flags_are_none() {
        let is_secret = |name: &str, value: &str| Setting::parse(name, None).unwrap().is_secret(value);
        for name in [
            "smtppass",
            "auth_ldap/bind_pw",
            "auth_ldap/bind_pw_secret",
            "recaptchaprivatekey",
            "proxypassword",
            "x/apitoken",
        ] {
            assert!(is_secret(name, "hidden!"), "{name}");
        }
        assert!(!is_secret("passwordpolicy", "1") && !is_secret("minpasswordlength", "12") && !is_secret("theme", "x"));
        let swap =
            |name: &str, hidden| Swap { setting: Setting::parse(name, None).unwrap(), from: None, to: None, hidden };
        for secret in [swap("smtppass", false), swap("theme", true)] {
            assert_eq!(secret.logged(Some("hidden!")).as_deref(), Some("********"));
            assert_eq!((secret.logged(Some("")).as_deref(), secret.logged(None)), (Some(""), None));
        }
        assert_eq!(swap("theme", false).logged(Some("boost")).as_deref(), Some("boost"));
    }
}
