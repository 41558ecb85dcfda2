//! A dump taken apart into statements, as it comes in; nothing in it is ever run but by a server.
//!
//! Only as much of SQL is understood as it takes to find the end of a statement: quotes, comments, and the rows that follow
//! PostgreSQL's `COPY … FROM stdin`.

mod words;

use crate::error::{Error, Kind, Result};
use crate::sqlscript::lexis::{self, Opening};
use crate::tenant::Engine;
use words::{Verdict, verdict};

/// The longest statement: as long as a packet of either server may be.
const LONGEST: usize = 1 << 30;
/// How much is looked at to tell what begins here.
const AHEAD: usize = 16;

/// A part of a dump.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A statement, without its end.
    Statement(String),
    /// `COPY … FROM stdin`: rows follow, then their end.
    Copy(String),
    /// Whole lines of rows.
    Rows(Vec<u8>),
    /// The end of rows.
    RowsEnd,
}

/// What the next octet belongs to.
#[derive(Debug, PartialEq, Eq)]
enum Within {
    Statement,
    Quotes { mark: u8, escapes: bool },
    Line,
    Comment { depth: u32 },
    Dollars { tag: Vec<u8> },
    LineOfCopy,
    Rows,
}

/// How far a look went.
enum Look {
    /// It went on.
    On,
    /// It needs what comes next.
    More,
    /// It found this.
    Found(Piece),
}

/// A dump that is being read.
pub(super) struct Script {
    mysql: bool,
    buffer: Vec<u8>,
    /// Where the statement or the rows begin.
    start: usize,
    /// Up to where was looked.
    at: usize,
    within: Within,
    /// What ends a statement.
    delimiter: Vec<u8>,
    ended: bool,
}

impl Script {
    pub(super) fn new(engine: Engine) -> Self {
        Self {
            mysql: engine.is_mysql(),
            buffer: Vec::new(),
            start: 0,
            at: 0,
            within: Within::Statement,
            delimiter: b";".to_vec(),
            ended: false,
        }
    }

    /// Takes what was read; nothing means that the dump has ended.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        self.buffer.drain(..self.start);
        self.at -= self.start;
        self.start = 0;
        self.ended = bytes.is_empty();
        if self.buffer.len() + bytes.len() > LONGEST {
            return Err(refused("the dump has a statement of more than 1 GiB"));
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    /// Whether everything was fed and given.
    pub(super) fn has_ended(&self) -> bool {
        self.ended && self.start == self.buffer.len()
    }

    /// The next piece; `None` when more must be fed, or when all has ended.
    pub(super) fn next(&mut self) -> Result<Option<Piece>> {
        loop {
            let look = match &self.within {
                Within::Statement => self.statement()?,
                Within::Quotes { mark, escapes } => self.quotes(*mark, *escapes),
                Within::Line => self.line(),
                Within::Comment { depth } => self.comment(*depth),
                Within::Dollars { tag } => self.dollars(&tag.clone()),
                Within::LineOfCopy => self.line_of_copy(),
                Within::Rows => self.rows(),
            };
            match look {
                Look::On => {}
                Look::Found(piece) => return Ok(Some(piece)),
                Look::More if !self.ended => return Ok(None),
                Look::More => return self.last(),
            }
        }
    }

    /// What stands behind the last delimiter.
    fn last(&mut self) -> Result<Option<Piece>> {
        match self.within {
            Within::Statement => {}
            Within::Line => self.leave_comment(),
            _ => return Err(refused("the dump ends in the middle of a text, a comment or rows")),
        }
        if self.start == self.buffer.len() {
            return Ok(None);
        }
        let end = self.buffer.len();
        match self.cut(end, end)? {
            Look::Found(piece) => Ok(Some(piece)),
            _ => Ok(None),
        }
    }

    fn statement(&mut self) -> Result<Look> {
        let rest = &self.buffer[self.at..];
        if rest.is_empty() || rest.len() < AHEAD && !self.ended {
            return Ok(Look::More);
        }
        if self.at == self.start {
            if rest[0].is_ascii_whitespace() {
                let blank = rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
                (self.start, self.at) = (self.start + blank, self.at + blank);
                return Ok(Look::On);
            }
            if self.mysql && rest.len() > 10 && rest[..10].eq_ignore_ascii_case(b"DELIMITER ") || rest[0] == b'\\' {
                return self.command();
            }
        }
        if rest.starts_with(&self.delimiter) {
            return self.cut(self.at, self.at + self.delimiter.len());
        }
        if rest[0] == b'\\' {
            return Err(refused("the dump holds a command of a client, `\\`"));
        }
        match lexis::opening(&self.buffer[self.start..self.at], rest, self.mysql) {
            Some(Opening::Quotes { mark, escapes }) => self.enter(Within::Quotes { mark, escapes }, 1),
            Some(Opening::Line { skip }) => self.enter(Within::Line, skip),
            Some(Opening::Comment) => self.enter(Within::Comment { depth: 1 }, 2),
            Some(Opening::Dollars { length }) => {
                let tag = rest[..length].to_vec();
                self.enter(Within::Dollars { tag }, length);
            }
            Some(Opening::Unsure) if !self.ended => return Ok(Look::More),
            Some(Opening::Unsure) | None => {
                let first = self.delimiter[0];
                let special =
                    |b: &u8| matches!(b, b'\'' | b'"' | b'`' | b'#' | b'-' | b'/' | b'$' | b'\\') || *b == first;
                self.at += 1 + rest[1..].iter().position(special).unwrap_or(rest.len() - 1);
            }
        }
        Ok(Look::On)
    }

    /// A command of the client at the beginning of a line: only those that change nothing but the reading are taken.
    fn command(&mut self) -> Result<Look> {
        let rest = &self.buffer[self.at..];
        let end = match rest.iter().position(|b| *b == b'\n') {
            Some(end) => end + 1,
            None if self.ended => rest.len(),
            None => return Ok(Look::More),
        };
        let line = String::from_utf8_lossy(&rest[..end]).trim().to_owned();
        match line.split_once(char::is_whitespace) {
            // The key under which pg_dump locks psql up.
            Some(("\\restrict" | "\\unrestrict", _)) if !self.mysql => {}
            Some((word, delimiter)) if self.mysql && word.eq_ignore_ascii_case("DELIMITER") => {
                self.delimiter = delimiter.trim().as_bytes().to_vec();
            }
            _ => {
                let shown = line.split_whitespace().next().unwrap_or_default().chars().take(20).collect::<String>();
                let shown = shown.replace('`', "");
                return Err(refused(format!("the dump holds a command of a client, `{shown}`")));
            }
        }
        (self.start, self.at) = (self.start + end, self.at + end);
        Ok(Look::On)
    }

    fn quotes(&mut self, mark: u8, escapes: bool) -> Look {
        let rest = &self.buffer[self.at..];
        let Some(found) = rest.iter().position(|b| *b == mark || escapes && *b == b'\\') else {
            self.at = self.buffer.len();
            return Look::More;
        };
        let next = rest.get(found + 1);
        if next.is_none() && !self.ended {
            self.at += found;
            return Look::More;
        }
        // A mark that is doubled is a part of the text.
        if rest[found] != mark || next == Some(&mark) {
            self.at = (self.at + found + 2).min(self.buffer.len());
        } else {
            self.at += found + 1;
            self.within = Within::Statement;
        }
        Look::On
    }

    fn line(&mut self) -> Look {
        let rest = &self.buffer[self.at..];
        let Some(end) = rest.iter().position(|b| *b == b'\n') else {
            self.at = self.buffer.len();
            return Look::More;
        };
        self.at += end + 1;
        self.leave_comment();
        Look::On
    }

    fn comment(&mut self, depth: u32) -> Look {
        let rest = &self.buffer[self.at..];
        let Some(found) = rest.windows(2).position(|two| two == b"*/" || two == b"/*" && !self.mysql) else {
            // One half of a mark may stand at the end.
            self.at = self.buffer.len().saturating_sub(1).max(self.at);
            return Look::More;
        };
        let depth = if rest[found] == b'*' { depth - 1 } else { depth + 1 };
        self.at += found + 2;
        self.within = Within::Comment { depth };
        if depth == 0 {
            self.leave_comment();
        }
        Look::On
    }

    /// A comment before a statement is no part of it, but for those that MySQL runs.
    fn leave_comment(&mut self) {
        self.within = Within::Statement;
        let text = &self.buffer[self.start..self.at];
        let opens = text.starts_with(b"--") || text.starts_with(b"#") && self.mysql || text.starts_with(b"/*");
        let runs = self.mysql && (text.starts_with(b"/*!") || text.starts_with(b"/*M!"));
        if opens && !runs {
            self.start = self.at;
        }
    }

    fn dollars(&mut self, tag: &[u8]) -> Look {
        let rest = &self.buffer[self.at..];
        let Some(found) = rest.windows(tag.len()).position(|some| some == tag) else {
            self.at = self.buffer.len().saturating_sub(tag.len() - 1).max(self.at);
            return Look::More;
        };
        self.at += found + tag.len();
        self.within = Within::Statement;
        Look::On
    }

    /// What stands between `COPY` and its first row.
    fn line_of_copy(&mut self) -> Look {
        let Some(end) = self.buffer[self.at..].iter().position(|b| *b == b'\n') else { return Look::More };
        self.at += end + 1;
        self.start = self.at;
        self.within = Within::Rows;
        Look::On
    }

    fn rows(&mut self) -> Look {
        let mut begin = self.start;
        // Up to `at` there is no end of a line.
        while let Some(length) = self.buffer[self.at..].iter().position(|b| *b == b'\n') {
            let next = self.at + length + 1;
            let line = &self.buffer[begin..next - 1];
            if line.strip_suffix(b"\r").unwrap_or(line) == b"\\." {
                if begin > self.start {
                    self.at = begin;
                    break;
                }
                (self.start, self.at, self.within) = (next, next, Within::Statement);
                return Look::Found(Piece::RowsEnd);
            }
            (begin, self.at) = (next, next);
        }
        if begin == self.start {
            self.at = self.buffer.len();
            return Look::More;
        }
        let rows = self.buffer[self.start..begin].to_vec();
        self.start = begin;
        Look::Found(Piece::Rows(rows))
    }

    /// Cuts a statement off at `end`; the next one begins at `next`.
    fn cut(&mut self, end: usize, next: usize) -> Result<Look> {
        let text = String::from_utf8(self.buffer[self.start..end].to_vec()).map_err(|_| {
            refused("a statement of the dump is no UTF-8").hint("write it with `--hex-blob` and in utf8mb4")
        })?;
        (self.start, self.at) = (next, next);
        let text = text.trim();
        if text.is_empty() {
            return Ok(Look::On);
        }
        Ok(match verdict(text, self.mysql)? {
            Verdict::Run => Look::Found(Piece::Statement(text.to_owned())),
            Verdict::Skip => Look::On,
            Verdict::Copy => {
                self.within = Within::LineOfCopy;
                Look::Found(Piece::Copy(text.to_owned()))
            }
        })
    }

    fn enter(&mut self, within: Within, skip: usize) {
        self.within = within;
        self.at += skip;
    }
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(Kind::TransferFailed, message)
}

#[cfg(test)]
mod tests;
