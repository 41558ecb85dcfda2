//! SQL taken apart into words, names, texts and signs; what they mean is not asked here.

use super::lexis::{self, Opening, is_word};
use crate::error::{Error, Kind, Result};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// A keyword, or a name without quotes.
    Word,
    /// A name in quotes.
    Name,
    /// A text, whatever encloses it.
    Text,
    /// A number.
    Number,
    /// One sign.
    Sign(u8),
    /// `{table}`.
    Table,
    /// `[[?name]]` or `[[?name:member]]`.
    Value,
    /// `/*!` or `/*M!` and a version: what follows is run by some servers.
    Opens,
    /// The `*/` to it.
    Closes,
    /// What ends a statement.
    Delimiter,
}

/// A token and where it stands, in octets from the script's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    /// What it is.
    pub(super) sort: Sort,
    /// Its first octet.
    pub(super) start: usize,
    /// The first octet behind it.
    pub(super) end: usize,
}

/// Reads tokens one after the other.
pub(super) struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    mysql: bool,
    at: usize,
    /// Within `/*! … */`.
    conditional: bool,
}

impl<'a> Reader<'a> {
    /// A reader at the script's beginning.
    pub(super) fn new(text: &'a str, mysql: bool) -> Self {
        Self { text, bytes: text.as_bytes(), mysql, at: 0, conditional: false }
    }

    /// The next token, behind blanks and comments; `None` at the end. `start` is where the statement begins.
    pub(super) fn next(&mut self, start: usize, delimiter: &[u8]) -> Result<Option<Token>> {
        loop {
            let rest = &self.bytes[self.at..];
            let Some(first) = rest.first().copied() else { return Ok(None) };
            if first.is_ascii_whitespace() || first == 0x0b {
                self.at += 1;
                continue;
            }
            if rest.starts_with(delimiter) {
                return Ok(Some(self.take(Sort::Delimiter, delimiter.len())));
            }
            if self.mysql
                && let Some(length) = conditional(rest)
            {
                self.conditional = true;
                return Ok(Some(self.take(Sort::Opens, length)));
            }
            if self.conditional && rest.starts_with(b"*/") {
                self.conditional = false;
                return Ok(Some(self.take(Sort::Closes, 2)));
            }
            match lexis::opening(&self.bytes[start.min(self.at)..self.at], rest, self.mysql) {
                Some(Opening::Line { .. }) => {
                    self.at += rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
                }
                Some(Opening::Comment) => self.at = self.end_of_comment()?,
                Some(Opening::Quotes { mark, escapes }) => {
                    let name = mark == b'`' || mark == b'"' && !self.mysql;
                    let end = self.end_of_quotes(self.at, mark, escapes)?;
                    return Ok(Some(self.take(if name { Sort::Name } else { Sort::Text }, end - self.at)));
                }
                Some(Opening::Dollars { length }) => {
                    let tag = &rest[..length];
                    let Some(inside) = find(&rest[length..], tag) else { return Err(self.open_end("a text")) };
                    return Ok(Some(self.take(Sort::Text, inside + 2 * length)));
                }
                Some(Opening::Unsure) | None => return self.plain(first).map(Some),
            }
        }
    }

    /// The rest of the line, which is read with it.
    pub(super) fn line(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let line = rest.split('\n').next().unwrap_or_default();
        self.at += line.len();
        line
    }

    /// An error at a place of the script.
    pub(super) fn refuse(&self, at: usize, what: &str) -> Error {
        Error::new(Kind::SqlRefused, format!("line {}: {what}", line_of(self.text, at)))
    }

    fn plain(&mut self, first: u8) -> Result<Token> {
        let rest = &self.bytes[self.at..];
        let words = || rest.iter().take_while(|b| is_word(**b)).count();
        Ok(match first {
            b'\\' => return Err(self.refuse(self.at, "a command of a client, which begins with a backslash")),
            0 => return Err(self.refuse(self.at, "a zero octet")),
            b'{' => match rest[1..].iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b'_')) {
                Some(length @ 1..=63) if rest[length + 1] == b'}' => self.take(Sort::Table, length + 2),
                _ => return Err(self.refuse(self.at, "a brace that is no `{table}`")),
            },
            b'[' if rest.starts_with(b"[[?") => {
                let name = rest[3..].iter().take_while(|b| is_word(**b) || **b == b':').count();
                if name == 0 || !rest[3 + name..].starts_with(b"]]") {
                    return Err(self.refuse(self.at, "a placeholder that is no `[[?name]]`"));
                }
                self.take(Sort::Value, name + 5)
            }
            b'?' if self.mysql => return Err(self.refuse(self.at, "a `?`, which is no placeholder here")),
            b'$' if !self.mysql && rest.get(1).is_some_and(u8::is_ascii_digit) => {
                return Err(self.refuse(self.at, "a numbered parameter, which is no placeholder here"));
            }
            b'0'..=b'9' => {
                let length = rest.iter().take_while(|b| is_word(**b) || **b == b'.').count();
                self.take(Sort::Number, length)
            }
            _ if is_word(first) => {
                let length = words();
                let next = (rest.get(length), rest.get(length + 1));
                let prefix = rest[..length].eq_ignore_ascii_case(b"u");
                if !self.mysql && prefix && matches!(next, (Some(b'&'), Some(b'\'' | b'"'))) {
                    return Err(self.refuse(self.at, "a text or name that begins with `U&`"));
                }
                if !self.mysql && rest[..length].eq_ignore_ascii_case(b"e") && next.0 == Some(&b'\'') {
                    let end = self.end_of_escapes(self.at + length)?;
                    return Ok(self.take(Sort::Text, end - self.at));
                }
                self.take(Sort::Word, length)
            }
            sign => self.take(Sort::Sign(sign), 1),
        })
    }

    fn take(&mut self, sort: Sort, length: usize) -> Token {
        let start = self.at;
        self.at += length;
        Token { sort, start, end: self.at }
    }

    fn end_of_quotes(&self, start: usize, mark: u8, escapes: bool) -> Result<usize> {
        let mut at = start + 1;
        while let Some(found) = self.bytes[at..].iter().position(|b| *b == mark || escapes && *b == b'\\') {
            at += found;
            // A mark that is doubled is a part of the text.
            if self.bytes[at] != mark || self.bytes.get(at + 1) == Some(&mark) {
                at += 2;
                if at > self.bytes.len() {
                    break;
                }
            } else {
                return Ok(at + 1);
            }
        }
        Err(self.open_end("a text or name"))
    }

    /// `E'…'`, and what goes on with it on a later line (PostgreSQL manual, 4.1.2.1).
    fn end_of_escapes(&self, start: usize) -> Result<usize> {
        let mut end = self.end_of_quotes(start, b'\'', true)?;
        loop {
            let (mut at, mut line) = (end, false);
            loop {
                match self.bytes.get(at) {
                    Some(b'\n' | b'\r') => (at, line) = (at + 1, true),
                    Some(b) if b.is_ascii_whitespace() || *b == 0x0b => at += 1,
                    Some(b'-') if self.bytes[at..].starts_with(b"--") => {
                        at += self.bytes[at..].iter().position(|b| *b == b'\n').unwrap_or(self.bytes.len() - at);
                    }
                    _ => break,
                }
            }
            if !line || self.bytes.get(at) != Some(&b'\'') {
                return Ok(end);
            }
            end = self.end_of_quotes(at, b'\'', true)?;
        }
    }

    fn end_of_comment(&self) -> Result<usize> {
        let (mut at, mut depth) = (self.at + 2, 1);
        while depth > 0 {
            let rest = &self.bytes[at..];
            let mark = rest.windows(2).position(|two| two == b"*/" || two == b"/*" && !self.mysql);
            let Some(found) = mark else { return Err(self.open_end("a comment")) };
            if rest[found] == b'*' {
                depth -= 1;
            } else {
                depth += 1;
            }
            at += found + 2;
        }
        Ok(at)
    }

    fn open_end(&self, what: &str) -> Error {
        self.refuse(self.at, &format!("{what} that has no end"))
    }
}

/// The length of `/*!50003` and the like.
fn conditional(rest: &[u8]) -> Option<usize> {
    let mark = if rest.starts_with(b"/*!") {
        3
    } else if rest.starts_with(b"/*M!") {
        4
    } else {
        return None;
    };
    Some(mark + rest[mark..].iter().take(6).take_while(|b| b.is_ascii_digit()).count())
}

/// The line of an octet, from 1.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut at = 0;
    while let Some(found) = haystack[at..].iter().position(|b| *b == first) {
        at += found;
        if haystack[at..].starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
    None
}
