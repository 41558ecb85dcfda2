//! The order in which a job reaches its items: in waves, the next one only when all of the one before has ended well enough.

use serde_json::{Map, Value};

use crate::db::Db;
use crate::error::{Error, Kind, Result};

/// How large a wave is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Size {
    /// So many items.
    Items(usize),
    /// So many of a hundred, one at least.
    Percent(f64),
    /// All that are left.
    Rest,
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Front {
    /// The last item of the wave that is worked on.
    pub(super) until: i64,
    /// The failures of that wave.
    pub(super) failed: u64,
    /// The most failures of one before it.
    pub(super) before: u64,
}

/// The sizes that an option asks for, `[1, "5%", "rest"]` or `1,5%,rest`; none where it is not given.
pub(super) fn sizes(options: &Map<String, Value>) -> Result<Vec<Size>> {
    let words: Vec<String> = match options.get("waves") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::String(text)) => text.split(',').map(|word| word.trim().to_owned()).collect(),
        Some(Value::Array(words)) => words
            .iter()
            .map(|word| word.as_str().map_or_else(|| word.to_string(), |text| text.trim().to_owned()))
            .collect(),
        Some(_) => return Err(bad()),
    };
    let sizes: Vec<Size> = words.iter().map(|word| size(word).ok_or_else(bad)).collect::<Result<_>>()?;
    let rest = sizes.iter().position(|size| *size == Size::Rest);
    if sizes.is_empty() || rest.is_some_and(|at| at + 1 < sizes.len()) {
        return Err(bad());
    }
    Ok(sizes)
}

fn size(word: &str) -> Option<Size> {
    if word == "rest" {
        return Some(Size::Rest);
    }
    match word.strip_suffix('%') {
        Some(share) => share.trim().parse().ok().filter(|share| *share > 0.0 && *share <= 100.0).map(Size::Percent),
        None => word.parse().ok().filter(|items| *items > 0).map(Size::Items),
    }
}

fn bad() -> Error {
    Error::new(
        Kind::BadParameter,
        "`waves` must be sizes in their order: numbers from 1, shares such as `5%`, `rest` at the end",
    )
}

/// The last item of each wave, of all items in their order. What the sizes leave over is a wave of its own.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(super) fn bounds(sizes: &[Size], items: &[i64]) -> Vec<i64> {
    let mut bounds = Vec::new();
    let mut at: usize = 0;
    for size in sizes.iter().chain((!sizes.is_empty()).then_some(&Size::Rest)) {
        let many = match size {
            Size::Items(many) => *many,
            Size::Percent(share) => ((items.len() as f64 * share / 100.0).ceil() as usize).max(1),
            Size::Rest => items.len(),
        };
        let end = at.saturating_add(many).min(items.len());
        if end > at {
            bounds.push(items[end - 1]);
        }
        at = end;
    }
    bounds
}

/// The wave that is worked on: the first with an item that has not ended; `None` where all have.
pub(super) async fn front(db: &mut Db, job: i64, bounds: &[i64]) -> Result<Option<Front>> {
    let sql = "SELECT MIN(id) AS first FROM {local_vmoodle_item} WHERE jobid = ? AND status IN ('queued', 'running')";
    let first = db.fetch_one(sql, &[job.into()]).await?.and_then(|row| row.int("first"));
    let Some(wave) = first.and_then(|first| bounds.iter().position(|bound| first <= *bound)) else { return Ok(None) };
    let (mut failed, mut before, mut behind) = (0, 0, 0);
    for bound in &bounds[..=wave] {
        let sql = "SELECT COUNT(*) AS items FROM {local_vmoodle_item} \
                   WHERE jobid = ? AND status IN ('failed', 'unknown') AND id > ? AND id <= ?";
        let row = db.fetch_one(sql, &[job.into(), behind.into(), (*bound).into()]).await?;
        before = before.max(failed);
        failed = row.and_then(|row| row.int("items")).and_then(|items| u64::try_from(items).ok()).unwrap_or(0);
        behind = *bound;
    }
    Ok(Some(Front { until: bounds[wave], failed, before }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[allow(clippy::needless_pass_by_value, reason = "a call reads better with literals")]
    fn of(waves: Value) -> Result<Vec<Size>> {
        sizes(json!({ "waves": waves }).as_object().unwrap())
    }

    #[test]
    fn sizes_are_numbers_shares_and_the_rest() {
        let expected = [Size::Items(1), Size::Percent(5.0), Size::Rest];
        assert_eq!(of(json!([1, "5%", "rest"])).unwrap(), expected);
        assert_eq!(of(json!("1, 5%, rest")).unwrap(), expected);
        assert_eq!(sizes(&Map::new()).unwrap(), []);
        for wrong in [
            json!([]),
            json!(""),
            json!([0]),
            json!(["0%"]),
            json!(["101%"]),
            json!(["rest", 1]),
            json!(5),
            json!([-1]),
            json!([[1]]),
        ] {
            assert_eq!(of(wrong.clone()).unwrap_err().kind(), Kind::BadParameter, "{wrong}");
        }
    }

    #[test]
    fn every_item_is_in_one_wave() {
        let items: Vec<i64> = (11..=50).collect();
        assert_eq!(bounds(&[Size::Items(1), Size::Percent(5.0), Size::Rest], &items), [11, 13, 50]);
        assert_eq!(bounds(&[Size::Items(1)], &items), [11, 50], "what is left over is a wave");
        assert_eq!(bounds(&[Size::Percent(1.0), Size::Percent(100.0), Size::Items(3)], &items), [11, 50]);
        assert_eq!(bounds(&[Size::Items(5)], &[7]), [7]);
        assert_eq!((bounds(&[], &items), bounds(&[Size::Rest], &[])), (vec![], vec![]));
    }
}
