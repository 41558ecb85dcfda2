//! Many sites side by side: what most of them have, and the odd ones out.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

/// A line of a comparison: `value` is what most sites have (of equally many, what the first of them has), `alike` how many
/// do, `odd` what each of the others has, by its address. One value for each site, in the order of the sites.
pub fn line(sites: &[String], values: &[Value]) -> Map<String, Value> {
    let texts: Vec<String> = values.iter().map(Value::to_string).collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for text in &texts {
        *counts.entry(text).or_default() += 1;
    }
    let most = counts.values().copied().max().unwrap_or(0);
    let at = texts.iter().position(|text| counts[text.as_str()] == most);
    let odd: Map<String, Value> = sites
        .iter()
        .zip(values)
        .zip(&texts)
        .filter(|(_, text)| Some(*text) != at.map(|at| &texts[at]))
        .map(|((site, value), _)| (site.clone(), value.clone()))
        .collect();
    let value = at.map_or(Value::Null, |at| values[at].clone());
    let mut line = Map::new();
    line.insert("value".into(), value);
    line.insert("alike".into(), json!(most));
    line.insert("odd".into(), Value::Object(odd));
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_most_have_is_the_majority_and_of_equals_the_first() {
        let sites = ["a", "b", "c"].map(str::to_owned);
        let most = line(&sites, &[json!(1), json!("2"), json!("2")]);
        assert_eq!(Value::Object(most), json!({"value": "2", "alike": 2, "odd": {"a": 1}}));
        let first = line(&sites, &[json!(3), json!(2), json!(1)]);
        assert_eq!((&first["value"], &first["odd"]), (&json!(3), &json!({"b": 2, "c": 1})));
        assert_eq!(Value::Object(line(&[], &[])), json!({"value": null, "alike": 0, "odd": {}}));
    }
}
