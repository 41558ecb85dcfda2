//! PHP's words, as far as a `config.php` has them (the PHP manual, "List of Parser Tokens").

use std::fmt;

/// What a word is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// `$name`, without the sign.
    Variable(String),
    /// A keyword, constant, function, class or property name.
    Name(String),
    /// An integer.
    Int(i64),
    /// A number with a point, or one too great for an integer.
    Float(f64),
    /// A text whose value is known.
    Text(String),
    /// A text that holds variables, or octets that are no UTF-8; or a heredoc.
    Template,
    /// An operator or a bracket.
    Sign(&'static str),
}

/// A word with the line on which it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) line: usize,
    pub(super) kind: Kind,
}

/// Why a text is no PHP.
#[derive(Debug)]
pub(super) struct Broken {
    line: usize,
    what: &'static str,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 { f.write_str(self.what) } else { write!(f, "line {}: {}", self.line, self.what) }
    }
}

/// Operators and brackets, the longer ones first.
const SIGNS: &[&str] = &[
    "<<=", ">>=", "**=", "...", "<=>", "===", "!==", "??=", "?->", "->", "=>", "::", "==", "!=", "<>", "<=", ">=",
    "&&", "||", "??", "++", "--", "+=", "-=", "*=", "/=", ".=", "%=", "&=", "|=", "^=", "<<", ">>", "**", ";", ",",
    "(", ")", "[", "]", "{", "}", "=", ".", "+", "-", "*", "/", "%", "&", "|", "^", "~", "!", "<", ">", "?", ":", "@",
    "#[", "$", "\\", "`",
];

struct Cursor<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, octets: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(octets);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    /// Takes what stands before `end`, and `end`.
    fn take_past(&mut self, end: &str) -> Option<&'a str> {
        let at = self.rest.find(end)?;
        let taken = self.take(at);
        self.take(end.len());
        Some(taken)
    }
}

/// The words between `<?php` and `?>`; what stands outside must be white space.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Broken> {
    let mut cursor = Cursor { rest: text, line: 1 };
    let mut tokens = Vec::new();
    if !open(&mut cursor, &mut tokens) {
        return Err(Broken { line: 0, what: "it has no `<?php`" });
    }
    while !cursor.rest.is_empty() {
        let line = cursor.line;
        if cursor.rest.starts_with("?>") {
            cursor.take(2);
            tokens.push(Token { line, kind: Kind::Sign(";") });
            open(&mut cursor, &mut tokens);
        } else if !skip_blank(&mut cursor)? {
            let kind = word(&mut cursor).map_err(|what| Broken { line, what })?;
            tokens.push(Token { line, kind });
        }
    }
    Ok(tokens)
}

/// Goes behind the next `<?php`; text before it would be sent to the browser.
fn open(cursor: &mut Cursor<'_>, tokens: &mut Vec<Token>) -> bool {
    const TAG: &str = "<?php";
    let line = cursor.line;
    let at = cursor.rest.to_ascii_lowercase().find(TAG);
    let outside = cursor.take(at.unwrap_or(cursor.rest.len()));
    if !outside.trim().is_empty() && (at.is_some() || !tokens.is_empty()) {
        tokens.push(Token { line, kind: Kind::Template });
        tokens.push(Token { line, kind: Kind::Sign(";") });
    }
    cursor.take(if at.is_some() { TAG.len() } else { 0 });
    at.is_some()
}

/// Whether there was white space or a comment to go over.
fn skip_blank(cursor: &mut Cursor<'_>) -> Result<bool, Broken> {
    let line = cursor.line;
    let blank = cursor.rest.len() - cursor.rest.trim_start().len();
    if blank > 0 {
        cursor.take(blank);
        return Ok(true);
    }
    if cursor.rest.starts_with("/*") {
        cursor.take(2);
        cursor.take_past("*/").ok_or(Broken { line, what: "a comment has no end" })?;
        return Ok(true);
    }
    if cursor.rest.starts_with("//") || cursor.rest.starts_with('#') && !cursor.rest.starts_with("#[") {
        let end = [cursor.rest.find('\n'), cursor.rest.find("?>")].into_iter().flatten().min();
        cursor.take(end.unwrap_or(cursor.rest.len()));
        return Ok(true);
    }
    Ok(false)
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || !c.is_ascii()
}

fn name_length(text: &str) -> usize {
    text.find(|c| !is_name(c)).unwrap_or(text.len())
}

fn word(cursor: &mut Cursor<'_>) -> Result<Kind, &'static str> {
    let rest = cursor.rest;
    let starts_name = |text: &str| text.starts_with(|c: char| is_name(c) && !c.is_ascii_digit());
    if rest.starts_with('\'') {
        return single(cursor);
    }
    if rest.starts_with('"') {
        return double(cursor);
    }
    if rest.starts_with("<<<") {
        return heredoc(cursor);
    }
    if rest.starts_with('$') && starts_name(&rest[1..]) {
        cursor.take(1);
        return Ok(Kind::Variable(cursor.take(name_length(cursor.rest)).to_owned()));
    }
    if starts_name(rest) {
        return Ok(Kind::Name(cursor.take(name_length(rest)).to_owned()));
    }
    let mut beginning = rest.bytes();
    if beginning
        .next()
        .is_some_and(|b| b.is_ascii_digit() || b == b'.' && beginning.next().is_some_and(|b| b.is_ascii_digit()))
    {
        return number(cursor);
    }
    let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign)).ok_or("a sign that PHP does not have")?;
    cursor.take(sign.len());
    Ok(Kind::Sign(sign))
}

fn number(cursor: &mut Cursor<'_>) -> Result<Kind, &'static str> {
    const BAD: &str = "a number that PHP does not have";
    let length = cursor.rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_')).count();
    let mut text = cursor.take(length).to_ascii_lowercase().replace('_', "");
    let hex = text.starts_with("0x");
    // The sign of an exponent.
    if text.ends_with('e') && !hex && cursor.rest.starts_with(['+', '-']) {
        let digits = cursor.rest[1..].bytes().take_while(u8::is_ascii_digit).count();
        text.push_str(cursor.take(1 + digits));
    }
    let radix = |digits: &str, radix| match i64::from_str_radix(digits, radix) {
        Ok(number) => Ok(Kind::Int(number)),
        Err(_) => Err(BAD),
    };
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0b") {
        return radix(digits, 2);
    }
    if text.len() > 1 && text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit() || b == b'o') {
        return radix(text.trim_start_matches("0o"), 8);
    }
    if let Ok(number) = text.parse::<i64>() {
        return Ok(Kind::Int(number));
    }
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Kind::Float).ok_or(BAD)
}

/// `'...'`: only `\'` and `\\` are escapes.
fn single(cursor: &mut Cursor<'_>) -> Result<Kind, &'static str> {
    let mut out = String::new();
    let mut signs = cursor.rest.char_indices().skip(1);
    while let Some((at, c)) = signs.next() {
        match c {
            '\'' => {
                cursor.take(at + 1);
                return Ok(Kind::Text(out));
            }
            '\\' => match signs.next() {
                Some((_, escaped @ ('\'' | '\\'))) => out.push(escaped),
                Some((_, other)) => out.extend(['\\', other]),
                None => break,
            },
            other => out.push(other),
        }
    }
    Err("a text has no end")
}

/// `"..."`: a value only where no variable stands in it.
fn double(cursor: &mut Cursor<'_>) -> Result<Kind, &'static str> {
    let (mut end, mut escaped) = (None, false);
    for (at, octet) in cursor.rest.bytes().enumerate().skip(1) {
        match octet {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => {
                end = Some(at);
                break;
            }
            _ => {}
        }
    }
    let end = end.ok_or("a text has no end")?;
    let inside = &cursor.take(end + 1)[1..end];
    Ok(unescape(inside).map_or(Kind::Template, Kind::Text))
}

/// The value of a text in double quotes; `None` where it holds a variable or is no UTF-8.
fn unescape(inside: &str) -> Option<String> {
    let mut out = Vec::new();
    let mut rest = inside;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        let next = rest.chars().next();
        match (c, next) {
            ('$', Some(n)) if n == '{' || is_name(n) && !n.is_ascii_digit() => return None,
            ('{', Some('$')) => return None,
            ('\\', Some(n)) => {
                let (octets, used) = escape(n, rest)?;
                out.extend(octets);
                rest = &rest[used..];
            }
            _ => out.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    String::from_utf8(out).ok()
}

/// What `\n` stands for, and how much of the rest it takes.
fn escape(c: char, rest: &str) -> Option<(Vec<u8>, usize)> {
    let plain = |octet: u8| Some((vec![octet], 1));
    let digits = |text: &str, radix, most| text.chars().take(most).take_while(|d: &char| d.is_digit(radix)).count();
    match c {
        'n' => plain(b'\n'),
        't' => plain(b'\t'),
        'r' => plain(b'\r'),
        'v' => plain(0x0b),
        'e' => plain(0x1b),
        'f' => plain(0x0c),
        '\\' | '$' | '"' => plain(c as u8),
        '0'..='7' => {
            let length = digits(rest, 8, 3);
            let octet = u32::from_str_radix(&rest[..length], 8).ok()? & 0xff;
            Some((vec![u8::try_from(octet).ok()?], length))
        }
        'x' if digits(&rest[1..], 16, 2) > 0 => {
            let length = digits(&rest[1..], 16, 2);
            Some((vec![u8::from_str_radix(&rest[1..=length], 16).ok()?], 1 + length))
        }
        'u' if rest[1..].starts_with('{') => {
            let end = rest.find('}')?;
            let sign = char::from_u32(u32::from_str_radix(rest.get(2..end)?, 16).ok()?)?;
            Some((sign.to_string().into_bytes(), end + 1))
        }
        other => Some((format!("\\{other}").into_bytes(), other.len_utf8())),
    }
}

/// `<<<X ... X`: gone over, never read.
fn heredoc(cursor: &mut Cursor<'_>) -> Result<Kind, &'static str> {
    const BAD: &str = "a heredoc has no end";
    cursor.take(3);
    let first = cursor.take_past("\n").ok_or(BAD)?;
    let label = first.trim().trim_matches(['"', '\'']).to_owned();
    if label.is_empty() || label.contains(|c| !is_name(c)) {
        return Err("a heredoc has no name");
    }
    loop {
        let line = cursor.rest.split_inclusive('\n').next().ok_or(BAD)?;
        let indent = line.len() - line.trim_start_matches([' ', '\t']).len();
        let ends = line[indent..].strip_prefix(label.as_str()).is_some_and(|after| !after.starts_with(is_name));
        cursor.take(if ends { indent + label.len() } else { line.len() });
        if ends {
            return Ok(Kind::Template);
        }
    }
}
