//! What a run of the farm cron tells: events as they come, and the sum of it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::process::End;
use super::site::Site;
use crate::error::Error;

/// Counts and items.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Of this round.
    counts: BTreeMap<&'static str, u64>,
    /// Of the rounds before.
    earlier: BTreeMap<&'static str, u64>,
    lateness: Vec<i64>,
    items: Vec<Map<String, Value>>,
    keeps_items: bool,
}

impl Report {
    /// Keeps what becomes of each site, or counts only: a service runs for months.
    pub(super) fn new(keeps_items: bool) -> Self {
        Self { keeps_items, ..Self::default() }
    }

    /// Begins a round, which counts anew.
    pub(super) fn begin(&mut self) {
        for (what, count) in std::mem::take(&mut self.counts) {
            *self.earlier.entry(what).or_default() += count;
        }
        self.lateness.clear();
        self.count("rounds");
    }

    /// Counts one more of a kind.
    pub(super) fn count(&mut self, what: &'static str) {
        self.count_of(what, 1);
    }

    /// Counts some more of a kind.
    pub(super) fn count_of(&mut self, what: &'static str, more: usize) {
        *self.counts.entry(what).or_default() += more as u64;
    }

    /// A site that is due, and how late it is served, in seconds.
    pub(super) fn late(&mut self, seconds: i64) {
        self.lateness.push(seconds.max(0));
    }

    /// What has become of a site; gives the event.
    pub(super) fn item(&mut self, event: &str, site: &Site, outcome: &'static str, more: Value) -> Map<String, Value> {
        let mut item = Map::from_iter([
            ("id".to_owned(), json!(site.id)),
            ("tenant".to_owned(), json!(site.wwwroot)),
            ("outcome".to_owned(), json!(outcome)),
        ]);
        if let Value::Object(more) = more {
            item.extend(more);
        }
        if self.keeps_items && event != "started" {
            self.items.push(item.clone());
        }
        item.insert("event".to_owned(), json!(event));
        item
    }

    /// A site whose process has ended.
    pub(super) fn ended(&mut self, site: &Site, since: i64, began: i64, end: &End) -> Map<String, Value> {
        self.count(end.outcome);
        let more = json!({
            "since": since, "lateness": (began - since).max(0), "seconds": (end.seconds * 10.0).round() / 10.0,
            "exit": end.exit, "said": end.said,
        });
        self.item("ended", site, end.outcome, more)
    }

    /// A site that could not be asked or run.
    pub(super) fn refused(&mut self, site: &Site, outcome: &'static str, error: &Error) -> Map<String, Value> {
        self.count(outcome);
        self.item("refused", site, outcome, json!({ "errorcode": error.code(), "error": error.to_string() }))
    }

    /// This round's counts so far, and how late sites were served, in seconds.
    pub(super) fn summary(&self) -> Map<String, Value> {
        let mut all: Map<String, Value> =
            self.counts.iter().map(|(what, count)| ((*what).to_owned(), json!(count))).collect();
        let count = i64::try_from(self.lateness.len()).unwrap_or(i64::MAX).max(1);
        let (most, sum) = (self.lateness.iter().max().copied().unwrap_or(0), self.lateness.iter().sum::<i64>());
        all.insert("lateness".to_owned(), json!({ "max": most, "mean": sum / count }));
        all
    }

    /// The summary of all rounds, and the items, those first that waited longest. How late sites were is the last round's.
    pub(super) fn close(mut self) -> Map<String, Value> {
        for (what, count) in std::mem::take(&mut self.earlier) {
            *self.counts.entry(what).or_default() += count;
        }
        let mut all = self.summary();
        self.items.sort_by_key(|item| {
            let number = |name: &str| item.get(name).and_then(Value::as_i64).unwrap_or(i64::MAX);
            (number("since"), number("id"))
        });
        if self.keeps_items {
            all.insert("items".to_owned(), self.items.into_iter().map(Value::Object).collect());
        }
        all
    }
}

/// An event without a site.
pub(super) fn event(name: &str, more: Value) -> Map<String, Value> {
    let mut event = match more {
        Value::Object(more) => more,
        _ => Map::new(),
    };
    event.insert("event".to_owned(), json!(name));
    event
}
