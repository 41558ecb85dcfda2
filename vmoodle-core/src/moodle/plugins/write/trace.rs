//! The rows of `config_log` that Moodle's administration writes (lib/datalib.php, `add_to_config_log`): by user 0, as on its
//! command line.

use serde_json::Value;

use super::members;
use super::swap::is_on;
use crate::db::{Db, Param, Sql};
use crate::error::Result;
use crate::moodle::plugins::cell::{Cell, Difference};
use crate::moodle::plugins::decide::words;
use crate::moodle::plugins::states::{FILTER_NUMBERS, State};
use crate::moodle::plugins::table::{Flag, Kept, List, Owner, TYPES, Table, Told};

/// A row of `config_log`, without who and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    plugin: String,
    name: String,
    old: Option<String>,
    new: String,
}

impl Line {
    fn new(plugin: &str, name: &str, old: impl Into<String>, new: impl Into<String>) -> Self {
        Self { plugin: plugin.to_owned(), name: name.to_owned(), old: Some(old.into()), new: new.into() }
    }
}

/// What a change of one value is told as.
pub(super) fn lines(change: &Difference) -> Vec<Line> {
    let digit = |on: bool| if on { "1" } else { "0" };
    match &change.cell {
        Cell::Row(table, plugin) => {
            let (plugin, name) = match table {
                Table::Modules => (plugin.as_str(), "mod_visibility"),
                Table::Blocks => (plugin.as_str(), "block_visibility"),
                Table::Processors => ("core", plugin.as_str()),
                Table::Repositories => (plugin.as_str(), "repository_visibility"),
                Table::Portfolios => (plugin.as_str(), "portfolio_visibility"),
            };
            vec![Line::new(plugin, name, digit(is_on(&change.before)), digit(is_on(&change.after)))]
        }
        Cell::Filter(name) => {
            let number = |value: &Value| {
                let state = State::parse(value["state"].as_str()?).ok()?;
                FILTER_NUMBERS.iter().find(|(known, _)| *known == state).map(|(_, number)| number.to_string())
            };
            let (old, new) = (number(&change.before), number(&change.after));
            match (old, new) {
                (old, Some(new)) if old.as_ref() != Some(&new) => {
                    vec![Line::new(name, "filter_active", old.unwrap_or_default(), new)]
                }
                _ => Vec::new(),
            }
        }
        Cell::Core(name) => setting("", name, change),
        Cell::Setting(plugin, name) => setting(plugin, name, change),
        Cell::Activities(_) => Vec::new(),
    }
}

fn setting(plugin: &str, name: &str, change: &Difference) -> Vec<Line> {
    for kind in TYPES {
        match &kind.kept {
            Kept::List(list) if list.setting == (plugin, name) => return listed(list, name, change),
            Kept::Flag(flag) if is_flag(flag, plugin, name) => return vec![flagged(flag, plugin, name, change)],
            Kept::Flag(Flag { order: Some(("tool_mfa", "factor_order")), .. })
                if (plugin, name) == ("tool_mfa", "factor_order") =>
            {
                return vec![factor(plugin, name, change)];
            }
            _ => {}
        }
    }
    Vec::new()
}

fn is_flag(flag: &Flag, plugin: &str, name: &str) -> bool {
    let word = if flag.says_on { "enabled" } else { "disabled" };
    match flag.owner {
        Owner::Each(prefix) => name == word && plugin.starts_with(prefix),
        Owner::Question => plugin == "question" && name.strip_suffix(word).is_some_and(|rest| rest.ends_with('_')),
    }
}

fn flagged(flag: &Flag, plugin: &str, name: &str, change: &Difference) -> Line {
    if plugin.starts_with("factor_") {
        return factor(plugin, name, change);
    }
    let old = change.before.as_str().filter(|text| !text.is_empty()).unwrap_or("0");
    let new = if flag.is_on(change.after.as_str()) == flag.says_on { "1" } else { "0" };
    Line::new(plugin, name, old, new)
}

/// admin/tool/mfa/classes/manager.php, `set_factor_config`.
fn factor(plugin: &str, name: &str, change: &Difference) -> Line {
    let old = change.before.as_str().filter(|text| !matches!(*text, "" | "0")).map(str::to_owned);
    let new = change.after.as_str().unwrap_or_default().to_owned();
    Line { plugin: plugin.to_owned(), name: name.to_owned(), old, new }
}

fn listed(list: &List, name: &str, change: &Difference) -> Vec<Line> {
    let (before, after) = (change.before.as_str().unwrap_or_default(), change.after.as_str().unwrap_or_default());
    let changed = members(change);
    let mut names = words(before);
    // The editor that Moodle puts in where there is none left.
    let filled_in = |name: &String| {
        list.setting.1 == "texteditors" && after == "textarea" && name == "textarea" && !before.is_empty()
    };
    match &list.told {
        Told::Whole(owner) => {
            let mut old =
                if change.before.is_null() && !list.setting.0.is_empty() { "0".to_owned() } else { before.to_owned() };
            let mut lines = Vec::new();
            for one in &changed {
                if names.contains(one) {
                    names.retain(|name| name != one);
                } else {
                    names.push(one.clone());
                }
                let new = names.join(",");
                lines.push(Line::new(owner, name, old, new.clone()));
                old = new;
            }
            if old != after && !(changed.is_empty() && before == after) {
                lines.push(Line::new(owner, name, old, after));
            }
            lines
        }
        Told::Each(word, _) if !changed.is_empty() => changed
            .iter()
            .filter(|one| !filled_in(one))
            .map(
                |one| if names.contains(one) { Line::new(one, word, "1", "0") } else { Line::new(one, word, "0", "1") },
            )
            .collect(),
        Told::Each(_, None) => Vec::new(),
        Told::Each(_, Some(word)) => {
            let then = words(after);
            moved(&names, &then)
                .map(|(name, from, to)| Line::new(name, word, from.to_string(), to.to_string()))
                .into_iter()
                .collect()
        }
    }
}

/// The one name that was moved, from where to where; the first that has another place where several were.
fn moved<'a>(before: &'a [String], after: &[String]) -> Option<(&'a str, usize, usize)> {
    let places = before.iter().enumerate().filter_map(|(from, name)| {
        let to = after.iter().position(|other| other == name)?;
        (from != to).then_some((name.as_str(), from, to))
    });
    let without = |names: &[String], name: &str| names.iter().filter(|one| *one != name).cloned().collect::<Vec<_>>();
    let all: Vec<_> = places.collect();
    all.iter().find(|(name, ..)| without(before, name) == without(after, name)).or(all.first()).copied()
}

/// A new order of the filters that are not off.
pub(super) fn filter_order(before: &[String], after: &[String]) -> Option<Line> {
    let mut same = before.to_vec();
    same.sort_by_key(|name| after.iter().position(|other| other == name));
    (before != after && same == after).then(|| Line::new("core_filter", "order", before.join(", "), after.join(", ")))
}

/// Writes the rows.
pub(super) async fn write(db: &mut Db, lines: &[Line], now: i64) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let columns = ["userid", "timemodified", "plugin", "name", "value", "oldvalue"];
    let params: Vec<Param> = lines
        .iter()
        .flat_map(|line| {
            let text = |text: &str| Param::from(text);
            let old = Param::from(line.old.clone());
            [0.into(), now.into(), text(&line.plugin), text(&line.name), text(&line.new), old]
        })
        .collect();
    db.execute(Sql::insert_rows("config_log", &columns, lines.len()), &params).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(cell: &str, before: Value, after: Value) -> Vec<String> {
        let change = Difference { cell: Cell::parse(cell).unwrap(), before, after };
        let lines = lines(&change);
        lines
            .iter()
            .map(|l| format!("{} {} {:?} {:?}", l.plugin, l.name, l.old.as_deref().unwrap_or("null"), l.new))
            .collect()
    }

    #[test]
    fn each_kind_of_value_is_told_as_moodle_tells_it() {
        let one = |cell, before, after, line: &str| assert_eq!(told(cell, before, after), [line]);
        one("mod_forum", json!("enabled"), json!("disabled"), r#"forum mod_visibility "1" "0""#);
        one("message_email", json!("disabled"), json!("enabled"), r#"core email "0" "1""#);
        one("setting auth", json!("email"), json!("email,cas"), r#"core auth "email" "email,cas""#);
        one("setting texteditors", json!("a,b"), json!("b,a"), r#"a editor_position "0" "1""#);
        one("setting texteditors", json!("tiny"), json!("textarea"), r#"tiny editor_visibility "1" "0""#);
        one("setting enrol_plugins_enabled", json!("a"), json!("a,b"), r#"b enrol_plugins_enabled "0" "1""#);
        one("setting format_x/disabled", json!(null), json!("1"), r#"format_x disabled "0" "1""#);
        one("setting format_x/disabled", json!("1"), json!(null), r#"format_x disabled "1" "0""#);
        one("setting aiprovider_x/enabled", json!(null), json!("1"), r#"aiprovider_x enabled "0" "1""#);
        one("setting question/essay_disabled", json!(null), json!("1"), r#"question essay_disabled "0" "1""#);
        one("setting question/disabledbehaviours", json!(null), json!("x"), r#"question disabledbehaviours "0" "x""#);
        one("setting factor_totp/enabled", json!("0"), json!("1"), r#"factor_totp enabled "null" "1""#);
        one("filter_tex", json!(null), json!({"state": "available", "position": 3}), r#"tex filter_active "" "-1""#);
        let two = told("setting auth", json!("a,b"), json!("b,c"));
        assert_eq!(two, [r#"core auth "a,b" "b""#, r#"core auth "b" "b,c""#]);
        for silent in ["setting registerauth", "setting filterall", "setting enrol_plugins_enabled"] {
            assert!(told(silent, json!("a,b"), json!("b,a")).is_empty(), "{silent}");
        }
        let at = |position| json!({"state": "enabled", "position": position});
        assert!(told("filter_tex", at(1), at(2)).is_empty());
        let (before, after) = (["a".to_owned(), "b".to_owned()], ["b".to_owned(), "a".to_owned()]);
        assert!(filter_order(&before, &after).is_some() && filter_order(&before[..1], &after).is_none());
    }
}
