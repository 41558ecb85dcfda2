//! Values by name as a caller gives them, each read once into its type.

use serde_json::{Map, Value};

use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::nearest::nearest;

/// The given values; every name was checked.
#[derive(Debug)]
pub(crate) struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// Takes values whose names are all in `known`; refuses those in `kept`, which vmoodle keeps itself, and all others.
    pub(crate) fn new(values: &'a Map<String, Value>, known: &[&str], kept: &[&str]) -> Result<Self> {
        for name in values.keys().map(String::as_str) {
            if known.contains(&name) {
                continue;
            }
            let shown = escape(name);
            if kept.contains(&name) {
                let message = format!("`{shown}` is kept by vmoodle and cannot be given");
                return Err(Error::new(Kind::BadParameter, message));
            }
            let error = Error::new(Kind::BadParameter, format!("`{shown}` is no field of this row"));
            return Err(match nearest(name, known.iter().copied()) {
                Some(one) => error.hint(format!("did you mean `{one}`?")),
                None => error.hint(format!("there are `{}`", known.join("`, `"))),
            });
        }
        Ok(Self(values))
    }

    /// Whether it was given, be it as null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A text of at most `longest` characters; `None` when it was not given, empty for null.
    pub(crate) fn text(&self, name: &str, longest: usize) -> Result<Option<String>> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let text = match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return Err(bad(name, "it must be a text")),
        };
        if text.chars().count() > longest {
            return Err(bad(name, &format!("it must have at most {longest} characters")));
        }
        if text.contains('\0') {
            return Err(bad(name, "it must not have null characters"));
        }
        Ok(Some(text))
    }

    /// As [`Self::text`], but on one line, without quotes and backslashes: it ends in connection strings.
    pub(crate) fn word(&self, name: &str, longest: usize) -> Result<Option<String>> {
        let text = self.text(name, longest)?;
        if text.as_ref().is_some_and(|t| t.chars().any(|c| c.is_control() || c.is_whitespace() || "'\"\\;".contains(c)))
        {
            return Err(bad(name, "it must not have spaces, quotes, backslashes or semicolons"));
        }
        Ok(text)
    }

    /// A name for people: trimmed, not empty.
    pub(crate) fn name(&self, name: &str, longest: usize) -> Result<Option<String>> {
        let text = self.text(name, longest)?.map(|text| text.trim().to_owned());
        if text.as_ref().is_some_and(|text| text.is_empty() || text.chars().any(char::is_control)) {
            return Err(bad(name, "it must not be empty or have control characters"));
        }
        Ok(text)
    }

    /// An integer within bounds; `None` for null, for the empty text and where nothing was given.
    pub(crate) fn int(&self, name: &str, bounds: std::ops::RangeInclusive<i64>) -> Result<Option<i64>> {
        let number = match self.0.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) if text.is_empty() => return Ok(None),
            Some(Value::Bool(yes)) => Some(i64::from(*yes)),
            Some(Value::Number(number)) => number.as_i64(),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        match number.filter(|number| bounds.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(bad(name, &format!("it must be an integer from {} to {}", bounds.start(), bounds.end()))),
        }
    }

    /// Yes or no; null is no, `None` where nothing was given.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>> {
        let yes = self.int(name, 0..=1)? == Some(1);
        Ok(self.has(name).then_some(yes))
    }

    /// A map, or its JSON; null, the empty text and the empty list are the empty map.
    pub(crate) fn map(&self, name: &str) -> Result<Option<Map<String, Value>>> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let shape = || bad(name, "it must be a map of names to values, or its JSON");
        Ok(Some(match value {
            Value::Null => Map::new(),
            Value::Array(items) if items.is_empty() => Map::new(),
            Value::Object(map) => map.clone(),
            Value::String(text) => parse_map(text).ok_or_else(shape)?,
            _ => return Err(shape()),
        }))
    }

    /// A list of words, or one text that `parse` takes apart.
    pub(crate) fn words(&self, name: &str, parse: fn(&str) -> Vec<String>) -> Result<Option<Vec<String>>> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        let shape = || bad(name, "it must be a list of words");
        Ok(Some(match value {
            Value::Null => Vec::new(),
            Value::String(text) => parse(text),
            Value::Array(items) => {
                let one = |item: &Value| item.as_str().map(str::to_owned).ok_or_else(shape);
                items.iter().map(one).collect::<Result<_>>()?
            }
            _ => return Err(shape()),
        }))
    }
}

/// Reads a JSON object; the empty text is the empty one.
pub(super) fn parse_map(text: &str) -> Option<Map<String, Value>> {
    if text.trim().is_empty() {
        return Some(Map::new());
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Some(map),
        // PHP writes the empty array so.
        Ok(Value::Array(items)) if items.is_empty() => Some(Map::new()),
        _ => None,
    }
}

/// Reads tags: words parted by white space or commas.
pub(super) fn parse_tags(text: &str) -> Vec<String> {
    text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Reads targets: a JSON list of texts, or words parted by white space.
pub(crate) fn parse_targets(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|_| text.split_whitespace().map(str::to_owned).collect())
}

/// A value that cannot be used; the value itself is not shown, since it may be a password.
pub(super) fn bad(name: &str, rule: &str) -> Error {
    Error::new(Kind::BadParameter, format!("`{name}` cannot be used: {rule}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            _ => panic!("no object"),
        }
    }

    #[test]
    fn a_mistyped_name_is_refused_and_the_right_one_named() {
        let error = Fields::new(&map(json!({"vdbhots": "x"})), &["vdbhost", "vdbname"], &["id"]).unwrap_err();
        assert_eq!((error.kind(), error.way_out()), (Kind::BadParameter, Some("did you mean `vdbhost`?")));
        assert!(Fields::new(&map(json!({"id": 1})), &["vdbhost"], &["id"]).unwrap_err().to_string().contains("kept"));
        let hint = Fields::new(&map(json!({"colour": 1})), &["vdbhost"], &[]).unwrap_err();
        assert_eq!(hint.way_out(), Some("there are `vdbhost`"));
    }

    #[test]
    fn php_and_the_command_line_give_values_in_many_forms() {
        let values =
            map(json!({"a": "7", "b": null, "c": [], "d": "{\"x\": 1}", "e": "p, q r", "f": true, "g": "x'y"}));
        let fields = Fields::new(&values, &["a", "b", "c", "d", "e", "f", "g"], &[]).unwrap();
        assert_eq!(fields.int("a", 0..=9).unwrap(), Some(7));
        assert!(fields.int("a", 0..=6).is_err() && fields.int("g", 0..=6).is_err());
        assert_eq!((fields.int("b", 0..=1).unwrap(), fields.int("z", 0..=1).unwrap()), (None, None));
        assert_eq!(fields.map("c").unwrap(), Some(Map::new()));
        assert_eq!(fields.map("d").unwrap().unwrap()["x"], 1);
        assert_eq!(fields.words("e", parse_tags).unwrap().unwrap(), ["p", "q", "r"]);
        assert_eq!(parse_targets("/a{1,2}/ !net:2"), parse_targets("[\"/a{1,2}/\", \"!net:2\"]"));
        assert_eq!(fields.flag("f").unwrap(), Some(true));
        assert!(fields.word("g", 9).is_err() && fields.text("g", 2).is_err() && fields.text("g", 3).is_ok());
    }
}
