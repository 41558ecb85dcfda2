//! The table `local_vmoodle`: the tenants.

use std::ops::ControlFlow;

use serde_json::{Map, Value};

use super::check::{self, Sharing};
use super::farm::{not_found, now, or_taken};
use super::fields::{Fields, bad, parse_tags};
use super::row;
use super::servers::sealed;
use super::session::Session;
use super::shape::Shape;
use crate::control::ControlSite;
use crate::db::{Cell, Db, Param, Row, Sql};
use crate::error::{Error, Kind, Result};
use crate::host::{HostPattern, SiteAddress};
use crate::overrides;
use crate::secret::Keyring;
use crate::tenant::{Endpoint, Engine, State, Tenant, check_dataroot};

const TABLE: &str = "local_vmoodle";

/// What a caller may give.
const KNOWN: &[&str] = &[
    "name",
    "shortname",
    "description",
    "vhostname",
    "vdbtype",
    "vdbhost",
    "vdbport",
    "vdbsocket",
    "vdblogin",
    "vdbpass",
    "vdbname",
    "vdbprefix",
    "vdbpersist",
    "vdboptions",
    "vdatapath",
    "mnet",
    "enabled",
    "state",
    "settings",
    "tags",
    "metadata",
    "allowshared",
];

/// What a row shows beside it.
pub(crate) const KEPT: &[&str] = &[
    "id",
    "hostkey",
    "timecreated",
    "timemodified",
    "lastcron",
    "lastcrongap",
    "croncount",
    "lockitem",
    "lockuntil",
    "key",
    "haspassword",
    "problem",
];

/// The number that a row has before it is in the registry.
const NOT_YET: i64 = u32::MAX as i64;

/// How many rows are read at once.
const PAGE: usize = 2000;

/// Reads all rows, the lowest number first, some at a time, until `take` breaks off.
pub async fn each(db: &mut Db, mut take: impl FnMut(&Row) -> ControlFlow<()>) -> Result<()> {
    let mut last = i64::MIN;
    loop {
        let sql = "SELECT * FROM {local_vmoodle} WHERE id > ? ORDER BY id LIMIT 2000";
        let rows = db.fetch(sql, &[last.into()]).await?;
        if rows.iter().try_for_each(&mut take).is_break() {
            return Ok(());
        }
        match rows.last().and_then(|row| row.int("id")) {
            Some(id) if rows.len() == PAGE => last = id,
            _ => return Ok(()),
        }
    }
}

/// The key in a tenant's name as callers give it: its address or its host.
pub(super) fn key_of(name: &str) -> Result<String> {
    let pattern = HostPattern::parse(name)?;
    if pattern.is_wildcard() { Err(not_found(name)) } else { Ok(pattern.as_str().to_owned()) }
}

/// The row of a tenant: by address, by host, or as `#12` by its number where two rows have one host.
pub async fn find(db: &mut Db, shape: &Shape, name: &str) -> Result<Row> {
    if let Some(id) = name.strip_prefix('#').and_then(|id| id.parse::<i64>().ok()) {
        let row = db.fetch_one("SELECT * FROM {local_vmoodle} WHERE id = ?", &[id.into()]).await?;
        return row.ok_or_else(|| Error::new(Kind::TenantNotFound, format!("no tenant has the number {id}")));
    }
    let key = key_of(name)?;
    let mut rows = Vec::new();
    if shape.is_current() {
        let sql = "SELECT * FROM {local_vmoodle} WHERE hostkey = ?";
        rows = db.fetch(sql, &[key.as_str().into()]).await?;
        if rows.is_empty() {
            // Rows that nobody has published yet.
            rows = db.fetch("SELECT * FROM {local_vmoodle} WHERE hostkey IS NULL ORDER BY id", &[]).await?;
        }
    } else {
        each(db, |row| {
            rows.push(row.clone());
            ControlFlow::Continue(())
        })
        .await?;
    }
    // A collation may take capitals in a path for small letters.
    let found = rows.into_iter().find(|row| row::address(row).is_ok_and(|address| address.key() == key));
    found.ok_or_else(|| not_found(name))
}

/// A row as it would be written.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) tenant: Tenant,
    columns: Vec<(&'static str, Param)>,
    sharing: Sharing,
}

/// Checks the values one by one, then the row that they make over `base`.
pub(crate) fn draft(values: &Map<String, Value>, mut base: Row, keyring: &Keyring) -> Result<Draft> {
    let fields = Fields::new(values, KNOWN, KEPT)?;
    let columns = columns(&fields, keyring)?;
    for (column, param) in &columns {
        base.set(column, param.clone().into());
    }
    let sharing = if fields.flag("allowshared")? == Some(true) { Sharing::Allowed } else { Sharing::Refused };
    Ok(Draft { tenant: row::tenant(&base)?, columns, sharing })
}

/// What a new row has where nothing is said.
pub(crate) fn defaults(values: &Map<String, Value>, control: &ControlSite) -> Row {
    let host = values.get("vhostname").and_then(Value::as_str).and_then(|text| SiteAddress::parse(text).ok());
    let host = host.map(|address| address.host().as_str().to_owned()).unwrap_or_default();
    let label = host.split('.').next().unwrap_or_default();
    let mut row = Row::default();
    for (column, text) in [
        ("name", host.as_str()),
        ("shortname", &label[..label.len().min(80)]),
        ("vdbtype", control.database.engine.word()),
        ("vdbhost", "localhost"),
        ("vdblogin", ""),
        ("vdbprefix", "mdl_"),
        ("state", State::Enabled.word()),
    ] {
        row.set(column, Cell::Text(text.to_owned()));
    }
    for (column, number) in [("id", NOT_YET), ("vdbpersist", 0), ("mnet", 0), ("enabled", 1)] {
        row.set(column, Cell::Int(number));
    }
    row
}

impl Session<'_> {
    /// Adds a tenant; `vhostname`, `vdbname` and `vdatapath` must be given. Gives the row.
    pub async fn tenant_add(&mut self, values: &Map<String, Value>) -> Result<Map<String, Value>> {
        let base = defaults(values, self.control);
        let defaults: Vec<(&'static str, Param)> =
            ["name", "shortname", "vdbtype", "vdbhost", "vdblogin", "vdbprefix", "state"]
                .map(|column| (column, base.text(column).unwrap_or_default().into()))
                .into_iter()
                .chain([("vdbpersist", 0.into()), ("mnet", 0.into()), ("enabled", 1.into())])
                .collect();
        let mut draft = draft(values, base, self.keyring)?;
        self.check(&draft, None)?;
        let given = |column: &str| draft.columns.iter().any(|(name, _)| *name == column);
        let missing: Vec<_> = defaults.into_iter().filter(|(column, _)| !given(column)).collect();
        draft.columns.extend(missing);
        draft.columns.extend([("timecreated", now().into()), ("timemodified", now().into())]);
        let (names, params): (Vec<&'static str>, Vec<Param>) = draft.columns.into_iter().unzip();
        let key = draft.tenant.address.key();
        let id = self.db.insert(Sql::insert(TABLE, &names), &params).await;
        let id = id.map_err(|fault| or_taken(fault, Kind::HostTaken, || taken(&key)))?;
        self.tenant_written(id).await
    }

    /// Changes a tenant's row; what is not given stays. Gives the row.
    pub async fn tenant_update(&mut self, name: &str, values: &Map<String, Value>) -> Result<Map<String, Value>> {
        let base = find(&mut self.db, &self.shape, name).await?;
        let before = row::tenant(&base).ok();
        let id = row::id(&base)?;
        let mut draft = draft(values, base, self.keyring)?;
        self.check(&draft, before.as_ref())?;
        draft.columns.push(("timemodified", now().into()));
        let (names, mut params): (Vec<&'static str>, Vec<Param>) = draft.columns.into_iter().unzip();
        params.push(i64::from(id.0).into());
        let key = draft.tenant.address.key();
        let done = self.db.execute(Sql::update(TABLE, &names), &params).await;
        done.map_err(|fault| or_taken(fault, Kind::HostTaken, || taken(&key)))?;
        self.tenant_written(i64::from(id.0)).await
    }

    /// Takes a tenant and its aliases out of the registry; its database and files stay. Gives the row as it was.
    pub async fn tenant_remove(&mut self, name: &str) -> Result<Map<String, Value>> {
        let row = find(&mut self.db, &self.shape, name).await?;
        let id = row.int("id");
        self.db.execute("DELETE FROM {local_vmoodle_alias} WHERE tenantid = ?", &[id.into()]).await?;
        self.db.execute("DELETE FROM {local_vmoodle} WHERE id = ?", &[id.into()]).await?;
        if let Ok(id) = row::id(&row) {
            self.loaded.forget(id);
        }
        Ok(row::shown(&row))
    }

    /// What the row must not take from others; sharing is asked anew only where the place has changed.
    fn check(&self, draft: &Draft, before: Option<&Tenant>) -> Result<()> {
        let tenant = &draft.tenant;
        check::host(tenant, &self.loaded, self.control)?;
        let moved = before.is_none_or(|b| b.prefix != tenant.prefix || !b.database.is_same_database(&tenant.database));
        if moved && draft.sharing == Sharing::Refused {
            check::database(tenant, &self.loaded, self.control)?;
        }
        if before.is_none_or(|b| b.dataroot != tenant.dataroot) && draft.sharing == Sharing::Refused {
            check::dataroot(tenant, &self.loaded, self.control)?;
        }
        if tenant.database.user.is_none() && self.control.settings.account.is_none() {
            return Err(bad("vdblogin", "it is empty, and the farm has no account for all tenants")
                .hint("give `vdblogin` and `vdbpass`, or set `$CFG->vmoodle['dbuser']`"));
        }
        Ok(())
    }

    async fn tenant_written(&mut self, id: i64) -> Result<Map<String, Value>> {
        let row = self.db.fetch_one("SELECT * FROM {local_vmoodle} WHERE id = ?", &[id.into()]).await?;
        let row = row.ok_or_else(|| Error::new(Kind::Internal, "a tenant just written is not there"))?;
        self.loaded.put(&row)?;
        Ok(row::shown(&row))
    }
}

fn taken(key: &str) -> String {
    format!("`{key}` is the host of another tenant")
}

/// The given values, each checked, by column.
fn columns(fields: &Fields<'_>, keyring: &Keyring) -> Result<Vec<(&'static str, Param)>> {
    let mut columns: Vec<(&'static str, Param)> = Vec::new();
    for (column, longest) in [("name", 255), ("shortname", 80)] {
        columns.extend(fields.name(column, longest)?.map(|name| (column, name.into())));
    }
    for column in ["description", "metadata"] {
        columns.extend(fields.text(column, 100_000)?.map(|text| (column, text.into())));
    }
    if let Some(text) = fields.text("vhostname", 300)? {
        let address = SiteAddress::parse(text.trim())?;
        columns.extend([("vhostname", address.to_string().into()), ("hostkey", address.key().into())]);
    }
    database_columns(fields, keyring, &mut columns)?;
    if let Some(path) = fields.text("vdatapath", 255)? {
        columns.push(("vdatapath", check_dataroot(&path)?.into()));
    }
    if fields.has("mnet") {
        columns.push(("mnet", fields.int("mnet", -1..=999)?.unwrap_or(0).into()));
    }
    if let Some(state) = given_state(fields)? {
        columns.extend([("state", state.word().into()), ("enabled", (state == State::Enabled).into())]);
    }
    if let Some(settings) = fields.map("settings")? {
        overrides::check(&settings)?;
        columns.push(("settings", json_text(settings)));
    }
    if let Some(tags) = fields.words("tags", parse_tags)? {
        let joined = tags.join(",");
        if parse_tags(&joined) != tags || joined.chars().count() > 255 {
            return Err(bad("tags", "tags are words without spaces and commas, together at most 255 characters"));
        }
        columns.push(("tags", joined.into()));
    }
    Ok(columns)
}

fn database_columns(fields: &Fields<'_>, keyring: &Keyring, columns: &mut Vec<(&'static str, Param)>) -> Result<()> {
    if let Some(kind) = fields.text("vdbtype", 16)? {
        columns.push(("vdbtype", Engine::parse_vdbtype(&kind)?.word().into()));
    }
    let mut port = fields.int("vdbport", 1..=65535)?;
    if let Some(given) = fields.word("vdbhost", 255)? {
        let (host, own) = Endpoint::split_host(&given);
        port = port.or(own.map(i64::from));
        columns.push(("vdbhost", if host.is_empty() { "localhost" } else { host }.into()));
    }
    if port.is_some() || fields.has("vdbport") {
        columns.push(("vdbport", port.into()));
    }
    if let Some(socket) = fields.word("vdbsocket", 255)? {
        columns.push(("vdbsocket", Some(socket).filter(|socket| !socket.is_empty()).into()));
    }
    columns.extend(fields.word("vdblogin", 128)?.map(|login| ("vdblogin", login.into())));
    if let Some(password) = fields.text("vdbpass", 1000)? {
        columns.push(("vdbpass", sealed("vdbpass", password, keyring)?));
    }
    for column in ["vdbname", "vdbprefix"] {
        // What they may be is checked with the row as a whole.
        columns.extend(fields.text(column, 64)?.map(|text| (column, text.into())));
    }
    columns.extend(fields.flag("vdbpersist")?.map(|yes| ("vdbpersist", yes.into())));
    if let Some(options) = fields.map("vdboptions")? {
        row::check_options(&options)?;
        columns.push(("vdboptions", json_text(options)));
    }
    Ok(())
}

fn given_state(fields: &Fields<'_>) -> Result<Option<State>> {
    let state = fields.text("state", 16)?.map(|word| State::parse(&word)).transpose()?;
    let enabled = fields.flag("enabled")?;
    match (state, enabled) {
        (Some(state), Some(yes)) if (state == State::Enabled) != yes => {
            Err(bad("enabled", "it contradicts `state`; give one of the two"))
        }
        (None, Some(true)) => Ok(Some(State::Enabled)),
        (None, Some(false)) => Ok(Some(State::Disabled)),
        (state, _) => Ok(state),
    }
}

fn json_text(map: Map<String, Value>) -> Param {
    Param::Text((!map.is_empty()).then(|| Value::Object(map).to_string()))
}
