//! Expressions whose value is known without running anything.

use serde_json::{Map, Value, json};

use super::token::{Kind, Token};

/// How deep brackets may be nested.
const DEEPEST: u32 = 32;

/// PHP's levels of errors, which `$CFG->debug` is made of.
const LEVELS: &[(&str, i64)] =
    &[("E_ALL", 32767), ("E_STRICT", 2048), ("E_NOTICE", 8), ("E_WARNING", 2), ("E_ERROR", 1), ("E_DEPRECATED", 8192)];

/// A value as PHP has it: an array keeps its keys until it is done.
#[derive(Debug, Clone)]
pub(super) enum Known {
    Plain(Value),
    Array(Array),
}

/// An array with the key that comes next.
#[derive(Debug, Clone, Default)]
pub(super) struct Array {
    items: Vec<(String, Known)>,
    next: i64,
}

impl Array {
    /// Sets a key; without one the next number.
    pub(super) fn put(&mut self, key: Option<String>, value: Known) {
        let key = key.unwrap_or_else(|| self.next.to_string());
        if let Some(number) = as_number(&key) {
            self.next = self.next.max(number.saturating_add(1));
        }
        match self.items.iter_mut().find(|(name, _)| *name == key) {
            Some((_, old)) => *old = value,
            None => self.items.push((key, value)),
        }
    }

    /// The array under a key, made where there is none; `None` where something else stands there.
    pub(super) fn inner(&mut self, key: Option<String>) -> Option<&mut Self> {
        let key = key.unwrap_or_else(|| self.next.to_string());
        if !self.items.iter().any(|(name, _)| *name == key) {
            self.put(Some(key.clone()), Known::Array(Self::default()));
        }
        match self.items.iter_mut().find(|(name, _)| *name == key) {
            Some((_, Known::Array(array))) => Some(array),
            _ => None,
        }
    }

    fn get(&self, key: &str) -> Option<&Known> {
        self.items.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }
}

impl Known {
    /// As JSON: a list where the keys are 0, 1, 2….
    pub(super) fn into_json(self) -> Value {
        let Array { items, .. } = match self {
            Self::Plain(value) => return value,
            Self::Array(array) => array,
        };
        let is_list = items.iter().enumerate().all(|(at, (key, _))| *key == at.to_string());
        let mut items = items.into_iter().map(|(key, value)| (key, value.into_json()));
        if is_list {
            items.map(|(_, value)| value).collect()
        } else {
            Value::Object(items.by_ref().collect::<Map<_, _>>())
        }
    }

    /// As PHP writes it into a text; `None` for what PHP warns of, and for numbers with a point.
    fn text(&self) -> Option<String> {
        match self {
            Self::Plain(Value::String(text)) => Some(text.clone()),
            Self::Plain(Value::Number(number)) => number.as_i64().map(|number| number.to_string()),
            Self::Plain(Value::Bool(true)) => Some("1".into()),
            Self::Plain(Value::Bool(false) | Value::Null) => Some(String::new()),
            _ => None,
        }
    }

    fn int(&self) -> Option<i64> {
        match self {
            Self::Plain(Value::Number(number)) => number.as_i64(),
            _ => None,
        }
    }
}

/// A key that PHP takes for a number.
fn as_number(key: &str) -> Option<i64> {
    key.parse::<i64>().ok().filter(|number| number.to_string() == key)
}

/// What an expression may refer to.
pub(super) struct Scope<'a> {
    /// The settings so far.
    pub(super) settings: &'a [(String, Known)],
    /// Where the file lies.
    pub(super) folder: &'a str,
}

/// A place in the tokens.
pub(super) struct Reader<'a> {
    pub(super) tokens: &'a [Token],
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn peek(&self) -> Option<&'a Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    pub(super) fn next(&mut self) -> Option<&'a Kind> {
        let kind = self.peek()?;
        self.at += 1;
        Some(kind)
    }

    pub(super) fn sign(&mut self, sign: &str) -> bool {
        let there = matches!(self.peek(), Some(Kind::Sign(is)) if *is == sign);
        self.at += usize::from(there);
        there
    }

    pub(super) fn name(&mut self, name: &str) -> bool {
        let there = matches!(self.peek(), Some(Kind::Name(is)) if is.eq_ignore_ascii_case(name));
        self.at += usize::from(there);
        there
    }

    pub(super) fn variable(&mut self, name: &str) -> bool {
        let there = matches!(self.peek(), Some(Kind::Variable(is)) if is == name);
        self.at += usize::from(there);
        there
    }

    /// `->name`
    pub(super) fn property(&mut self) -> Option<&'a str> {
        match (self.sign("->"), self.next()) {
            (true, Some(Kind::Name(name))) => Some(name),
            _ => None,
        }
    }

    /// An expression; `None` where its value is not known.
    pub(super) fn expression(&mut self, scope: &Scope<'_>, depth: u32) -> Option<Known> {
        let mut value = self.joined(scope, depth)?;
        while self.sign("|") {
            value = Known::Plain(json!(value.int()? | self.joined(scope, depth)?.int()?));
        }
        Some(value)
    }

    fn joined(&mut self, scope: &Scope<'_>, depth: u32) -> Option<Known> {
        let mut value = self.sum(scope, depth)?;
        while self.sign(".") {
            let text = value.text()? + &self.sum(scope, depth)?.text()?;
            value = Known::Plain(json!(text));
        }
        Some(value)
    }

    fn sum(&mut self, scope: &Scope<'_>, depth: u32) -> Option<Known> {
        let mut value = self.product(scope, depth)?;
        loop {
            let number = if self.sign("+") {
                value.int()?.checked_add(self.product(scope, depth)?.int()?)?
            } else if self.sign("-") {
                value.int()?.checked_sub(self.product(scope, depth)?.int()?)?
            } else {
                return Some(value);
            };
            value = Known::Plain(json!(number));
        }
    }

    fn product(&mut self, scope: &Scope<'_>, depth: u32) -> Option<Known> {
        let mut value = self.one(scope, depth)?;
        while self.sign("*") {
            let number = value.int()?.checked_mul(self.one(scope, depth)?.int()?)?;
            value = Known::Plain(json!(number));
        }
        Some(value)
    }

    fn one(&mut self, scope: &Scope<'_>, depth: u32) -> Option<Known> {
        if depth > DEEPEST {
            return None;
        }
        match self.next()? {
            Kind::Int(number) => Some(Known::Plain(json!(number))),
            Kind::Float(number) => Some(Known::Plain(json!(number))),
            Kind::Text(text) => Some(Known::Plain(json!(text))),
            Kind::Variable(name) if name == "CFG" => self.setting(scope, depth),
            Kind::Sign("-") => match self.one(scope, depth + 1)? {
                Known::Plain(Value::Number(number)) => {
                    let negative = number.as_i64().and_then(i64::checked_neg).map(|n| json!(n));
                    negative.or_else(|| Some(json!(-number.as_f64()?))).map(Known::Plain)
                }
                _ => None,
            },
            Kind::Sign("[") => self.array("]", scope, depth),
            Kind::Sign("(") => {
                let value = self.expression(scope, depth + 1)?;
                self.sign(")").then_some(value)
            }
            Kind::Name(name) => self.named(name, scope, depth),
            _ => None,
        }
    }

    /// A setting that an earlier line has set, or a key in it.
    fn setting(&mut self, scope: &Scope<'_>, depth: u32) -> Option<Known> {
        let name = self.property()?;
        let mut known = scope.settings.iter().find(|(set, _)| set == name).map(|(_, value)| value.clone())?;
        while self.sign("[") {
            let key = self.expression(scope, depth + 1).and_then(key)?;
            known = match known {
                Known::Array(array) if self.sign("]") => array.get(&key)?.clone(),
                _ => return None,
            };
        }
        Some(known)
    }

    fn named(&mut self, name: &str, scope: &Scope<'_>, depth: u32) -> Option<Known> {
        let plain = |value| Some(Known::Plain(value));
        match name.to_ascii_lowercase().as_str() {
            "true" => plain(json!(true)),
            "false" => plain(json!(false)),
            "null" => plain(Value::Null),
            "__dir__" => plain(json!(scope.folder)),
            "array" if self.sign("(") => self.array(")", scope, depth),
            "dirname" if self.sign("(") => {
                let path = if self.name("__FILE__") {
                    format!("{}/config.php", scope.folder)
                } else {
                    self.expression(scope, depth + 1)?.text()?
                };
                let folder = path.trim_end_matches('/').rsplit_once('/').map(|(folder, _)| folder)?;
                let folder = if folder.is_empty() { "/" } else { folder };
                self.sign(")").then(|| Known::Plain(json!(folder)))
            }
            _ => {
                let level = LEVELS.iter().find(|(known, _)| *known == name);
                level.map(|(_, number)| Known::Plain(json!(number)))
            }
        }
    }

    fn array(&mut self, end: &str, scope: &Scope<'_>, depth: u32) -> Option<Known> {
        let mut array = Array::default();
        while !self.sign(end) {
            let mut value = self.expression(scope, depth + 1)?;
            let mut name = None;
            if self.sign("=>") {
                name = Some(key(value)?);
                value = self.expression(scope, depth + 1)?;
            }
            array.put(name, value);
            if !self.sign(",") {
                return self.sign(end).then_some(Known::Array(array));
            }
        }
        Some(Known::Array(array))
    }
}

/// A value as the key of an array.
pub(super) fn key(value: Known) -> Option<String> {
    match value {
        Known::Plain(Value::String(text)) => Some(text),
        Known::Plain(Value::Number(number)) => number.as_i64().map(|number| number.to_string()),
        Known::Plain(Value::Bool(yes)) => Some(i64::from(yes).to_string()),
        _ => None,
    }
}
