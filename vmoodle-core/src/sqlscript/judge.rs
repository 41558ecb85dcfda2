//! What a statement is, and what a person must have allowed by name before it runs.

use std::collections::BTreeSet;

use super::token::{Sort, Token};
use super::tree::{self, Tree};
use super::{Script, Statement, words};
use crate::error::{Error, Kind, Result};
use crate::ident::Prefix;

/// Everything that can be allowed, with what it is about.
pub const ALLOWED: &[(&str, &str)] = &[
    ("administrator", "the account has rights on the whole server"),
    ("code", "it runs code that is not seen here, or makes such code"),
    ("conditional", "it holds a comment that some servers run"),
    ("delete_all", "it deletes without a condition"),
    ("drop", "it drops something"),
    ("files", "it reads or writes files of the server, or a stream of the client"),
    ("locks", "it takes locks that others wait for"),
    ("other_schema", "it names another database or schema"),
    ("rights", "it changes accounts or rights"),
    ("server", "it changes or stops what others on the server share"),
    ("session", "it changes settings of the connection"),
    ("shared_account", "the account is the farm's own and reaches every tenant"),
    ("transaction", "it begins or ends transactions by itself"),
    ("truncate", "it empties a table"),
    ("unparsed", "it cannot be read for certain"),
    ("update_all", "it updates without a condition"),
];

/// What may be allowed while reading: the server's read-only transaction holds behind it.
const WHILE_READING: &[&str] = &["administrator", "other_schema", "shared_account", "unparsed"];

/// What a statement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// It reads.
    Read,
    /// It changes rows.
    Write,
    /// It changes tables, or what is like them.
    Define,
    /// Anything else, of which each kind has its own code.
    Other,
}

impl Class {
    /// Its word in plans.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Define => "define",
            Self::Other => "other",
        }
    }
}

/// What was found of a statement.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Its first word, in lower case.
    pub word: String,
    /// What it is.
    pub class: Class,
    /// The codes of [`ALLOWED`] that it needs.
    pub needs: BTreeSet<&'static str>,
    /// Whether it can be taken back with the transaction that it runs in.
    pub atomic: bool,
}

/// What a run allows.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Whether rows may be changed.
    pub writes: bool,
    /// The codes of [`ALLOWED`] that are allowed.
    pub allow: BTreeSet<String>,
}

impl Rules {
    /// Rules of these words. Refuses with `bad_parameter` a code that there is none of.
    pub fn new(writes: bool, allow: impl IntoIterator<Item = String>) -> Result<Self> {
        let allow: BTreeSet<String> = allow.into_iter().filter(|code| !code.is_empty()).collect();
        let known = |code: &String| ALLOWED.iter().any(|(known, _)| known == code);
        match allow.iter().find(|code| !known(code)) {
            None => Ok(Self { writes, allow }),
            Some(code) => {
                let known: Vec<_> = ALLOWED.iter().map(|(code, _)| *code).collect();
                let message = format!("`{}` is nothing that can be allowed", crate::host::escape(code));
                Err(Error::new(Kind::BadParameter, message).hint(format!("choose of: {}", known.join(", "))))
            }
        }
    }

    /// Whether something of [`ALLOWED`] is allowed.
    pub fn allows(&self, code: &str) -> bool {
        self.allow.contains(code) && (self.writes || WHILE_READING.contains(&code))
    }

    /// Refuses with `sql_refused` what a code stands for unless it is allowed.
    pub fn require(&self, code: &str, place: &str) -> Result<()> {
        if self.allows(code) {
            return Ok(());
        }
        let why = ALLOWED.iter().find(|(known, _)| *known == code).map_or("", |(_, why)| why);
        let error = Error::new(Kind::SqlRefused, format!("{place}: {why} (`{code}`)"));
        Err(match (self.writes, WHILE_READING.contains(&code)) {
            (true, _) => error.hint(format!("allow it by name: `allow={code}`")),
            (false, true) => error.hint(format!("allow it by name: `allow={code}`; it stays read-only")),
            (false, false) => error.hint(format!("only `mode=write` with `allow={code}` runs it")),
        })
    }
}

impl Script {
    /// What each statement is, for a site of this prefix whose own schemas or databases are these.
    pub fn judge(&self, prefix: &Prefix, own: &[String]) -> Result<Vec<Verdict>> {
        // A long chain of operators is a deep tree, for which a small stack does not do.
        const STACK: usize = 64 << 20;
        let lost = |_| Error::new(Kind::Internal, "no statement can be judged");
        let judged = std::thread::scope(|scope| {
            let judge = || self.statements.iter().map(|one| self.verdict(one, prefix, own)).collect();
            let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, judge);
            thread.map(|thread| thread.join().map_err(lost))
        });
        judged.map_err(|e| Error::new(Kind::Internal, "no thread can be started").because(e))?
    }

    /// Refuses with `sql_refused` a script that asks for more than the rules allow.
    pub fn hold(&self, verdicts: &[Verdict], rules: &Rules) -> Result<()> {
        for (number, verdict) in verdicts.iter().enumerate() {
            let place = format!("statement {} (line {}, `{}`)", number + 1, self.line(number), verdict.word);
            if verdict.class != Class::Read && !rules.writes {
                return Err(Error::new(Kind::SqlRefused, format!("{place}: it is no statement that only reads"))
                    .hint("ask for it by name: `mode=write`"));
            }
            for code in &verdict.needs {
                rules.require(code, &place)?;
            }
        }
        Ok(())
    }

    fn verdict(&self, statement: &Statement, prefix: &Prefix, own: &[String]) -> Verdict {
        let mysql = self.engine.is_mysql();
        let tokens = condensed(&self.text, &statement.tokens);
        let words: Vec<(Sort, String)> = tokens.iter().map(|token| (token.sort, self.spoken(token))).collect();
        let tree = tree::read(&self.plain(&tokens, prefix), &words, mysql);
        let mut needs = BTreeSet::new();
        let mut class = words::class(&words, mysql, &mut needs);
        words::danger(&words, mysql, &mut needs);
        if words.iter().any(|(sort, _)| matches!(sort, Sort::Opens | Sort::Closes)) {
            needs.insert("conditional");
        }
        match &tree {
            None => {
                needs.insert("unparsed");
                if words::qualifiers(&words).any(|name| !is_own(name, own)) {
                    needs.insert("other_schema");
                }
                class = words::guess(&words, class, &mut needs);
            }
            Some(tree) => look(tree, &mut class, &mut needs, own),
        }
        if class == Class::Define && words::qualifiers(&words).any(|name| !is_own(name, own)) {
            needs.insert("other_schema");
        }
        let temporary = words.iter().take(4).any(|(_, word)| word == "temporary");
        let commits = match class {
            Class::Read | Class::Write => false,
            Class::Define => !temporary,
            Class::Other => !needs.contains("session") || needs.len() > 1,
        };
        let atomic = !needs.contains("transaction") && (!mysql || !commits);
        Verdict {
            word: words.iter().find(|(sort, _)| *sort == Sort::Word).map(|(_, w)| w.clone()).unwrap_or_default(),
            class,
            needs,
            atomic,
        }
    }

    /// A token as words are compared: in lower case, without quotes.
    fn spoken(&self, token: &Token) -> String {
        let text = &self.text[token.start..token.end];
        match token.sort {
            Sort::Word => text.to_ascii_lowercase(),
            Sort::Name => text[1..text.len() - 1].to_lowercase(),
            Sort::Sign(_) => text.to_owned(),
            _ => String::new(),
        }
    }

    /// The statement without its comments.
    fn plain(&self, tokens: &[Token], prefix: &Prefix) -> String {
        let (mut text, mut end, mut number) = (String::new(), 0, 0);
        for token in tokens {
            if token.start > end || matches!(token.sort, Sort::Opens | Sort::Closes) {
                text.push(' ');
            }
            end = token.end;
            match self.mark(token, prefix, &mut number) {
                Some(mark) => text.push_str(&mark),
                None if matches!(token.sort, Sort::Opens | Sort::Closes) => {}
                None => text.push_str(&self.text[token.start..token.end]),
            }
        }
        text
    }
}

/// Takes up what the tree tells.
fn look(tree: &Tree, class: &mut Class, needs: &mut BTreeSet<&'static str>, own: &[String]) {
    if tree.writes && *class == Class::Read {
        *class = Class::Write;
    }
    if tree.into && *class == Class::Read {
        *class = Class::Define;
    }
    for (found, code) in [(tree.deletes_all, "delete_all"), (tree.updates_all, "update_all"), (tree.locks, "locks")] {
        if found {
            needs.insert(code);
        }
    }
    let foreign = |name: &Vec<String>| name.len() > 2 || name.len() == 2 && !is_own(&name[0], own);
    if tree.relations.iter().chain(&tree.functions).any(foreign) {
        needs.insert("other_schema");
    }
}

fn is_own(name: &str, own: &[String]) -> bool {
    matches!(name, "information_schema" | "pg_catalog") || own.iter().any(|known| known == name)
}

/// Leaves out the further rows of an `INSERT` that hold nothing but numbers and texts.
fn condensed(text: &str, tokens: &[Token]) -> Vec<Token> {
    let word = |token: &Token| text[token.start..token.end].to_ascii_lowercase();
    if !tokens.first().is_some_and(|first| matches!(word(first).as_str(), "insert" | "replace")) {
        return tokens.to_vec();
    }
    let is_value = |token: &Token| match token.sort {
        Sort::Text | Sort::Number | Sort::Value | Sort::Sign(b',' | b'-' | b'+') => true,
        Sort::Word => matches!(word(token).as_str(), "null" | "default" | "true" | "false"),
        _ => false,
    };
    let sort = |at: usize| tokens.get(at).map(|token| token.sort);
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        kept.push(tokens[at]);
        at += 1;
        while tokens[at - 1].sort == Sort::Sign(b')')
            && sort(at) == Some(Sort::Sign(b','))
            && sort(at + 1) == Some(Sort::Sign(b'('))
        {
            let end = at + 2 + tokens[at + 2..].iter().take_while(|token| is_value(token)).count();
            if sort(end) != Some(Sort::Sign(b')')) {
                break;
            }
            at = end + 1;
        }
    }
    kept
}
