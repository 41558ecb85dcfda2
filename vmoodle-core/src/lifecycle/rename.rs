//! Another address for a tenant: registry, alias for the old host, contents, MNET.

use serde_json::{Map, json};

use super::{Ground, stale};
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::host::SiteAddress;
use crate::moodle::{caches, peers, site, wwwroot};
use crate::registry::farm::now;
use crate::registry::{Session, Shape, row, tenants};
use crate::warning::{Matter, Warning};

/// Gives the tenant the address `to`, where it has `from`.
pub(crate) async fn rename(ground: &mut Ground<'_>, from: &SiteAddress, to: &SiteAddress, alias: bool) -> Result<()> {
    let Ground { control, keyring, db, tenant, steps } = ground;
    let number = format!("#{}", tenant.id);
    steps
        .step("registry", async || {
            let shape = Shape::read(db).await?;
            let now = row::tenant(&tenants::find(db, &shape, &number).await?)?.address;
            if now == *to {
                return Ok(());
            }
            if now != *from {
                return Err(Error::new(Kind::StateRefused, format!("the address is `{now}` by now, not `{from}`"))
                    .hint("somebody else has changed the tenant: look at it, then make a new job"));
            }
            let mut session = Session::open(db, control, keyring).await?;
            let own = session.loaded.aliases.iter().filter(|alias| alias.tenant == tenant.id);
            let taken: Vec<String> =
                own.map(|alias| alias.pattern.as_str().to_owned()).filter(|host| *host == to.key()).collect();
            for host in taken {
                session.alias_remove(&host).await?;
            }
            let changes: Map<_, _> = Map::from_iter([("vhostname".to_owned(), json!(to.to_string()))]);
            session.tenant_update(&number, &changes).await?;
            if alias && from.host() != to.host() && from.path().is_empty() {
                session.alias_add(&from.key(), &to.key()).await?;
            }
            session.commit().await
        })
        .await?;
    let mut warnings = Vec::new();
    steps
        .step("contents", async || {
            let mut site = Db::open_tenant(tenant, &control.settings, keyring).await?;
            let done = contents(&mut site, from, to).await;
            site.close().await;
            warnings = done?;
            stale::empty_folders(control, tenant).await
        })
        .await?;
    steps.pass_on(warnings);
    Ok(())
}

async fn contents(site: &mut Db, from: &SiteAddress, to: &SiteAddress) -> Result<Vec<Warning>> {
    let report = wwwroot::replace(site, from, to).await?;
    let name = site::read(site).await?.fullname;
    let own = peers::own_row(site).await?;
    let mut rows = site.begin().await?;
    if let Some(id) = own.and_then(|row| row.int("id")) {
        peers::rename_own(&mut rows, id, to, &name).await?;
    }
    caches::raise_revisions(&mut rows, now()).await?;
    rows.commit().await?;
    let left =
        report.left.into_iter().map(|(place, count)| format!("{count} values of `{place}` were left as they are"));
    let settings = report.settings.into_iter().map(|name| format!("the setting `{name}` names the old address"));
    Ok(left.chain(settings).map(|told| Warning::new(Matter::OldAddress, told)).collect())
}
