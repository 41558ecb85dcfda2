//! The database server of a tenant, and who administers it.

use serde_json::{Map, Value, json};

use super::{build, wish};
use crate::control::ControlSite;
use crate::db::Db;
use crate::db::admin::ServerAdmin;
use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::ident::AccountName;
use crate::registry::{row, servers};
use crate::secret::Keyring;
use crate::tenant::{Endpoint, Engine, Tenant};

/// The word for the control database's own server, where a server's name is asked for.
pub(crate) const CONTROL: &str = "control";

/// What a registry row says of a tenant on a server: type, host, port and socket.
pub(crate) async fn columns(db: &mut Db, name: &str, control: &ControlSite) -> Result<Map<String, Value>> {
    let (engine, host, port, socket) = if name == CONTROL {
        let place = &control.database;
        (place.engine.word().to_owned(), place.host.clone(), place.port.map(i64::from), place.socket.clone())
    } else {
        let row = servers::find(db, name).await?;
        let text = |column: &str| row.text(column).map(str::to_owned);
        let port = row.int("port").filter(|port| *port > 0);
        (text("engine").unwrap_or_default(), text("host").unwrap_or_default(), port, text("socket"))
    };
    let columns = json!({ "vdbtype": engine, "vdbhost": host, "vdbport": port, "vdbsocket": socket });
    Ok(columns.as_object().cloned().unwrap_or_default())
}

/// The name of the server that a tenant's database is on. Fails with `server_not_found` for one that nobody entered.
pub(crate) async fn name_of(db: &mut Db, tenant: &Tenant, control: &ControlSite) -> Result<String> {
    let here = |endpoint: Endpoint| {
        tenant.database.is_same_database(&Endpoint { database: tenant.database.database.clone(), ..endpoint })
    };
    for (name, endpoint) in servers::endpoints(db, &tenant.database.database).await? {
        if here(endpoint) {
            return Ok(name);
        }
    }
    if here(control.endpoint()) {
        return Ok(CONTROL.to_owned());
    }
    let place = &tenant.database;
    let message = format!("nobody is known who administers the database server `{}`", escape(&place.host));
    Err(Error::new(Kind::ServerNotFound, message)
        .hint("enter the server with a login that may make databases: `Vmoodle\\server_add`")
        .of_tenant(tenant.address.to_string()))
}

/// The server on which a database of this engine is made where nobody names one: the control database's own where it fits,
/// else the first of the registry. Fails with `server_not_found` where there is none.
pub(crate) async fn of_engine(db: &mut Db, engine: Engine, control: &ControlSite) -> Result<String> {
    let fits = |other: Engine| other.is_mysql() == engine.is_mysql();
    if fits(control.database.engine) {
        return Ok(CONTROL.to_owned());
    }
    let known = servers::endpoints(db, &control.database.database).await?;
    known.into_iter().find(|(_, place)| fits(place.engine)).map(|(name, _)| name).ok_or_else(|| {
        Error::new(Kind::ServerNotFound, format!("no database server of the type `{}` is known", engine.word()))
            .hint("enter one with a login that may make databases: `Vmoodle\\server_add`")
    })
}

/// The administrator of a server by name.
pub(crate) async fn admin(db: &mut Db, name: &str, control: &ControlSite, keyring: &Keyring) -> Result<ServerAdmin> {
    if name == CONTROL { ServerAdmin::of_control(control) } else { servers::admin(db, name, control, keyring).await }
}

/// The administrator of a tenant's server.
pub(crate) async fn admin_of(
    db: &mut Db,
    tenant: &Tenant,
    control: &ControlSite,
    keyring: &Keyring,
) -> Result<ServerAdmin> {
    let name = name_of(db, tenant, control).await?;
    admin(db, &name, control, keyring).await
}

/// Who else lives in the tenant's database, in words: the control site, another tenant, or tables that do not begin with
/// its prefix, unless the database was made for it.
pub(crate) async fn neighbour(
    db: &mut Db,
    tenant: &Tenant,
    control: &ControlSite,
    keyring: &Keyring,
) -> Result<Option<String>> {
    if control.endpoint().is_same_database(&tenant.database) {
        return Ok(Some("the control site".to_owned()));
    }
    let (database, prefix) = (&tenant.database.database, &tenant.prefix);
    let sql = "SELECT * FROM {local_vmoodle} WHERE vdbname = ? AND id <> ? ORDER BY id";
    for other in db.fetch(sql, &[database.as_str().into(), i64::from(tenant.id.0).into()]).await? {
        // A row that cannot be read is no reason to drop what it may lead to.
        if row::tenant(&other).map_or(true, |other| other.database.is_same_database(&tenant.database)) {
            return Ok(Some(format!("the tenant `{}`", escape(other.text("vhostname").unwrap_or_default()))));
        }
    }
    if wish::steps_of(db, tenant).await?.contains(build::RESERVED) {
        return Ok(None);
    }
    let tables = admin_of(db, tenant, control, keyring).await?.count_tables_besides(database, prefix).await?;
    Ok((tables > 0).then(|| format!("{tables} tables whose names do not begin with `{prefix}`")))
}

/// The account that vmoodle made for the tenant, by its name: it ends with the tenant's number (see `wish`). One that
/// was given, or that a site came with, may serve others too.
pub(crate) fn made_account(tenant: &Tenant, control: &ControlSite) -> Option<AccountName> {
    let end = format!("_{}", tenant.id);
    own_account(tenant, control).ok().flatten().filter(|account| account.as_str().ends_with(&end))
}

/// The account of a tenant that is its own; `None` where it is the farm's, or the control site's.
pub(crate) fn own_account(tenant: &Tenant, control: &ControlSite) -> Result<Option<AccountName>> {
    if control.settings.account.is_some() {
        return Ok(None);
    }
    let own = tenant.database.user.as_deref().filter(|user| *user != control.database.user);
    own.map(AccountName::parse).transpose()
}
