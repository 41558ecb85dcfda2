//! A Moodle's `config.php`: read without running it, and written for a tenant that leaves the farm.
//!
//! ```text
//! read  -> token (text -> tokens) -> statement (what is assigned, what is skipped) -> value (literals)
//! write -> literal
//! ```
// `missing` and `render` are for the tests at the boundary, and for whoever writes a site's settings by hand.
#![cfg_attr(not(feature = "testing"), allow(dead_code, unreachable_pub))]

mod statement;
mod token;
mod value;
mod write;

use std::fmt;

use serde_json::{Map, Value};

use crate::error::{Error, Kind, Result};
#[cfg(any(test, feature = "testing"))]
pub use write::render;
pub use write::{Layout, Leaver, standalone};

/// What a site cannot be taken over without.
pub const REQUIRED: &[&str] =
    &["dbtype", "dbhost", "dbname", "dbuser", "dbpass", "prefix", "wwwroot", "dataroot", "dboptions"];

/// A statement that is no plain assignment: what it would do is not guessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// What it is, in a few words; never a value.
    pub what: String,
    /// The settings it might set; they are not in [`Config::settings`] unless a later line sets them plainly.
    pub sets: Vec<String>,
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not understood at line {}: {}", self.line, self.what)?;
        if self.sets.is_empty() { Ok(()) } else { write!(f, " (may set `{}`)", self.sets.join("`, `")) }
    }
}

/// What a `config.php` says.
#[derive(Clone, Default, PartialEq)]
pub struct Config {
    /// The settings of `$CFG` by name, the password in clear; arrays are lists where PHP's `array_is_list` says so.
    pub settings: Map<String, Value>,
    /// What was not understood, in the order of the file.
    pub skipped: Vec<Skipped>,
}

impl Config {
    /// The required settings that are not known.
    pub fn missing(&self) -> Vec<&'static str> {
        REQUIRED.iter().copied().filter(|name| !self.settings.contains_key(*name)).collect()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.settings.keys().collect();
        f.debug_struct("Config").field("settings", &names).field("skipped", &self.skipped).finish()
    }
}

/// Reads the text of a `config.php` that lies in `folder`, for `__DIR__`.
///
/// Fails with [`Kind::ConfigUnreadable`] where it is no PHP at all: what is PHP, but not plain, is told in
/// [`Config::skipped`].
pub fn read(bytes: &[u8], folder: &str) -> Result<Config> {
    Ok(statement::run(&tokens_of(bytes)?, folder))
}

fn tokens_of(bytes: &[u8]) -> Result<Vec<token::Token>> {
    let unreadable = |what: String| {
        Error::new(Kind::ConfigUnreadable, what).hint("give a Moodle's `config.php`, in UTF-8, that `php -l` accepts")
    };
    let text = std::str::from_utf8(bytes).map_err(|wrong| {
        let line = 1 + bytes[..wrong.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        unreadable(format!("line {line} is not UTF-8"))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    token::tokens(text).map_err(|wrong| unreadable(wrong.to_string()))
}

/// Reads the plain assignments of variables (`$name = 'text';`) of a PHP file that holds nothing else of interest; what is
/// not plain is passed over. Fails as [`read`] does.
pub fn variables(bytes: &[u8]) -> Result<Map<String, Value>> {
    Ok(statement::variables(&tokens_of(bytes)?))
}

/// Reads what a PHP file assigns to one variable, `$name = ...;`, as data: a file that `var_export` has written.
///
/// `None` where the file is no PHP, does not assign it, or assigns what is no literal.
pub fn assigned(bytes: &[u8], name: &str) -> Option<Value> {
    let tokens = token::tokens(std::str::from_utf8(bytes).ok()?).ok()?;
    let at = tokens.iter().position(|token| matches!(&token.kind, token::Kind::Variable(is) if is == name))?;
    let mut reader = value::Reader { tokens: &tokens, at: at + 1 };
    if !reader.sign("=") {
        return None;
    }
    let known = reader.expression(&value::Scope { settings: &[], folder: "" }, 0)?;
    reader.sign(";").then(|| known.into_json())
}

/// Reads the text that a PHP file puts into an array, `$name['key'] = '...';`: a file of a language pack.
pub fn entry(bytes: &[u8], name: &str, key: &str) -> Option<String> {
    let tokens = token::tokens(std::str::from_utf8(bytes).ok()?).ok()?;
    let is_it = |window: &[token::Token]| {
        use token::Kind::{Sign, Text, Variable};
        matches!(
            [&window[0].kind, &window[1].kind, &window[2].kind, &window[3].kind, &window[4].kind],
            [Variable(is), Sign("["), Text(at), Sign("]"), Sign("=")] if is == name && at == key
        )
    };
    let at = tokens.windows(6).rposition(is_it)?;
    match &tokens[at + 5].kind {
        token::Kind::Text(text) => Some(text.clone()),
        _ => None,
    }
}

/// Reads a file of a language pack: plain texts put into `$string`, behind Moodle's guard at most; the last of a key counts.
///
/// Fails with [`Kind::ConfigUnreadable`] where anything else stands in it, or it is no PHP: what a site would run is not
/// brought to another one unless it is known.
pub fn strings(bytes: &[u8]) -> Result<Vec<(String, String)>> {
    use token::Kind::{Name, Sign, Text, Variable};
    let tokens = tokens_of(bytes)?;
    let mut strings: Vec<(String, String)> = Vec::new();
    for statement in tokens.split(|token| token.kind == Sign(";")) {
        let kinds: Vec<&token::Kind> = statement.iter().map(|token| &token.kind).collect();
        let is_word = |kind: &token::Kind, words: &[&str]| matches!(kind, Name(name) if words.contains(&name.as_str()));
        match kinds.as_slice() {
            [] => {}
            // `defined('MOODLE_INTERNAL') || die()`.
            [defined, Sign("("), Text(guard), Sign(")"), Sign("||"), die, rest @ ..]
                if is_word(defined, &["defined"])
                    && guard == "MOODLE_INTERNAL"
                    && is_word(die, &["die", "exit"])
                    && matches!(rest, [] | [Sign("("), Sign(")")]) => {}
            [Variable(array), Sign("["), Text(key), Sign("]"), Sign("="), value @ ..] if array == "string" => {
                let text = joined(value).ok_or_else(|| not_plain(statement))?;
                strings.retain(|(known, _)| known != key);
                strings.push((key.clone(), text));
            }
            _ => return Err(not_plain(statement)),
        }
    }
    Ok(strings)
}

/// Texts with points between them (`'a' . "\0" . 'b'`), as one.
fn joined(value: &[&token::Kind]) -> Option<String> {
    let mut whole = String::new();
    for (place, kind) in value.iter().enumerate() {
        match kind {
            token::Kind::Text(text) if place % 2 == 0 => whole.push_str(text),
            token::Kind::Sign(".") if place % 2 == 1 => {}
            _ => return None,
        }
    }
    (value.len() % 2 == 1).then_some(whole)
}

fn not_plain(statement: &[token::Token]) -> Error {
    let line = statement.first().map_or(0, |token| token.line);
    Error::new(Kind::ConfigUnreadable, format!("line {line} is no plain `$string['…'] = '…';`"))
        .hint("repair the file on the source, or leave its component out")
}

/// What a PHP file of plain assignments leaves in a property of one of these variables; the inner `None` where it sets none.
///
/// `None` where that cannot be told without running it: the file branches, includes another one, replaces the variable, or
/// assigns what is no literal.
pub fn property(bytes: &[u8], variables: &[&str], name: &str) -> Option<Option<Value>> {
    use token::Kind::{Name, Sign, Variable};
    const NOT_PLAIN: [&str; 16] = [
        "if",
        "else",
        "switch",
        "match",
        "for",
        "foreach",
        "while",
        "do",
        "function",
        "include",
        "include_once",
        "require",
        "require_once",
        "return",
        "goto",
        "eval",
    ];
    let tokens = token::tokens(std::str::from_utf8(bytes).ok()?).ok()?;
    if tokens.iter().any(|token| matches!(&token.kind, Name(word) if NOT_PLAIN.contains(&word.to_lowercase().as_str())))
    {
        return None;
    }
    let mut reader = value::Reader { tokens: &tokens, at: 0 };
    let mut left = None;
    while let Some(kind) = reader.next() {
        match kind {
            Sign("$" | "?") => return None,
            Variable(variable) if variables.contains(&variable.as_str()) => {
                if reader.property()? != name {
                    continue;
                }
                if !reader.sign("=") {
                    return None;
                }
                left = Some(reader.expression(&value::Scope { settings: &[], folder: "" }, 0)?.into_json());
                if !reader.sign(";") {
                    return None;
                }
            }
            _ => {}
        }
    }
    Some(left)
}

#[cfg(test)]
mod tests;
