//! Items that do not begin all at once: heavy work is spread over hours, so that servers and people hardly feel it.

use serde_json::{Map, Value};

use super::journal::NewItem;
use crate::error::{Error, Kind, Result};
use crate::registry::farm::now;

/// The longest delay, and the longest time over which items are spread: a week, in minutes.
const LONGEST: i64 = 7 * 24 * 60;

/// Gives items their times by the options `delay` and `spread`, both in minutes: the first begins after the delay, the
/// others in even steps after it, so that the last one begins before the end. Fails with `bad_parameter`.
pub(super) fn over_time(items: &mut [NewItem], options: &Map<String, Value>) -> Result<()> {
    let (delay, spread) = (minutes(options, "delay")?, minutes(options, "spread")?);
    if delay == 0 && spread == 0 {
        return Ok(());
    }
    let (begin, many) = (now() + 60 * delay, i64::try_from(items.len()).unwrap_or(i64::MAX));
    for (place, item) in (0..).zip(items) {
        item.notbefore = begin + 60 * spread * place / many;
    }
    Ok(())
}

fn minutes(options: &Map<String, Value>, name: &str) -> Result<i64> {
    match options.get(name).map(Value::as_i64) {
        None => Ok(0),
        Some(Some(minutes)) if (0..=LONGEST).contains(&minutes) => Ok(minutes),
        Some(_) => {
            Err(Error::new(Kind::BadParameter, format!("`{name}` must be a number of minutes from 0 to {LONGEST}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn items_begin_in_even_steps_after_the_delay() {
        let item = NewItem::refused("https://a.example.org", &Error::new(Kind::Internal, "x"));
        let times = |options: Value| -> Result<Vec<i64>> {
            let mut items = vec![item.clone(); 4];
            let began = now();
            over_time(&mut items, options.as_object().unwrap())?;
            Ok(items.iter().map(|item| if item.notbefore == 0 { -1 } else { (item.notbefore - began) / 60 }).collect())
        };
        assert_eq!(times(json!({})).unwrap(), [-1; 4]);
        assert_eq!(times(json!({"spread": 60})).unwrap(), [0, 15, 30, 45]);
        assert_eq!(times(json!({"delay": 10, "spread": 2})).unwrap(), [10, 10, 11, 11]);
        for bad in [json!({"spread": -1}), json!({"delay": "x"}), json!({"delay": 10081})] {
            assert_eq!(times(bad).unwrap_err().kind(), Kind::BadParameter);
        }
    }
}
