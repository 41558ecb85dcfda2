//! Policies of the farm, changed by compare-and-swap: what two operations have in common.
//!
//! A policy is one row for all tenants that its selector means. So a plan shows for each tenant what the change makes of its
//! own settings; of a run the first items write the row, and those that come later find nothing left to do and are skipped.
//!
//! What is secret is sealed in parameters and changes, each value by itself, and open only here: two seals of one value differ.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::change_settings;
use super::contract::{Change, Work};
use crate::error::{Error, Kind, Result};
use crate::moodle::setting::{self, Setting};
use crate::overrides;
use crate::registry::policies::{self, Stored};
use crate::secret::Keyring;

/// What the name of the row's own change begins with.
const ROW: &str = "policy:";

/// The changes that make the row what it shall be: of the tenant's own settings, and of the row. None where that does not
/// concern the tenant, or is so already. The settings `hidden` are secrets whatever their names say.
pub(super) async fn plan(
    work: &mut Work<'_>,
    name: &str,
    hidden: &BTreeSet<String>,
    wanted: impl FnOnce(Option<&Stored>) -> Result<Option<Stored>>,
) -> Result<Vec<Change>> {
    let old = policies::stored(work.db, name).await?;
    let new = wanted(old.as_ref())?;
    if old == new {
        return Ok(Vec::new());
    }
    let before = policies::settings_with(work.db, work.tenant, name, old.as_ref()).await?;
    let after = policies::settings_with(work.db, work.tenant, name, new.as_ref()).await?;
    let mut changes = Vec::new();
    for (what, before, after) in overrides::differences(&before, &after) {
        let show = |value: &Value| shown(&what, value, hidden.contains(&what), work.keyring);
        let (before, after) = (show(&before)?, show(&after)?);
        changes.push(Change { what, before, after });
    }
    if changes.is_empty() {
        return Ok(changes);
    }
    // What stays may have been given as a secret once: with a key it is sealed, for nobody need read it here.
    let settings = |row: Option<&Stored>| row.map(|row| row.settings.clone()).unwrap_or_default();
    let differences = overrides::differences(&settings(old.as_ref()), &settings(new.as_ref()));
    let differs: BTreeSet<&str> = differences.iter().map(|(what, _, _)| what.as_str()).collect();
    let stays = |what: &str| work.keyring.seals() && !differs.contains(what);
    let show = |row: Option<&Stored>| -> Result<Value> {
        let Some(row) = row else { return Ok(Value::Null) };
        let settings = overrides::each(&row.settings, |what, value| {
            shown(what, value, hidden.contains(what) || stays(what), work.keyring)
        })?;
        Ok(Stored { settings, ..row.clone() }.to_json())
    };
    let (before, after) = (show(old.as_ref())?, show(new.as_ref())?);
    changes.push(Change { what: format!("{ROW}{name}"), before, after });
    Ok(changes)
}

/// Makes the row what it shall be.
pub(super) async fn apply(work: &mut Work<'_>, changes: &[Change]) -> Result<()> {
    let (name, before, after) = row(changes, work.keyring)?;
    swap(work, name, before, after).await
}

/// Puts it back.
pub(super) async fn undo(work: &mut Work<'_>, changes: &[Change]) -> Result<()> {
    let (name, before, after) = row(changes, work.keyring)?;
    swap(work, name, after, before).await
}

fn row<'a>(changes: &'a [Change], keyring: &Keyring) -> Result<(&'a str, Option<Stored>, Option<Stored>)> {
    let found = changes.iter().find_map(|change| Some((change.what.strip_prefix(ROW)?, change)));
    let (name, change) = found.ok_or_else(|| Error::new(Kind::Internal, "a change of a policy has no row"))?;
    let open = |row: &Value| -> Result<Option<Stored>> {
        let Some(row) = Stored::from_json(row)? else { return Ok(None) };
        let settings = overrides::each(&row.settings, |_, value| opened(value, keyring))?;
        Ok(Some(Stored { settings, ..row }))
    };
    Ok((name, open(&change.before)?, open(&change.after)?))
}

async fn swap(work: &mut Work<'_>, name: &str, from: Option<Stored>, to: Option<Stored>) -> Result<()> {
    let mut transaction = work.db.begin().await?;
    // Whoever writes to the registry waits here.
    crate::registry::generation::lock(&mut transaction).await?;
    let now = policies::stored(&mut transaction, name).await?;
    if now != to {
        if now != from {
            let message = format!("the policy `{name}` was changed by somebody else meanwhile");
            return Err(Error::new(Kind::StateRefused, message).hint("look at it, then plan the change anew"));
        }
        policies::write(&mut transaction, name, to.as_ref()).await?;
    }
    Ok(transaction.commit().await?)
}

/// The parameter that names the policy.
pub(super) fn name(parameters: &Map<String, Value>) -> Result<String> {
    let name = parameters.get("policy").and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(Error::new(Kind::BadParameter, "`policy` must be a name of 1 to 100 characters"));
    }
    Ok(name)
}

/// What an operation's parameters say of settings.
pub(super) struct Wanted {
    /// The settings as a policy has them.
    pub(super) settings: Map<String, Value>,
    /// Those of them that are secrets: `name` or `plugin/name`.
    pub(super) hidden: BTreeSet<String>,
}

/// Values of `name`, `plugin/name` or `forced_plugin_settings` as the journal holds them: by the settings' own names, each
/// checked, and sealed where it is a secret by its name or given as `{"secret": ...}`.
pub(super) fn prepared(given: &Map<String, Value>, keyring: &Keyring) -> Result<Map<String, Value>> {
    let (mut clear, mut sealed) = (Map::new(), Map::new());
    for (setting, value) in spelled(given)? {
        let what = setting.to_string();
        let secret = value.as_object().filter(|map| map.len() == 1).and_then(|map| map.get("secret"));
        let value = secret.unwrap_or(value);
        // A mask that a job shows is no value either.
        if is_sealed(value) || secret.is_some_and(|value| value.is_null() || value.is_array() || value.is_object()) {
            return Err(Error::new(Kind::BadParameter, format!("the secret of `{what}` is no text"))
                .hint("write `{\"secret\": \"...\"}`"));
        }
        sealed.insert(what.clone(), shown(&what, value, secret.is_some(), keyring)?);
        clear.insert(what, value.clone());
    }
    nested(&clear)?;
    Ok(sealed)
}

/// What [`prepared`] has left.
pub(super) fn read(prepared: &Map<String, Value>, keyring: &Keyring) -> Result<Wanted> {
    let mut clear = Map::new();
    let mut hidden = BTreeSet::new();
    for (what, value) in prepared {
        if is_sealed(value) {
            hidden.insert(what.clone());
        }
        clear.insert(what.clone(), opened(value, keyring)?);
    }
    Ok(Wanted { settings: nested(&clear)?, hidden })
}

/// Each value with the setting that it is for, whichever way it is written.
fn spelled(given: &Map<String, Value>) -> Result<Vec<(Setting, &Value)>> {
    let mut found = Vec::new();
    for (word, value) in given {
        let setting = Setting::parse(word, None)?;
        let is_forced = setting.plugin.is_none() && setting.name == overrides::FORCED_PLUGIN_SETTINGS;
        // What has another shape is refused as a whole.
        match value.as_object().filter(|plugins| is_forced && plugins.values().all(Value::is_object)) {
            None => found.push((setting, value)),
            Some(plugins) => {
                for (plugin, values) in plugins {
                    for (name, value) in values.as_object().into_iter().flatten() {
                        found.push((Setting::parse(name, Some(plugin))?, value));
                    }
                }
            }
        }
    }
    Ok(found)
}

/// Settings by their words as a policy has them.
fn nested(values: &Map<String, Value>) -> Result<Map<String, Value>> {
    let mut settings = Map::new();
    let mut plugins: Map<String, Value> = Map::new();
    for (word, value) in values {
        let Setting { plugin, name } = Setting::parse(word, None)?;
        match plugin {
            None => {
                settings.insert(name, value.clone());
            }
            Some(plugin) => {
                let inner = plugins.entry(plugin).or_insert_with(|| json!({}));
                inner[name] = value.clone();
            }
        }
    }
    if !plugins.is_empty() {
        overrides::lay_over(
            &mut settings,
            &Map::from_iter([(overrides::FORCED_PLUGIN_SETTINGS.to_owned(), json!(plugins))]),
        );
    }
    overrides::check(&settings)?;
    Ok(settings)
}

/// A value as the journal may hold it: a secret as `{"sealed": ...}`, which is refused without a key file.
fn shown(what: &str, value: &Value, hidden: bool, keyring: &Keyring) -> Result<Value> {
    let name = what.split_once('/').map_or(what, |(_, name)| name);
    // What looks as if it were sealed must not be opened later.
    if value.is_null() || !(hidden || is_secret(name, value) || is_sealed(value)) {
        return Ok(value.clone());
    }
    change_settings::sealed(&what, Some(value.to_string()), keyring)
}

/// What [`shown`] has written.
fn opened(value: &Value, keyring: &Keyring) -> Result<Value> {
    if !is_sealed(value) {
        return Ok(value.clone());
    }
    let text = change_settings::read(value, keyring)?.unwrap_or_default();
    // What the parser says may quote the text.
    serde_json::from_str(&text).map_err(|_| Error::new(Kind::Internal, "a sealed value in the journal cannot be read"))
}

fn is_sealed(value: &Value) -> bool {
    value.as_object().is_some_and(|map| map.len() == 1 && map.contains_key("sealed"))
}

/// Whether a value is nobody's to read, by the setting's name or by one inside.
fn is_secret(name: &str, value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::Number(number) => setting::is_secret(name, &number.to_string()),
        Value::String(text) => setting::is_secret(name, text),
        Value::Array(items) => items.iter().any(|item| is_secret(name, item)),
        Value::Object(map) => map.iter().any(|(inner, value)| is_secret(name, value) || is_secret(inner, value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepare(values: &Value, keyring: &Keyring) -> Result<Value> {
        prepared(values.as_object().unwrap(), keyring).map(Value::Object)
    }

    #[test]
    fn values_of_a_policy_are_called_as_moodle_calls_them() {
        let given = json!({"core/theme": "a", "/lang": "fr", "auth_x/n": 1, "forced_plugin_settings": {"moodle": {"c": 2}, "b": {"d": 3}}});
        let prepared = prepare(&given, &Keyring::none()).unwrap();
        assert_eq!(prepared, json!({"theme": "a", "lang": "fr", "auth_x/n": 1, "c": 2, "b/d": 3}));
        let Wanted { settings, hidden } = read(prepared.as_object().unwrap(), &Keyring::none()).unwrap();
        let expected =
            json!({"theme": "a", "lang": "fr", "c": 2, "forced_plugin_settings": {"auth_x": {"n": 1}, "b": {"d": 3}}});
        assert_eq!((Value::Object(settings), hidden.len()), (expected, 0));
        for bad in [
            json!({"a b": 1}),
            json!({"Auth/x": 1}),
            json!({"a/x": [1]}),
            json!({"forced_plugin_settings": {"a": 1}}),
            json!({"core/dbname": "x"}),
            json!({"core/SiteIdentifier": "x"}),
        ] {
            assert!(prepare(&bad, &Keyring::none()).is_err(), "{bad}");
        }
    }

    #[test]
    fn secrets_of_a_policy_are_sealed_with_their_types_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(&folder.path().join("key")).unwrap();
        let secrets = [
            json!({"smtppass": "hidden!"}),
            json!({"apitoken": 123_456}),
            json!({"auth_x/n": {"secret": "hidden!"}}),
            json!({"n": {"secret": 5}}),
            json!({"servers": [{"host": "h", "password": "hidden!"}]}),
            json!({"credentials": ["hidden!"]}),
        ];
        for given in secrets {
            let sealed = prepare(&given, &keyring).unwrap();
            assert!(sealed.to_string().contains("enc:v1:") && !sealed.to_string().contains("hidden!"), "{sealed}");
            let wanted = read(sealed.as_object().unwrap(), &keyring).unwrap();
            assert_eq!(wanted.hidden.len(), 1);
            let clear: Map<String, Value> = given
                .as_object()
                .unwrap()
                .iter()
                .map(|(what, value)| (what.clone(), value.get("secret").unwrap_or(value).clone()))
                .collect();
            assert_eq!(wanted.settings, nested(&clear).unwrap());
            let error = prepare(&given, &Keyring::none()).unwrap_err();
            assert!(error.kind() == Kind::BadParameter && !error.to_string().contains("hidden!"), "{error}");
        }
        for bad in
            [json!({"a": {"secret": null}}), json!({"a": {"secret": ["hidden!"]}}), json!({"a": {"sealed": "_"}})]
        {
            assert_eq!(prepare(&bad, &keyring).unwrap_err().kind(), Kind::BadParameter, "{bad}");
        }
        let plain = json!({"smtppass": "", "passwordpolicy": true, "minpasswordlength": 12, "theme": "x", "dateformats": {"a": "b"}});
        assert_eq!(prepare(&plain, &Keyring::none()).unwrap(), plain);
    }

    #[test]
    fn what_only_looks_sealed_is_never_opened() {
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(&folder.path().join("key")).unwrap();
        let odd = json!({"sealed": "enc:v1:x"});
        let written = shown("odd", &odd, false, &keyring).unwrap();
        assert_eq!(opened(&written, &keyring).unwrap(), odd);
        assert!(shown("odd", &odd, false, &Keyring::none()).is_err());
    }
}
