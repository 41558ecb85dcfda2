//! Sets settings of a tenant, of the core or of a plugin, one or many.

use serde_json::{Map, Value, json};

use super::change_settings::{self, Wish, Wishes, check, is_sealed, read, sealed, shown};
use super::contract::{Change, Meta, Operation, Work};
use crate::error::{Error, Kind, Result};
use crate::moodle::setting::{Log, Setting};
use crate::parameter::{Param, Type};
use crate::secret::Keyring;
use crate::steps::Doing;

/// Sets settings of a tenant.
///
/// One: `name`, `value` and, for a plugin's, `plugin`. Many: `values`, a JSON object of `name` or `plugin/name` to a text, a
/// number, a boolean, null, which takes the setting away, or `{"secret": ...}`, which is masked whatever the setting's name
/// says. A setting that a policy or the tenant's own overrides define
/// is refused without `force`; one that the control site's `config.php` sets is not known here, and does not show either.
pub(super) struct SetConfig;

static META: Meta = Meta {
    name: "set_config",
    parameters: &[
        Param { name: "name", kind: Type::Text, required: false, default: None },
        Param { name: "value", kind: Type::Text, required: false, default: None },
        Param { name: "plugin", kind: Type::Text, required: false, default: None },
        Param { name: "values", kind: Type::Json, required: false, default: None },
        Param { name: "force", kind: Type::Flag, required: false, default: Some("0") },
    ],
    dangerous: false,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: false,
    makes: false,
};

impl Operation for SetConfig {
    fn meta(&self) -> &'static Meta {
        &META
    }

    /// Leaves `values` alone, each checked, secrets sealed.
    fn prepare(&self, parameters: &mut Map<String, Value>, keyring: &Keyring) -> Result<()> {
        let force = is_forced(parameters);
        let mut values = Map::new();
        for (setting, wish) in given(parameters)? {
            check(&setting, force)?;
            let value = if wish.hidden {
                sealed(&setting, wish.value, keyring)?
            } else {
                shown(&setting, wish.value, keyring)?
            };
            values.insert(setting.to_string(), value);
        }
        *parameters = Map::from_iter([("values".to_owned(), json!(values)), ("force".to_owned(), json!(force))]);
        Ok(())
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async move {
            let values = work.parameters.get("values").and_then(Value::as_object);
            let mut wanted = Wishes::new();
            for (name, value) in values.into_iter().flatten() {
                let wish = Wish { value: read(value, work.keyring)?, hidden: is_sealed(value) };
                wanted.insert(Setting::parse(name, None)?, wish);
            }
            let force = is_forced(work.parameters);
            change_settings::plan(work, &wanted, force).await
        })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(change_settings::apply(work, changes, Log::Written))
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(change_settings::undo(work, changes, Log::Written))
    }
}

fn is_forced(parameters: &Map<String, Value>) -> bool {
    parameters.get("force").and_then(Value::as_bool).unwrap_or(false)
}

/// The settings asked for, with their values as Moodle's tables hold them.
fn given(parameters: &Map<String, Value>) -> Result<Wishes> {
    let bad = |message: &str| Err(Error::new(Kind::BadParameter, message.to_owned()));
    let text = |name: &str| parameters.get(name).and_then(Value::as_str);
    let mut found = Wishes::new();
    match (text("name"), text("value")) {
        (Some(name), Some(value)) => {
            found.insert(Setting::parse(name, text("plugin"))?, Some(value.to_owned()).into());
        }
        (None, None) => {}
        _ => return bad("`name` and `value` belong together"),
    }
    match parameters.get("values") {
        None => {}
        Some(Value::Object(values)) => {
            for (name, value) in values {
                let setting = Setting::parse(name, text("plugin").filter(|_| !name.contains('/')))?;
                let secret = value.as_object().filter(|map| map.len() == 1).and_then(|map| map.get("secret"));
                let hidden = secret.is_some();
                let value = match secret.unwrap_or(value) {
                    Value::Null if !hidden => None,
                    Value::String(text) => Some(text.clone()),
                    Value::Number(number) => Some(number.to_string()),
                    // As PHP's database layer writes them (lib/dml/moodle_database.php, `normalise_value`).
                    Value::Bool(yes) => Some(i64::from(*yes).to_string()),
                    _ => return bad("a value in `values` is a list or a map"),
                };
                found.insert(setting, Wish { value, hidden });
            }
        }
        Some(_) => return bad("`values` is no JSON object"),
    }
    if found.is_empty() {
        return Err(Error::new(Kind::BadParameter, "no setting is named").hint(
            "give `name` and `value`, or `values` such as `{\"theme\": \"boost\", \"auth_manual/expiration\": 0}`",
        ));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(parameters: &Value) -> Result<Value> {
        let mut map = parameters.as_object().cloned().unwrap();
        SetConfig.prepare(&mut map, &Keyring::none())?;
        Ok(map["values"].clone())
    }

    #[test]
    fn one_setting_and_many_become_one_list() {
        assert_eq!(prepared(&json!({"name": "theme", "value": ""})).unwrap(), json!({"theme": ""}));
        let many = json!({"values": {"a": true, "mod_quiz/b": 1.5, "c": null}, "name": "d", "value": "x", "plugin": "tool_log"});
        let expected = json!({"mod_quiz/b": "1.5", "tool_log/a": "1", "tool_log/c": null, "tool_log/d": "x"});
        let found = prepared(&many).unwrap();
        assert!(expected.as_object().unwrap().iter().all(|(name, value)| found[name] == *value), "{found}");
    }

    #[test]
    fn what_names_no_setting_is_refused_before_a_job_is_made() {
        for bad in [
            json!({}),
            json!({"name": "theme"}),
            json!({"values": []}),
            json!({"values": {"a": [1]}}),
            json!({"values": {"a": {"secret": null}}}),
            json!({"values": {"a": {"secret": "hidden!"}}}),
            json!({"values": {"a": {"secrets": "hidden!"}}}),
            json!({"values": {"dbname": "x"}}),
            json!({"name": "smtppass", "value": "hidden!"}),
        ] {
            let error = prepared(&bad).unwrap_err();
            assert!(!error.to_string().contains("hidden!"), "{error}");
        }
    }
}
