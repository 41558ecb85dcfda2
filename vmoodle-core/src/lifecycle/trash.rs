//! The trash: where a destroyed tenant waits, whole, until its time is over.
//!
//! Its dataroot is moved aside within its own file system, its account loses its rights, its database stays where it is:
//! nobody can enter it any more. All of that can be taken back. A database in which somebody else lives is left alone, also
//! when the time is over.

use std::path::PathBuf;

use super::{Ground, build, server, stale, wish};
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::files;
use crate::host::escape;
use crate::registry::Session;
use crate::registry::farm::now;
use crate::steps::blocking;
use crate::tenant::{State, Tenant};
use crate::warning::Matter;

/// How long the trash keeps a tenant, in days, where nothing is said.
pub(crate) const RETENTION_DAYS: i64 = 30;

/// Moves a tenant to the trash, for so many days.
pub(crate) async fn discard(ground: &mut Ground<'_>, from: State, days: i64) -> Result<()> {
    let label = label(ground);
    let Ground { control, keyring, db, tenant, steps } = ground;
    // It may have been opened again since the plan: a run that was killed is resumed with the plan it had.
    if tenant.state != from && tenant.state != State::Trashed {
        let message = format!("the tenant is {} by now, not {}", tenant.state.word(), from.word());
        return Err(Error::new(Kind::StateRefused, message).of_tenant(tenant.address.to_string()));
    }
    let dataroot = PathBuf::from(&tenant.dataroot);
    let moved = files::place_aside(&dataroot, &label)?;
    let mut told = Vec::new();
    let move_aside = async || {
        // Nobody is left who would overwrite what Redis keeps of its people.
        told = stale::drop_now(control, keyring, tenant).await;
        blocking(move || files::move_aside(&dataroot, &label).map(drop)).await
    };
    steps.step("files", move_aside).await?;
    steps.pass_on(told);
    steps
        .step("account", async || {
            // A name that vmoodle would not give came with the site; what it may is its owner's business.
            let Some(account) = server::own_account(tenant, control).ok().flatten() else { return Ok(()) };
            if server::neighbour(db, tenant, control, keyring).await?.is_some() {
                return Ok(());
            }
            server::admin_of(db, tenant, control, keyring).await?.revoke(&tenant.database.database, &account).await
        })
        .await?;
    steps
        .step("row", async || {
            let id = i64::from(tenant.id.0);
            let mut rows = db.begin().await?;
            swap(&mut rows, id, from, State::Trashed).await?;
            rows.execute("DELETE FROM {local_vmoodle_trash} WHERE tenantid = ?", &[id.into()]).await?;
            let sql = "INSERT INTO {local_vmoodle_trash} (tenantid, wwwroot, dataroot, moved, timetrashed, timeover) \
                       VALUES (?, ?, ?, ?, ?, ?)";
            let values = [
                id.into(),
                tenant.address.to_string().into(),
                tenant.dataroot.as_str().into(),
                moved.display().to_string().into(),
                now().into(),
                (now() + days * 86_400).into(),
            ];
            rows.execute(sql, &values).await?;
            Ok(rows.commit().await?)
        })
        .await
}

/// Brings a tenant back from the trash, into the state that it was in.
pub(crate) async fn bring_back(ground: &mut Ground<'_>, to: State) -> Result<()> {
    let moved = moved(ground).await?;
    let Ground { control, keyring, db, tenant, steps } = ground;
    let dataroot = PathBuf::from(&tenant.dataroot);
    if let Some(moved) = moved {
        steps.step("files", async || blocking(move || files::put_back(&moved, &dataroot)).await).await?;
    }
    steps
        .step("account", async || {
            let Some(account) = server::own_account(tenant, control).ok().flatten() else { return Ok(()) };
            if server::neighbour(db, tenant, control, keyring).await?.is_some() {
                return Ok(());
            }
            server::admin_of(db, tenant, control, keyring).await?.grant(&tenant.database.database, &account).await
        })
        .await?;
    steps
        .step("row", async || {
            let id = i64::from(tenant.id.0);
            let mut rows = db.begin().await?;
            swap(&mut rows, id, State::Trashed, to).await?;
            rows.execute("DELETE FROM {local_vmoodle_trash} WHERE tenantid = ?", &[id.into()]).await?;
            Ok(rows.commit().await?)
        })
        .await
}

/// Removes a tenant for good: database, account, files, row. For what lies in the trash, and for what was never finished.
///
/// Of what was never finished that goes for certain which a step has made; what else stands there under the same name goes
/// where it is empty, and stays where it is somebody's.
pub(crate) async fn remove(ground: &mut Ground<'_>) -> Result<()> {
    let moved = moved(ground).await?;
    let was_adopted = wish::was_adopted(ground.db, ground.tenant).await?;
    let Ground { control, keyring, db, tenant, steps } = ground;
    let is_whole = tenant.state == State::Trashed;
    let done = wish::steps_of(db, tenant).await?;
    let has_made = |step: &str| is_whole || done.contains(step);
    // An account that was there before the tenant may serve others.
    let has_made_account = !was_adopted && (done.contains(build::FREE) || done.contains(build::RESERVED));
    let mut stays = Vec::new();
    if has_made(build::ANSWERED) {
        let drop_database = async || {
            let admin = server::admin_of(db, tenant, control, keyring).await?;
            let database = &tenant.database.database;
            if has_made(build::RESERVED) {
                if let Some(other) = server::neighbour(db, tenant, control, keyring).await? {
                    stays.push(format!("the database `{database}` holds {other} too: it stays, and its account"));
                    return Ok(());
                }
                admin.drop_database(database).await?;
            } else if !admin.drop_empty_database(database).await? {
                stays.push(format!(
                    "the database `{database}` holds tables that were not made for this tenant: it stays"
                ));
            }
            match server::made_account(tenant, control).filter(|_| has_made_account) {
                Some(account) => admin.drop_account(&account).await,
                None => Ok(()),
            }
        };
        steps.step("database", drop_database).await?;
    } else {
        stays.push("its database server has never answered: nothing was made there, and nothing is left".to_owned());
    }
    // What lies in the trash has left its dataroot, where somebody else may be by now.
    let path = if is_whole { moved } else { Some(PathBuf::from(&tenant.dataroot)) };
    if let Some(path) = path {
        let (shown, is_own) = (path.display().to_string(), has_made(build::DATAROOT));
        let remove_files = async || {
            let remove = move || if is_own { files::remove(&path).map(|()| true) } else { files::remove_empty(&path) };
            if !blocking(remove).await? {
                stays.push(format!("`{shown}` holds files that were not made for this tenant: it stays"));
            }
            Ok(())
        };
        steps.step("files", remove_files).await?;
    }
    for line in stays {
        steps.warn(Matter::NotRemoved, line);
    }
    steps
        .step("removed", async || {
            let id = i64::from(tenant.id.0);
            let mut session = Session::open(db, control, keyring).await?;
            for sql in [
                "DELETE FROM {local_vmoodle_trash} WHERE tenantid = ?",
                "DELETE FROM {local_vmoodle_status} WHERE tenantid = ?",
            ] {
                session.db().execute(sql, &[id.into()]).await?;
            }
            session.tenant_remove(&format!("#{id}")).await?;
            session.commit().await
        })
        .await
}

/// Whether the trash still keeps the tenant.
pub(crate) async fn is_kept(db: &mut Db, tenant: &Tenant) -> Result<bool> {
    let id = i64::from(tenant.id.0);
    let sql = "SELECT timeover FROM {local_vmoodle_trash} WHERE tenantid = ?";
    let row = db.fetch_one(sql, &[id.into()]).await?;
    Ok(row.and_then(|row| row.int("timeover")).is_some_and(|over| over > now()))
}

/// Where the tenant's dataroot was moved to.
async fn moved(ground: &mut Ground<'_>) -> Result<Option<PathBuf>> {
    let id = i64::from(ground.tenant.id.0);
    let sql = "SELECT moved FROM {local_vmoodle_trash} WHERE tenantid = ?";
    let row = ground.db.fetch_one(sql, &[id.into()]).await?;
    Ok(row.and_then(|row| row.text("moved").map(PathBuf::from)).filter(|path| path.is_absolute()))
}

/// Changes a tenant's state where it is the one that is expected; fine where it is changed already.
pub(crate) async fn swap(db: &mut Db, id: i64, from: State, to: State) -> Result<()> {
    let sql = "UPDATE {local_vmoodle} SET state = ?, enabled = ? WHERE id = ? AND state = ?";
    let params = [to.word().into(), (to == State::Enabled).into(), id.into(), from.word().into()];
    if db.execute(sql, &params).await? > 0 {
        return Ok(());
    }
    let row = db.fetch_one("SELECT state FROM {local_vmoodle} WHERE id = ?", &[id.into()]).await?;
    match row.as_ref().and_then(|row| row.text("state")) {
        Some(state) if state == to.word() => Ok(()),
        state => Err(Error::new(
            Kind::StateRefused,
            format!("the state is {} by now, not {}", state.unwrap_or("unknown"), from.word()),
        )
        .hint("somebody else has changed the tenant: look at it, then make a new job")),
    }
}

fn label(ground: &Ground<'_>) -> String {
    let host =
        escape(ground.tenant.address.host().as_str()).replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "_");
    format!("{}-{host}", ground.tenant.id)
}
