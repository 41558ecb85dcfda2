//! The facts that `tenant_status` has collected.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde_json::{Map, Value, json};

use super::{Console, map};
use crate::db::Row;
use crate::error::Result;
use crate::registry::farm::now;
use crate::registry::{row, tenants};
use crate::targets::Targets;

impl Console {
    /// What is known of each tenant meant, in the registry's order: `tenant`, `state`, and `facts` by name, each with its
    /// `value` (a text, or null), `collected` (seconds since 1970) and `age` (seconds). Without targets all tenants are
    /// meant; one of which nothing was collected has no facts.
    pub fn status(&self, targets: &[String]) -> Result<Vec<Map<String, Value>>> {
        let targets = if targets.is_empty() { Targets::parse(&["any"])? } else { Targets::parse(targets)? };
        self.read(async |db, shape| {
            shape.require_current()?;
            let mut meant = Vec::new();
            tenants::each(db, |row| {
                meant.extend(row::tenant(row).ok().or_else(|| row::broken(row)));
                ControlFlow::Continue(())
            })
            .await?;
            let rows = db.fetch("SELECT * FROM {local_vmoodle_status} ORDER BY tenantid, fact", &[]).await?;
            let time = now();
            let mut facts: BTreeMap<i64, Map<String, Value>> = BTreeMap::new();
            for row in &rows {
                let of_tenant = facts.entry(row.int("tenantid").unwrap_or(0)).or_default();
                of_tenant.insert(row.text("fact").unwrap_or_default().to_owned(), shown(row, time));
            }
            let told = targets.select(&meant).into_iter().map(|tenant| {
                let facts = facts.remove(&i64::from(tenant.id.0)).unwrap_or_default();
                map(json!({ "tenant": tenant.address.to_string(), "state": tenant.state.word(), "facts": facts }))
            });
            Ok(told.collect())
        })
    }
}

fn shown(row: &Row, time: i64) -> Value {
    let collected = row.int("collected").unwrap_or(0);
    json!({ "value": row.text("value"), "collected": collected, "age": (time - collected).max(0) })
}
