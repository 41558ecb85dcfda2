//! Statement by statement: plain assignments are taken, all else is gone over and told.

use super::token::{Kind, Token};
use super::value::{Array, Known, Reader, Scope, key};
use super::{Config, Skipped};

/// Words that go on a block that has ended.
const GO_ON: &[&str] = &["else", "elseif", "catch", "finally"];

/// Signs that change what stands before them.
const ASSIGNS: &[&str] =
    &["=", ".=", "+=", "-=", "*=", "/=", "%=", "|=", "&=", "^=", "<<=", ">>=", "**=", "??=", "++", "--"];

/// Reads all statements.
pub(super) fn run(tokens: &[Token], folder: &str) -> Config {
    let mut reader = Reader { tokens, at: 0 };
    let mut settings: Vec<(String, Known)> = Vec::new();
    let mut skipped = Vec::new();
    while reader.peek().is_some() {
        let from = reader.at;
        if ["return", "exit", "die", "__halt_compiler"].iter().any(|word| reader.name(word)) {
            break;
        }
        if reader.sign(";") || assignment(&mut reader, &mut settings, folder) {
            continue;
        }
        reader.at = from;
        if housekeeping(&mut reader, &settings, folder) {
            if tokens[from].kind == Kind::Variable("CFG".to_owned()) {
                settings.clear();
            }
            continue;
        }
        reader.at = from;
        let end = statement_end(&tokens[from..]) + from;
        let passed = &tokens[from..end.max(from + 1)];
        let sets = set_in(passed);
        settings.retain(|(name, _)| !sets.contains(name));
        skipped.push(Skipped { line: tokens[from].line, what: what(passed), sets });
        reader.at = from + passed.len();
    }
    Config { settings: settings.into_iter().map(|(name, value)| (name, value.into_json())).collect(), skipped }
}

/// The variables other than `$CFG` that are assigned plainly.
pub(super) fn variables(tokens: &[Token]) -> serde_json::Map<String, serde_json::Value> {
    let mut reader = Reader { tokens, at: 0 };
    let mut values = serde_json::Map::new();
    while let Some(kind) = reader.next() {
        let Kind::Variable(name) = kind else { continue };
        if reader.sign("=")
            && let Some(value) = reader.expression(&Scope { settings: &[], folder: "" }, 0)
            && reader.sign(";")
        {
            values.insert(name.clone(), value.into_json());
        }
    }
    values
}

/// What every `config.php` has around its settings, and what leads to Moodle's own `setup.php`.
fn housekeeping(reader: &mut Reader<'_>, settings: &[(String, Known)], folder: &str) -> bool {
    if reader.name("unset") {
        reader.sign("(") && reader.variable("CFG") && reader.sign(")") && reader.sign(";")
    } else if reader.name("global") {
        reader.variable("CFG") && reader.sign(";")
    } else if reader.name("require_once") || reader.name("require") {
        let scope = Scope { settings, folder };
        let path = reader.expression(&scope, 0).map(Known::into_json);
        path.is_some_and(|path| path.as_str().is_some_and(|path| path.ends_with("/lib/setup.php"))) && reader.sign(";")
    } else if reader.variable("CFG") {
        reader.sign("=") && reader.name("new") && {
            reader.sign("\\");
            reader.name("stdClass") && { reader.sign("(") == reader.sign(")") } && reader.sign(";")
        }
    } else {
        false
    }
}

/// `$CFG->name = value;`, also with keys behind the name.
fn assignment(reader: &mut Reader<'_>, settings: &mut Vec<(String, Known)>, folder: &str) -> bool {
    let Some((name, keys, value)) = parts(reader, settings, folder) else { return false };
    let at = settings.iter().position(|(set, _)| *set == name);
    let Some((last, path)) = keys.split_last() else {
        match at {
            Some(at) => settings[at].1 = value,
            None => settings.push((name, value)),
        }
        return true;
    };
    let at = at.unwrap_or_else(|| {
        settings.push((name, Known::Array(Array::default())));
        settings.len() - 1
    });
    let Known::Array(array) = &mut settings[at].1 else { return false };
    let mut array = Some(array);
    for key in path {
        array = array.and_then(|array| array.inner(key.clone()));
    }
    array.map(|array| array.put(last.clone(), value)).is_some()
}

type Parts = (String, Vec<Option<String>>, Known);

fn parts(reader: &mut Reader<'_>, settings: &[(String, Known)], folder: &str) -> Option<Parts> {
    let scope = Scope { settings, folder };
    if !reader.variable("CFG") {
        return None;
    }
    let name = reader.property()?.to_owned();
    let mut keys = Vec::new();
    while reader.sign("[") {
        keys.push(if reader.sign("]") {
            None
        } else {
            let name = reader.expression(&scope, 0).and_then(key)?;
            if !reader.sign("]") {
                return None;
            }
            Some(name)
        });
    }
    let value = if reader.sign("=") { reader.expression(&scope, 0)? } else { return None };
    reader.sign(";").then_some((name, keys, value))
}

/// How many tokens a statement has, its blocks included.
fn statement_end(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        let Kind::Sign(sign) = &token.kind else { continue };
        match *sign {
            "(" | "[" | "{" | "#[" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            "}" => {
                depth = depth.saturating_sub(1);
                let goes_on = match tokens.get(at + 1).map(|next| &next.kind) {
                    Some(Kind::Name(name)) => GO_ON.iter().any(|word| name.eq_ignore_ascii_case(word)),
                    // A closure, a match or an array of such: the statement ends with its own sign.
                    Some(Kind::Sign(sign)) => matches!(*sign, ";" | ")" | "," | "]" | "." | "->" | "("),
                    _ => false,
                };
                if depth == 0 && !goes_on {
                    return at + 1;
                }
            }
            ";" if depth == 0 => {
                let goes_on = matches!(tokens.get(at + 1).map(|next| &next.kind),
                    Some(Kind::Name(name)) if GO_ON.iter().any(|word| name.eq_ignore_ascii_case(word)));
                if !goes_on && !is_open_block(&tokens[..at]) {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// Whether `if (...):` or the like still waits for its `endif`.
fn is_open_block(tokens: &[Token]) -> bool {
    let name = |token: &Token, words: &[&str]| matches!(&token.kind, Kind::Name(name) if words.iter().any(|w| name.eq_ignore_ascii_case(w)));
    let Some(first) = tokens.first() else { return false };
    if !name(first, &["if", "for", "foreach", "while", "switch", "declare"]) {
        return false;
    }
    let mut depth = 0_usize;
    let head = tokens.iter().position(|token| {
        match token.kind {
            Kind::Sign("(") => depth += 1,
            Kind::Sign(")") => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && token.kind == Kind::Sign(")")
    });
    let colon = head.and_then(|at| tokens.get(at + 1)).is_some_and(|token| token.kind == Kind::Sign(":"));
    let ends = ["endif", "endfor", "endforeach", "endwhile", "endswitch", "enddeclare"];
    colon && !tokens.last().is_some_and(|token| name(token, &ends))
}

/// The settings that a statement may set.
fn set_in(tokens: &[Token]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let unsets =
        matches!(tokens.first().map(|token| &token.kind), Some(Kind::Name(name)) if name.eq_ignore_ascii_case("unset"));
    for (at, window) in tokens.windows(3).enumerate() {
        let [Kind::Variable(cfg), Kind::Sign("->"), Kind::Name(name)] =
            [&window[0].kind, &window[1].kind, &window[2].kind]
        else {
            continue;
        };
        let before = at.checked_sub(1).map(|at| &tokens[at].kind);
        let by_reference = matches!(before, Some(Kind::Sign("&" | "++" | "--")));
        if cfg == "CFG" && (unsets || by_reference || is_assigned(&tokens[at + 3..])) && !found.contains(name) {
            found.push(name.clone());
        }
    }
    found
}

/// Whether what stands before these tokens is assigned to, keys and properties in between gone over.
fn is_assigned(tokens: &[Token]) -> bool {
    let mut depth = 0_usize;
    for token in tokens {
        match &token.kind {
            Kind::Sign("[") => depth += 1,
            Kind::Sign("]") if depth > 0 => depth -= 1,
            Kind::Sign("->") | Kind::Name(_) if depth == 0 => {}
            Kind::Sign(sign) if depth == 0 => return ASSIGNS.contains(sign),
            _ if depth > 0 => {}
            _ => return false,
        }
    }
    false
}

/// A statement in a few words; its values are not shown, since one may be a password.
fn what(tokens: &[Token]) -> String {
    let kinds: Vec<&Kind> = tokens.iter().take(3).map(|token| &token.kind).collect();
    match kinds.as_slice() {
        [Kind::Variable(cfg), Kind::Sign("->"), Kind::Name(name)] if cfg == "CFG" => {
            let calls = tokens.windows(2).find_map(|pair| match (&pair[0].kind, &pair[1].kind) {
                (Kind::Name(name), Kind::Sign("(")) if !name.eq_ignore_ascii_case("array") => Some(name),
                _ => None,
            });
            let how = calls.map_or_else(|| "is no plain value".to_owned(), |call| format!("calls `{call}`"));
            format!("`$CFG->{name}` {how}")
        }
        [Kind::Variable(name), ..] => format!("the variable `${name}`"),
        [Kind::Sign("@"), Kind::Name(name), ..] | [Kind::Name(name), ..] => format!("`{name}`"),
        [Kind::Template, ..] => "text outside `<?php`".to_owned(),
        [Kind::Sign(sign), ..] => format!("`{sign}`"),
        _ => "a value".to_owned(),
    }
}
