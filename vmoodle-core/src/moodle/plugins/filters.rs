//! Filters: states and order at the system context, as `filter_set_global_state` (lib/filterlib.php) leaves them.

use std::cmp::Ordering;

use serde_json::json;

use super::cell::Cell;
use super::states::{State, States};

/// A filter's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) name: String,
    pub(super) state: State,
}

impl States {
    /// The filters that have a row, in their order.
    pub(super) fn filters(&self) -> Vec<Filter> {
        let mut rows: Vec<(i64, Filter)> = self
            .cells
            .iter()
            .filter_map(|(cell, value)| {
                let Cell::Filter(name) = cell else { return None };
                let state = State::parse(value["state"].as_str()?).ok()?;
                Some((value["position"].as_i64()?, Filter { name: name.clone(), state }))
            })
            .collect();
        rows.sort_by(|one, other| one.0.cmp(&other.0).then_with(|| one.1.name.cmp(&other.1.name)));
        rows.into_iter().map(|(_, filter)| filter).collect()
    }

    /// The filters that are not off, in their order.
    pub(super) fn active_filters(&self) -> Vec<String> {
        let active = self.filters().into_iter().filter(|filter| filter.state != State::Disabled);
        active.map(|filter| filter.name).collect()
    }

    /// Gives a filter a state: one that was off comes last of the active ones.
    pub(super) fn set_filter(&mut self, name: &str, state: State) {
        let (mut on, mut off): (Vec<_>, Vec<_>) =
            self.filters().into_iter().partition(|filter| filter.state != State::Disabled);
        let found = on.iter().position(|filter| filter.name == name);
        if let (Some(at), true) = (found, state != State::Disabled) {
            on[at].state = state;
        } else {
            on.retain(|filter| filter.name != name);
            off.retain(|filter| filter.name != name);
            let filter = Filter { name: name.to_owned(), state };
            if state == State::Disabled { off.push(filter) } else { on.push(filter) }
        }
        self.number(on, off);
        self.filter_strings(name, state);
    }

    /// Puts the active filters in an order; `names` has each of them.
    pub(super) fn order_filters(&mut self, names: &[String]) {
        let (mut on, off): (Vec<_>, Vec<_>) =
            self.filters().into_iter().partition(|filter| filter.state != State::Disabled);
        on.sort_by_key(|filter| names.iter().position(|name| *name == filter.name));
        self.number(on, off);
    }

    /// Numbers the rows: those that are off stand behind, by name.
    fn number(&mut self, on: Vec<Filter>, mut off: Vec<Filter>) {
        off.sort_by(|one, other| natural(&one.name, &other.name));
        for (position, filter) in (1..).zip(on.into_iter().chain(off)) {
            self.put_filter(&filter.name, filter.state, position);
        }
    }

    /// A filter that is off leaves headings alone too (`filter_set_applies_to_strings`, `reset_text_filters_cache`). Filters
    /// that are not installed are forgotten, where Moodle looks for their code.
    fn filter_strings(&mut self, name: &str, state: State) {
        let text = |states: &Self, setting: &str| states.get(&Cell::Core(setting.into())).as_str().map(str::to_owned);
        let is_empty = |value: Option<&str>| matches!(value, None | Some("" | "0"));
        let names = text(self, "stringfilters").unwrap_or_default();
        let installed = |name: &&str| self.version(&format!("filter_{name}")).is_some();
        let mut kept: Vec<&str> = names.split(',').filter(|name| !name.is_empty()).collect();
        if state == State::Disabled && !is_empty(text(self, "filterall").as_deref()) {
            kept.retain(|other| *other != name && installed(other));
        }
        let all = if kept.iter().any(installed) { "1" } else { "0" };
        let changed = kept.len() != names.split(',').filter(|name| !name.is_empty()).count();
        let kept = kept.join(",");
        if changed {
            self.put(Cell::Core("stringfilters".into()), json!(kept));
        }
        self.put(Cell::Core("filterall".into()), json!(all));
    }
}

/// The order of Moodle's collator for plugin names: `_`, then numbers by value, then letters.
fn natural(one: &str, other: &str) -> Ordering {
    pieces(one).cmp(&pieces(other))
}

fn pieces(name: &str) -> Vec<(u8, u64, u8)> {
    let mut pieces: Vec<(u8, u64, u8)> = Vec::new();
    let mut in_number = false;
    for octet in name.bytes() {
        match (octet, pieces.last_mut()) {
            (b'0'..=b'9', Some((1, number, _))) if in_number => {
                *number = number.saturating_mul(10).saturating_add(u64::from(octet - b'0'));
            }
            (b'0'..=b'9', _) => pieces.push((1, u64::from(octet - b'0'), 0)),
            (b'_', _) => pieces.push((0, 0, 0)),
            (letter, _) => pieces.push((2, 0, letter)),
        }
        in_number = octet.is_ascii_digit();
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> States {
        let mut states = States::default();
        let rows =
            [("urltolink", State::Enabled), ("tex", State::Enabled), ("b10", State::Disabled), ("b9", State::Disabled)];
        for (position, (name, state)) in (1..).zip(rows) {
            states.installed.insert(format!("filter_{name}"), "1".into());
            states.put_filter(name, state, position);
        }
        states
    }

    fn shown(states: &States) -> Vec<String> {
        states.filters().into_iter().map(|filter| format!("{} {}", filter.name, filter.state.word())).collect()
    }

    #[test]
    fn a_filter_that_goes_off_stands_behind_and_one_that_comes_on_is_the_last_of_those_that_are() {
        let mut states = site();
        states.set_filter("urltolink", State::Disabled);
        assert_eq!(shown(&states), ["tex enabled", "b9 disabled", "b10 disabled", "urltolink disabled"]);
        states.set_filter("b10", State::Available);
        assert_eq!(shown(&states), ["tex enabled", "b10 available", "b9 disabled", "urltolink disabled"]);
        states.set_filter("new", State::Enabled);
        states.set_filter("tex", State::Available);
        assert_eq!(
            shown(&states),
            ["tex available", "b10 available", "new enabled", "b9 disabled", "urltolink disabled"]
        );
        states.order_filters(&["new".into(), "tex".into(), "b10".into()]);
        assert_eq!(states.active_filters(), ["new", "tex", "b10"]);
    }

    #[test]
    fn a_filter_that_goes_off_no_longer_filters_headings() {
        let mut states = site();
        states.put(Cell::Core("stringfilters".into()), json!("tex,gone,urltolink"));
        states.put(Cell::Core("filterall".into()), json!("1"));
        let text = |states: &States, name: &str| states.get(&Cell::Core(name.into())).as_str().unwrap().to_owned();
        states.set_filter("tex", State::Disabled);
        assert_eq!((text(&states, "stringfilters"), text(&states, "filterall")), ("urltolink".into(), "1".into()));
        states.set_filter("urltolink", State::Disabled);
        assert_eq!((text(&states, "stringfilters"), text(&states, "filterall")), (String::new(), "0".into()));
    }
}
