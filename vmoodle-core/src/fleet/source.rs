//! YAML, and JSON as a part of it, as a tree in which every part knows its line.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Spanned};

use super::{Fault, LARGEST};

/// A part of the file, and the line on which it begins.
pub(super) struct Item {
    pub(super) line: u64,
    pub(super) value: Plain,
}

/// What a part is.
pub(super) enum Plain {
    Null,
    Bool(bool),
    Int(i64),
    /// A number with a fraction, or too large: what its digits were is lost.
    Number,
    Text(String),
    List(Vec<Item>),
    Map(Vec<(Key, Item)>),
}

/// A name in a map, and its line.
pub(super) struct Key {
    pub(super) line: u64,
    pub(super) name: String,
}

/// Reads a file. What is no UTF-8, no YAML or a trap (an alias that grows, a depth without end) is one fault.
pub(super) fn read(text: &[u8]) -> Result<Item, Vec<Fault>> {
    let whole = |message: &str| vec![Fault { line: 0, message: message.to_owned() }];
    if text.len() > LARGEST {
        return Err(whole(&format!("it has more than {LARGEST} octets")));
    }
    let text = std::str::from_utf8(text).map_err(|_| whole("it is not UTF-8"))?;
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        // `on` and `off` are words.
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map_or(0, |place| place.line());
        vec![Fault { line, message: format!("it is no YAML: {}", said(&error)) }]
    })
}

/// The message on one line, without the place, which stands before it.
fn said(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Plain>::deserialize(deserializer)?;
        Ok(Self { line: spanned.referenced.line(), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Plain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Plain, E> {
        Ok(Plain::Null)
    }

    fn visit_none<E>(self) -> Result<Plain, E> {
        Ok(Plain::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Plain, D::Error> {
        Plain::deserialize(deserializer)
    }

    fn visit_bool<E>(self, yes: bool) -> Result<Plain, E> {
        Ok(Plain::Bool(yes))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Plain, E> {
        Ok(Plain::Int(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Plain, E> {
        Ok(i64::try_from(number).map_or(Plain::Number, Plain::Int))
    }

    fn visit_i128<E>(self, _: i128) -> Result<Plain, E> {
        Ok(Plain::Number)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Plain, E> {
        Ok(Plain::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Plain, E> {
        Ok(Plain::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<Plain, E> {
        Ok(Plain::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Plain, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Plain::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Plain, A::Error> {
        let mut map = Vec::new();
        while let Some(key) = entries.next_key::<Spanned<String>>()? {
            let key = Key { line: key.referenced.line(), name: key.value };
            map.push((key, entries.next_value()?));
        }
        Ok(Plain::Map(map))
    }
}
