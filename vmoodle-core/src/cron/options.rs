//! What the farm cron is asked for.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::error::Result;
use crate::registry::{Fields, parse_targets};
use crate::targets::Targets;

/// The options, checked.
#[derive(Debug)]
pub(crate) struct Options {
    /// Which tenants; those that serve, unless others are named.
    pub(super) targets: Targets,
    /// The control site too.
    pub(super) control: bool,
    /// Only say who is due.
    pub(super) plan: bool,
    /// Round after round, so far apart; `None` for one round.
    pub(super) interval: Option<Duration>,
    /// How many processes at once on this node.
    pub(super) concurrency: usize,
    /// How many at once on one database server, over all nodes.
    pub(super) per_server: usize,
    /// How long one process may take.
    pub(super) limit: Duration,
    /// How long it may take to end once it was asked to.
    pub(super) grace: Duration,
    /// What the code base's `core_component::get_all_versions_hash()` gives, where it was asked.
    pub(super) codehash: Option<String>,
}

impl Options {
    /// Reads `targets`, `control`, `plan`, `daemon`, `interval` (60), `concurrency` (4), `per_server` (4), `time_limit`
    /// (900), `grace` (20) and `codehash`. Fails with `bad_parameter`.
    pub(crate) fn read(given: &Map<String, Value>) -> Result<Self> {
        const KNOWN: [&str; 10] = [
            "targets",
            "control",
            "plan",
            "daemon",
            "interval",
            "concurrency",
            "per_server",
            "time_limit",
            "grace",
            "codehash",
        ];
        let fields = Fields::new(given, &KNOWN, &[])?;
        let number = |name: &str, bounds: std::ops::RangeInclusive<i64>, default: u64| {
            Ok::<_, crate::Error>(fields.int(name, bounds)?.map_or(default, i64::unsigned_abs))
        };
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let words = fields.words("targets", parse_targets)?.filter(|words| !words.is_empty());
        let interval = Duration::from_secs(number("interval", 1..=3600, 60)?);
        Ok(Self {
            targets: Targets::parse(&words.unwrap_or_else(|| vec!["all".to_owned()]))?,
            control: fields.flag("control")?.unwrap_or(false),
            plan: fields.flag("plan")?.unwrap_or(false),
            interval: fields.flag("daemon")?.unwrap_or(false).then_some(interval),
            concurrency: size(number("concurrency", 1..=256, 4)?),
            per_server: size(number("per_server", 1..=256, 4)?),
            limit: Duration::from_secs(number("time_limit", 1..=86_400, 900)?),
            grace: Duration::from_secs(number("grace", 1..=600, 20)?),
            codehash: fields.text("codehash", 64)?.filter(|hash| !hash.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(given: Value) -> Result<Options> {
        let Value::Object(given) = given else { panic!("no object") };
        Options::read(&given)
    }

    #[test]
    fn nothing_given_means_one_round_for_all() {
        let options = read(json!({})).unwrap();
        assert_eq!((options.interval, options.concurrency, options.per_server), (None, 4, 4));
        assert_eq!((options.limit.as_secs(), options.grace.as_secs(), options.plan), (900, 20, false));
        let options = read(json!({"daemon": true, "interval": 5, "targets": []})).unwrap();
        assert_eq!(options.interval, Some(Duration::from_secs(5)));
    }

    #[test]
    fn what_is_out_of_bounds_or_unknown_is_refused() {
        for given in [json!({"concurrency": 0}), json!({"per_server": "x"}), json!({"time_limit": -1}), json!({"x": 1})]
        {
            assert!(read(given.clone()).is_err(), "{given}");
        }
    }
}
