//! A script taken apart into statements: where `mariadb` and `psql` cut, here is cut.

use super::token::{Reader, Sort, Token};
use super::{LONGEST, Script, Statement};
use crate::error::{Error, Kind, Result};
use crate::tenant::Engine;

impl Script {
    /// Takes a script apart. Fails with `sql_refused` where a client would want more, or would run a command of its own.
    pub fn read(text: impl Into<String>, engine: Engine) -> Result<Self> {
        let text = text.into();
        if text.len() > LONGEST {
            return Err(Error::new(Kind::SqlRefused, "the script is longer than 64 MiB"));
        }
        let mut cutter = Cutter::default();
        let mut statements = Vec::new();
        {
            let mut reader = Reader::new(&text, engine.is_mysql());
            let mut delimiter = b";".to_vec();
            let (mut line, mut counted) = (1, 0);
            while let Some(token) = reader.next(cutter.start, &delimiter)? {
                if cutter.tokens.is_empty() && engine.is_mysql() && is_command(&text, token) {
                    let rest = reader.line();
                    delimiter = rest.split_whitespace().next().unwrap_or_default().as_bytes().to_vec();
                    if delimiter.is_empty() || delimiter.contains(&b'\\') {
                        return Err(reader.refuse(token.start, "a `DELIMITER` that says none"));
                    }
                    continue;
                }
                if cutter.tokens.is_empty() && engine.is_mysql() && text[token.start..].starts_with("--") {
                    // For the client it is a comment, for the server it is none.
                    return Err(reader.refuse(token.start, "a comment whose `--` has no blank behind it"));
                }
                if token.sort == Sort::Delimiter && cutter.may_cut(engine) {
                    cutter.end(token.end, &mut statements);
                    continue;
                }
                if cutter.tokens.is_empty() {
                    line += text.as_bytes()[counted..token.start].iter().filter(|b| **b == b'\n').count();
                    counted = token.start;
                    (cutter.start, cutter.line) = (token.start, line);
                }
                cutter.take(&text, token, engine);
            }
            cutter.end(text.len(), &mut statements);
        }
        Ok(Self { text, engine, statements })
    }

    /// How many statements there are.
    pub fn len(&self) -> usize {
        self.statements.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.statements.is_empty()
    }

    /// The statements as they stand, each from its first word to its last.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.statements.iter().map(|one| match (one.tokens.first(), one.tokens.last()) {
            (Some(first), Some(last)) => &self.text[first.start..last.end],
            _ => "",
        })
    }

    /// The line on which a statement begins, from 1.
    pub fn line(&self, number: usize) -> usize {
        self.statements.get(number).map_or(0, |one| one.line)
    }
}

fn is_command(text: &str, token: Token) -> bool {
    token.sort == Sort::Word
        && text[token.start..token.end].eq_ignore_ascii_case("delimiter")
        && text.as_bytes().get(token.end).is_some_and(u8::is_ascii_whitespace)
}

/// The statement that is being read.
#[derive(Default)]
struct Cutter {
    start: usize,
    line: usize,
    tokens: Vec<Token>,
    /// PostgreSQL: a delimiter in parentheses, or in the body of a function in SQL, is none (`psqlscan.l`).
    parentheses: usize,
    words: usize,
    head: [u8; 4],
    begun: usize,
}

impl Cutter {
    fn may_cut(&self, engine: Engine) -> bool {
        engine.is_mysql() || self.parentheses == 0 && self.begun == 0
    }

    fn take(&mut self, text: &str, token: Token, engine: Engine) {
        if !engine.is_mysql() {
            self.count(text, token);
        }
        // A delimiter that does not cut is a sign like others.
        let sort = if token.sort == Sort::Delimiter { Sort::Sign(b';') } else { token.sort };
        self.tokens.push(Token { sort, ..token });
    }

    fn count(&mut self, text: &str, token: Token) {
        match token.sort {
            Sort::Sign(b'(') => self.parentheses += 1,
            Sort::Sign(b')') => self.parentheses = self.parentheses.saturating_sub(1),
            Sort::Word => {
                let word = text[token.start..token.end].to_ascii_lowercase();
                let heads = ["create", "function", "procedure", "or", "replace"].contains(&word.as_str());
                if let Some(head) = self.head.get_mut(self.words).filter(|_| heads) {
                    *head = word.as_bytes()[0];
                }
                self.words += 1;
                let makes = matches!(self.head, [b'c', b'f' | b'p', ..] | [b'c', b'o', b'r', b'f' | b'p']);
                if makes && self.parentheses == 0 {
                    match word.as_str() {
                        "begin" => self.begun += 1,
                        "case" if self.begun > 0 => self.begun += 1,
                        "end" => self.begun = self.begun.saturating_sub(1),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, next: usize, statements: &mut Vec<Statement>) {
        let done = std::mem::take(self);
        self.start = next;
        if !done.tokens.is_empty() {
            statements.push(Statement { line: done.line, tokens: done.tokens });
        }
    }
}
