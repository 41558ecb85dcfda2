//! The settings of many sites side by side.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::majority;
use super::setting::Setting;
use super::site::no_moodle;
use crate::db::{Db, Param, Sql};
use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::ident::{ConfigName, PluginName};

/// The longest name of a setting (lib/db/install.xml, `config_plugins`).
const LONGEST: usize = 100;

/// Settings that are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names(Vec<Name>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    Core(String),
    Plugin(String, String),
    All(String),
}

impl Names {
    /// Reads names: `theme` of core, `auth_manual/expiration` of a plugin, `auth_manual/*` for all of a plugin. Fails with
    /// `bad_parameter` for none, with `bad_identifier` for what is none.
    pub fn parse(names: &[String]) -> Result<Self> {
        if names.is_empty() {
            return Err(Error::new(Kind::BadParameter, "no setting is named")
                .hint("name some: `theme`, `auth_manual/expiration`, `auth_manual/*`"));
        }
        names.iter().map(|name| parse(name)).collect::<Result<_>>().map(Self)
    }
}

fn parse(text: &str) -> Result<Name> {
    let Some((plugin, name)) = text.split_once('/') else {
        return Ok(Name::Core(ConfigName::parse(text)?.as_str().to_owned()));
    };
    let plugin = PluginName::parse(plugin)?.as_str().to_owned();
    match name {
        "*" => Ok(Name::All(plugin)),
        _ if !name.is_empty() && name.len() <= LONGEST && !name.chars().any(char::is_control) => {
            Ok(Name::Plugin(plugin, name.to_owned()))
        }
        _ => Err(Error::new(Kind::BadIdentifier, format!("`{}` is no setting", escape(text)))),
    }
}

/// The settings of one site, by name as it is asked for.
pub type Values = BTreeMap<String, String>;

/// Reads a site's settings, in one query; one that is not there is not in the map. Fails with `no_moodle` where there is none.
pub async fn read(db: &mut Db, names: &Names) -> Result<Values> {
    let (mut core, mut parts) = (
        vec!["SELECT '' AS plugin, name, value FROM {config} WHERE name IN (''"],
        vec![") UNION ALL SELECT plugin, name, value FROM {config_plugins} WHERE plugin = ''"],
    );
    let (mut first, mut params) = (Vec::<Param>::new(), Vec::<Param>::new());
    for name in &names.0 {
        match name {
            Name::Core(name) => {
                core.push(", ?");
                first.push(name.as_str().into());
            }
            Name::Plugin(plugin, name) => {
                parts.push(" OR (plugin = ? AND name = ?)");
                params.extend([plugin.as_str().into(), name.as_str().into()]);
            }
            Name::All(plugin) => {
                parts.push(" OR plugin = ?");
                params.push(plugin.as_str().into());
            }
        }
    }
    core.append(&mut parts);
    first.append(&mut params);
    let rows = db.fetch(Sql::joined(&core), &first).await.map_err(no_moodle)?;
    let mut values = Values::new();
    for row in &rows {
        let (plugin, name) = (row.text("plugin").unwrap_or_default(), row.text("name").unwrap_or_default());
        let full = if plugin.is_empty() { name.to_owned() } else { format!("{plugin}/{name}") };
        values.insert(full, row.text("value").unwrap_or_default().to_owned());
    }
    Ok(values)
}

/// One line for each setting that is asked for or that a site has: `name`, and as of [`majority::line`] its value on each
/// site; null where it is not there. Secrets are masked: equal ones have the same number.
pub fn lines(sites: &[String], values: &[Values], names: &Names) -> Vec<Map<String, Value>> {
    let asked = names.0.iter().filter_map(|name| match name {
        Name::Core(name) => Some(name.clone()),
        Name::Plugin(plugin, name) => Some(format!("{plugin}/{name}")),
        Name::All(_) => None,
    });
    let all: BTreeSet<String> = asked.chain(values.iter().flat_map(|values| values.keys().cloned())).collect();
    all.into_iter()
        .map(|name| {
            let own: Vec<Option<&str>> = values.iter().map(|values| values.get(&name).map(String::as_str)).collect();
            let secret =
                Setting { plugin: None, name: name.rsplit('/').next().unwrap_or(&name).to_owned() }.names_secret();
            let shown = if secret { masked(&own) } else { own.iter().map(|value| json!(value)).collect() };
            let mut line = majority::line(sites, &shown);
            line.insert("name".into(), json!(name));
            line
        })
        .collect()
}

fn masked(values: &[Option<&str>]) -> Vec<Value> {
    let mut known: Vec<&str> = Vec::new();
    values
        .iter()
        .map(|value| match value {
            None | Some("") => json!(value),
            Some(value) => {
                let number = known.iter().position(|one| one == value).unwrap_or_else(|| {
                    known.push(value);
                    known.len() - 1
                });
                json!(format!("********{}", number + 1))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_still_compared() {
        let sites = ["a", "b", "c"].map(str::to_owned);
        let site = |theme: &str, pass: &str| {
            Values::from([("theme".to_owned(), theme.to_owned()), ("x/smtppass".to_owned(), pass.to_owned())])
        };
        let names = Names::parse(&["theme".into(), "x/*".into(), "lang".into()]).unwrap();
        let found = lines(&sites, &[site("boost", "s1"), site("classic", "s1"), site("boost", "s2")], &names);
        let shown = serde_json::to_string(&found).unwrap();
        assert!(!shown.contains("s1") && !shown.contains("s2"), "{shown}");
        assert_eq!((&found[0]["name"], &found[0]["value"]), (&json!("lang"), &Value::Null));
        assert_eq!((&found[1]["value"], &found[1]["odd"]), (&json!("boost"), &json!({"b": "classic"})));
        assert_eq!((&found[2]["value"], &found[2]["odd"]), (&json!("********1"), &json!({"c": "********2"})));
    }

    #[test]
    fn names_that_are_none_are_refused() {
        for bad in ["", "a b", "x/", "X y/z", "x/\n", "1x"] {
            assert!(Names::parse(&[bad.to_owned()]).is_err(), "{bad}");
        }
        assert_eq!(Names::parse(&[]).unwrap_err().kind(), Kind::BadParameter);
    }
}
