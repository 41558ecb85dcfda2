//! Typed parameters: forms, command-line help and validation are made from these.

use serde_json::{Map, Value, json};

use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::secret::{Keyring, Secret};

/// What a parameter's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Any text.
    Text,
    /// A whole number.
    Int,
    /// Yes or no: a boolean, 0 or 1.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any JSON value, or its text.
    Json,
    /// A list of words, or one text with commas between them.
    Words,
    /// A text that the journal holds encrypted only.
    Secret,
}

/// A parameter of an operation.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub kind: Type,
    /// Whether it must be given.
    pub required: bool,
    /// What it is where it is not given, as text; `None` leaves it out.
    pub default: Option<&'static str>,
}

impl Param {
    /// Its description for forms and help.
    pub fn describe(&self) -> Value {
        let (word, choices): (_, &[&str]) = match self.kind {
            Type::Text => ("text", &[]),
            Type::Int => ("int", &[]),
            Type::Flag => ("flag", &[]),
            Type::Choice(choices) => ("choice", choices),
            Type::Json => ("json", &[]),
            Type::Words => ("words", &[]),
            Type::Secret => ("secret", &[]),
        };
        json!({ "name": self.name, "kind": word, "required": self.required, "default": self.default, "choices": choices })
    }

    fn check(&self, value: &Value, keyring: &Keyring) -> Result<Value> {
        let bad = |rule: &str| Error::new(Kind::BadParameter, format!("`{}` {rule}", self.name));
        let text = || match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        match self.kind {
            Type::Text => text().map(Value::String).ok_or_else(|| bad("must be a text")),
            Type::Int => {
                let number = text().and_then(|text| text.trim().parse::<i64>().ok());
                number.map(Value::from).ok_or_else(|| bad("must be a whole number"))
            }
            Type::Flag => match (value, text().as_deref()) {
                (Value::Bool(yes), _) => Ok(Value::Bool(*yes)),
                (_, Some("1" | "true")) => Ok(Value::Bool(true)),
                (_, Some("0" | "false")) => Ok(Value::Bool(false)),
                _ => Err(bad("must be 0 or 1")),
            },
            Type::Choice(choices) => text()
                .filter(|word| choices.contains(&word.as_str()))
                .map(Value::String)
                .ok_or_else(|| bad("is none of its choices").hint(format!("choose one of: {}", choices.join(", ")))),
            Type::Json => match value {
                Value::String(text) => serde_json::from_str(text).map_err(|_| bad("is no JSON")),
                other => Ok(other.clone()),
            },
            Type::Words => words(value)
                .map(Value::from)
                .ok_or_else(|| bad("must be a list of words, or words with commas between")),
            Type::Secret => {
                let secret = text().ok_or_else(|| bad("must be a text"))?;
                let stored = keyring.seal(&Secret::new(secret))?;
                if !stored.is_sealed() {
                    return Err(bad("is a secret, which the journal holds encrypted only")
                        .hint("make a key file: `php local/vmoodle/cli/key.php --create=PATH`"));
                }
                Ok(json!(stored.column()))
            }
        }
    }
}

/// The words of a list, or of a text with commas between; `None` for anything else, and for no words.
fn words(value: &Value) -> Option<Vec<String>> {
    let words: Vec<String> = match value {
        Value::String(text) => text.split(',').map(|word| word.trim().to_owned()).collect(),
        Value::Array(items) => {
            items.iter().map(|item| item.as_str().map(|word| word.trim().to_owned())).collect::<Option<_>>()?
        }
        _ => return None,
    };
    (!words.is_empty() && words.iter().all(|word| !word.is_empty())).then_some(words)
}

/// The longest value, in octets, that each item of a job has a copy of; a longer one stands with the job alone.
const COPIED: usize = 4096;

/// The values that are too long to be copied (`long`), or the others.
pub fn split(values: &Map<String, Value>, long: bool) -> Map<String, Value> {
    let is_long = |value: &Value| match value {
        Value::String(text) => text.len() > COPIED,
        Value::Array(_) | Value::Object(_) => value.to_string().len() > COPIED,
        _ => false,
    };
    values
        .iter()
        .filter(|(_, value)| is_long(value) == long)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Checks given values, fills in defaults and seals secrets. Refuses names that no parameter has.
pub fn check(params: &[Param], given: &Map<String, Value>, keyring: &Keyring) -> Result<Map<String, Value>> {
    if let Some(name) = given.keys().find(|name| params.iter().all(|param| param.name != name.as_str())) {
        let known: Vec<_> = params.iter().map(|param| param.name).collect();
        let hint = if known.is_empty() { "it has none".to_owned() } else { format!("it has: {}", known.join(", ")) };
        let message = format!("the operation has no parameter `{}`", escape(name));
        return Err(Error::new(Kind::BadParameter, message).hint(hint));
    }
    let mut checked = Map::new();
    for param in params {
        let value = given.get(param.name).filter(|value| !value.is_null()).cloned();
        match value.or_else(|| param.default.map(Value::from)) {
            Some(value) => {
                checked.insert(param.name.to_owned(), param.check(&value, keyring)?);
            }
            None if param.required => {
                return Err(Error::new(Kind::BadParameter, format!("`{}` is missing", param.name)));
            }
            None => {}
        }
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: &[Param] = &[
        Param { name: "size", kind: Type::Choice(&["small", "large"]), required: true, default: None },
        Param { name: "count", kind: Type::Int, required: false, default: Some("3") },
        Param { name: "pass", kind: Type::Secret, required: false, default: None },
        Param { name: "names", kind: Type::Words, required: false, default: None },
    ];

    fn checked(given: &Value) -> Result<Map<String, Value>> {
        check(PARAMS, given.as_object().unwrap(), &Keyring::none())
    }

    #[test]
    fn values_are_checked_and_defaults_filled_in() {
        assert_eq!(Value::Object(checked(&json!({"size": "small"})).unwrap()), json!({"size": "small", "count": 3}));
        for bad in
            [json!({}), json!({"size": "huge"}), json!({"size": "small", "count": "x"}), json!({"sise": "small"})]
        {
            assert_eq!(checked(&bad).unwrap_err().kind(), Kind::BadParameter);
        }
    }

    #[test]
    fn words_are_a_list_or_a_text() {
        for given in [json!("a, b"), json!(["a", "b"])] {
            assert_eq!(checked(&json!({"size": "small", "names": given})).unwrap()["names"], json!(["a", "b"]));
        }
        for bad in [json!(""), json!([]), json!("a,"), json!([1]), json!(1)] {
            assert_eq!(checked(&json!({"size": "small", "names": bad})).unwrap_err().kind(), Kind::BadParameter);
        }
    }

    #[test]
    fn a_secret_is_refused_where_it_could_not_be_encrypted() {
        let error = checked(&json!({"size": "small", "pass": "hidden!"})).unwrap_err();
        assert!(!error.to_string().contains("hidden"));
    }
}
