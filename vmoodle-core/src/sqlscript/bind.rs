//! A statement as a server gets it: tables with the site's prefix, values as parameters, never as text.

use std::fmt;

use serde_json::{Map, Value};

use super::Script;
use super::token::{Sort, Token};
use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::ident::{Prefix, TableName};

/// A statement that may go to a server. It can be made of a script alone; its values print as `_`.
pub struct Bound {
    text: String,
    values: Vec<Value>,
}

impl Bound {
    /// Its text, in the engine's own words.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its values in the order of their places: null, numbers and texts.
    pub fn values(&self) -> &[Value] {
        &self.values
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound").field("text", &self.text).finish_non_exhaustive()
    }
}

impl Script {
    /// Every statement with the site's tables and the given values.
    ///
    /// Fails with `bad_parameter` where a value is missing, is not asked for, or is none that a server takes.
    pub fn bind(&self, prefix: &Prefix, values: &Map<String, Value>) -> Result<Vec<Bound>> {
        let mut unused: Vec<&str> = values.keys().map(String::as_str).collect();
        let mut all = Vec::with_capacity(self.statements.len());
        for statement in &self.statements {
            let mut bound = Vec::new();
            for token in statement.tokens.iter().filter(|token| token.sort == Sort::Value) {
                let name = self.inside(token, 3, 2);
                unused.retain(|known| *known != name.split(':').next().unwrap_or(name));
                bound.push(value_of(values, name)?);
            }
            all.push(Bound { text: self.write(&statement.tokens, prefix), values: bound });
        }
        if let Some(name) = unused.first() {
            return Err(bad(format!("no statement asks for the value `{}`", escape(name))));
        }
        Ok(all)
    }

    /// The text of tokens with everything between them.
    fn write(&self, tokens: &[Token], prefix: &Prefix) -> String {
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else { return String::new() };
        let mut text = String::with_capacity(last.end - first.start + 64);
        let (mut at, mut number) = (first.start, 0);
        for token in tokens {
            if let Some(mark) = self.mark(token, prefix, &mut number) {
                text.push_str(&self.text[at..token.start]);
                text.push_str(&mark);
                at = token.end;
            }
        }
        text.push_str(&self.text[at..last.end]);
        text
    }

    /// What stands in place of a placeholder; `None` for any other token.
    pub(super) fn mark(&self, token: &Token, prefix: &Prefix, number: &mut usize) -> Option<String> {
        let quote = if self.engine.is_mysql() { '`' } else { '"' };
        match token.sort {
            Sort::Table => {
                // The reader takes names alone.
                let name = TableName::parse(self.inside(token, 1, 1)).ok()?;
                Some(format!("{quote}{prefix}{name}{quote}"))
            }
            Sort::Value => {
                *number += 1;
                Some(if self.engine.is_mysql() { "?".to_owned() } else { format!("${number}") })
            }
            _ => None,
        }
    }

    fn inside(&self, token: &Token, before: usize, after: usize) -> &str {
        &self.text[token.start + before..token.end - after]
    }
}

fn value_of(values: &Map<String, Value>, name: &str) -> Result<Value> {
    let found = match name.split_once(':') {
        None => values.get(name),
        Some((name, member)) => values.get(name).and_then(|inside| inside.get(member)),
    };
    match found {
        // Moodle has no column of this type: yes is 1.
        Some(Value::Bool(yes)) => Ok(Value::from(i64::from(*yes))),
        Some(Value::Array(_) | Value::Object(_)) => {
            Err(bad(format!("the value `{}` is neither a text nor a number", escape(name))))
        }
        Some(Value::Number(number)) if number.is_u64() && number.as_i64().is_none() => {
            Err(bad(format!("the value `{}` is greater than any integer of a server", escape(name))))
        }
        Some(value) => Ok(value.clone()),
        None => Err(bad(format!("the value `{}` is missing", escape(name)))),
    }
}

fn bad(message: String) -> Error {
    Error::new(Kind::BadParameter, message).hint("give them as JSON: `values={\"name\": 1}`")
}
