//! The sites that the farm cron serves.

use std::ops::ControlFlow;

use serde_json::{Map, Value};

use super::options::Options;
use crate::control::ControlSite;
use crate::db::Db;
use crate::error::Result;
use crate::overrides::lay_over;
use crate::registry::{policies, row, tenants};
use crate::tenant::{Endpoint, State, Tenant};

/// The tag that says how much a tenant's waiting counts: `cron:weight=3`.
const WEIGHT_TAG: &str = "cron:weight=";
/// The most that a tenant's waiting may count.
const WEIGHT_MAX: u32 = 100;

/// A site, as far as its cron goes.
#[derive(Debug)]
pub(super) struct Site {
    /// Its number; 0 for the control site.
    pub(super) id: i64,
    /// Its address.
    pub(super) wwwroot: String,
    /// Its database server, to count how many run there.
    pub(super) server: String,
    /// How much its waiting counts.
    pub(super) weight: u32,
    /// Its dataroot.
    pub(super) dataroot: String,
    /// `cron_enabled`, where an override or a policy sets it.
    pub(super) enabled: Option<Value>,
    /// `None` for the control site.
    pub(super) tenant: Option<Tenant>,
}

impl Site {
    fn control(control: &ControlSite) -> Self {
        Self {
            id: 0,
            wwwroot: control.address.to_string(),
            server: server(&control.endpoint()),
            weight: 1,
            dataroot: control.dataroot.clone(),
            enabled: None,
            tenant: None,
        }
    }

    fn of(tenant: Tenant, settings: &Map<String, Value>) -> Self {
        Self {
            id: i64::from(tenant.id.0),
            wwwroot: tenant.address.to_string(),
            server: server(&tenant.database),
            weight: weight(&tenant.tags),
            dataroot: tenant.dataroot.clone(),
            enabled: settings.get("cron_enabled").cloned(),
            tenant: Some(tenant),
        }
    }
}

/// The sites meant, those that serve: nobody waits for the tasks of others.
pub(super) async fn read(db: &mut Db, control: &ControlSite, options: &Options) -> Result<Vec<Site>> {
    let policies = policies::all(db).await?;
    let mut sites: Vec<Site> = options.control.then(|| Site::control(control)).into_iter().collect();
    tenants::each(db, |row| {
        let tenant = row::tenant(row).ok().filter(|tenant| tenant.state == State::Enabled);
        if let Some(tenant) = tenant.filter(|tenant| options.targets.mean(tenant)) {
            let mut settings = Map::new();
            for policy in policies.iter().filter(|policy| policy.targets.mean(&tenant)) {
                lay_over(&mut settings, &policy.settings);
            }
            lay_over(&mut settings, &tenant.settings);
            sites.push(Site::of(tenant, &settings));
        }
        ControlFlow::Continue(())
    })
    .await?;
    Ok(sites)
}

fn server(place: &Endpoint) -> String {
    let (engine, port) = (if place.engine.is_mysql() { "mysql" } else { "pgsql" }, place.port.unwrap_or(0));
    let name = format!("{engine}:{}:{port}:{}", place.host, place.socket.as_deref().unwrap_or_default());
    name.chars().take(255).collect()
}

fn weight(tags: &[String]) -> u32 {
    let given = tags.iter().find_map(|tag| tag.strip_prefix(WEIGHT_TAG)?.parse::<u32>().ok());
    given.map_or(1, |weight| weight.clamp(1, WEIGHT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_is_a_tag_within_bounds() {
        let of = |tags: &[&str]| weight(&tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>());
        assert_eq!((of(&[]), of(&["pilot"]), of(&["cron:weight=x"])), (1, 1, 1));
        assert_eq!((of(&["pilot", "cron:weight=3"]), of(&["cron:weight=0"]), of(&["cron:weight=9999"])), (3, 1, 100));
    }
}
