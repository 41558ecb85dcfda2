//! The table `local_vmoodle_server`: database servers on which tenants may be made.

use std::path::Path;

use serde_json::{Map, Value};

use super::farm::{Finding, now, or_taken};
use super::fields::{Fields, bad};
use super::row::shown_row;
use super::session::Session;
use super::upgrade::{self, Fix};
use crate::control::ControlSite;
use crate::db::admin::{ServerAdmin, ServerRow};
use crate::db::{Db, Param, Row, Sql};
use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::ident::DbName;
use crate::secret::{Keyring, Secret, Stored};
use crate::tenant::{Endpoint, Engine};

const TABLE: &str = "local_vmoodle_server";
const KNOWN: &[&str] = &[
    "name",
    "engine",
    "host",
    "port",
    "socket",
    "login",
    "password",
    "passwordfile",
    "accounthost",
    "connections",
    "weight",
];
const KEPT: &[&str] = &["id", "timecreated", "timemodified", "haspassword"];

/// Seals again what is in clear or under an old key; what cannot be opened is a finding.
pub(super) async fn reseal(db: &mut Db, keyring: &Keyring) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut fixes = Vec::new();
    for row in db.fetch("SELECT id, name, password FROM {local_vmoodle_server} ORDER BY id", &[]).await? {
        match row.text("password").map(|text| keyring.reseal(&Stored::from_column(text))) {
            Some(Ok(Some(sealed))) => {
                let mut fix = Fix::default();
                fix.reseal(row.int("id").unwrap_or(0), "password", sealed.column());
                fixes.push(fix);
            }
            Some(Err(reason)) => findings.push(Finding::new("server", &row, "name", reason)),
            Some(Ok(None)) | None => {}
        }
    }
    upgrade::apply(db, TABLE, fixes).await?;
    Ok(findings)
}

/// The administrator of a server by its name in the registry. Fails with `server_not_found`.
#[cfg_attr(not(feature = "testing"), allow(dead_code, reason = "the operations on a tenant's life come next"))]
pub async fn admin(db: &mut Db, name: &str, control: &ControlSite, keyring: &Keyring) -> Result<ServerAdmin> {
    let row = find(db, name).await?;
    let text = |column: &str| row.text(column).map(str::to_owned);
    let password = match (text("password"), text("passwordfile")) {
        (Some(stored), _) => keyring.open_stored(&Stored::from_column(stored))?,
        (None, Some(path)) => Secret::read(Path::new(&path))?,
        (None, None) => Secret::new(""),
    };
    let server = ServerRow {
        name: name.to_owned(),
        engine: Engine::parse_vdbtype(row.text("engine").unwrap_or_default())?,
        host: text("host").unwrap_or_default(),
        port: row.int("port").and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0),
        socket: text("socket"),
        login: text("login").unwrap_or_default(),
        password,
        account_host: text("accounthost"),
    };
    Ok(ServerAdmin::of_row(server, control))
}

/// Every server's name and place, as the place of a database of this name.
pub(crate) async fn endpoints(db: &mut Db, database: &DbName) -> Result<Vec<(String, Endpoint)>> {
    let mut found = Vec::new();
    for row in db.fetch("SELECT * FROM {local_vmoodle_server} ORDER BY id", &[]).await? {
        let text = |column: &str| row.text(column).map(str::to_owned);
        let Ok(engine) = Engine::parse_vdbtype(row.text("engine").unwrap_or_default()) else { continue };
        let endpoint = Endpoint {
            engine,
            host: text("host").unwrap_or_default(),
            port: row.int("port").and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0),
            socket: text("socket"),
            database: database.clone(),
            user: None,
            password: None,
        };
        found.push((text("name").unwrap_or_default(), endpoint));
    }
    Ok(found)
}

/// How many connections jobs may hold at once on the servers of which that is said, each as the place of a database of
/// this name.
pub(crate) async fn budgets(db: &mut Db, database: &DbName) -> Result<Vec<(Endpoint, usize)>> {
    let rows = db.fetch("SELECT name, connections FROM {local_vmoodle_server} WHERE connections > 0", &[]).await?;
    let of = |name: &str| rows.iter().find(|row| row.text("name") == Some(name))?.int("connections");
    let all = endpoints(db, database).await?;
    Ok(all.into_iter().filter_map(|(name, place)| Some((place, usize::try_from(of(&name)?).ok()?))).collect())
}

/// A server's row. Fails with `server_not_found`.
pub(crate) async fn find(db: &mut Db, name: &str) -> Result<Row> {
    let row = db.fetch_one("SELECT * FROM {local_vmoodle_server} WHERE name = ?", &[name.into()]).await?;
    row.ok_or_else(|| Error::new(Kind::ServerNotFound, format!("no server has the name `{}`", escape(name))))
}

impl Session<'_> {
    /// Adds a server: `name`, `engine`, `login`; `host` (localhost) and all other columns by name.
    pub async fn server_add(&mut self, values: &Map<String, Value>) -> Result<Map<String, Value>> {
        let mut columns = columns(values, self.keyring)?;
        for required in ["name", "engine", "login"] {
            if !columns.iter().any(|(column, _)| *column == required) {
                return Err(bad(required, "it must be given"));
            }
        }
        if !columns.iter().any(|(column, _)| *column == "host") {
            columns.push(("host", "localhost".into()));
        }
        columns.push(("timecreated", now().into()));
        let (names, params): (Vec<&'static str>, Vec<Param>) = columns.into_iter().unzip();
        let id = self.db.insert(Sql::insert(TABLE, &names), &params).await;
        let id = id.map_err(|fault| or_taken(fault, Kind::NameTaken, taken))?;
        self.server_written(id).await
    }

    /// Changes a server.
    pub async fn server_update(&mut self, name: &str, changes: &Map<String, Value>) -> Result<Map<String, Value>> {
        let columns = columns(changes, self.keyring)?;
        let id = find(&mut self.db, name).await?.int("id").unwrap_or(0);
        let (names, mut params): (Vec<&'static str>, Vec<Param>) = columns.into_iter().unzip();
        params.push(id.into());
        let done = self.db.execute(Sql::update(TABLE, &names), &params).await;
        done.map_err(|fault| or_taken(fault, Kind::NameTaken, taken))?;
        self.server_written(id).await
    }

    /// Takes a server off the list; gives it as it was.
    pub async fn server_remove(&mut self, name: &str) -> Result<Map<String, Value>> {
        let row = find(&mut self.db, name).await?;
        self.db.execute("DELETE FROM {local_vmoodle_server} WHERE id = ?", &[row.int("id").into()]).await?;
        Ok(shown_row(&row, "password"))
    }

    async fn server_written(&mut self, id: i64) -> Result<Map<String, Value>> {
        let row = self.db.fetch_one("SELECT * FROM {local_vmoodle_server} WHERE id = ?", &[id.into()]).await?;
        let row = row.ok_or_else(|| Error::new(Kind::Internal, "a server just written is not there"))?;
        if row.text("password").is_some() && row.text("passwordfile").is_some() {
            return Err(bad("passwordfile", "the password stands in the row already; give one of the two"));
        }
        Ok(shown_row(&row, "password"))
    }
}

fn columns(values: &Map<String, Value>, keyring: &Keyring) -> Result<Vec<(&'static str, Param)>> {
    let fields = Fields::new(values, KNOWN, KEPT)?;
    let mut columns: Vec<(&'static str, Param)> = vec![("timemodified", now().into())];
    if let Some(name) = fields.name("name", 100)? {
        columns.push(("name", name.into()));
    }
    if let Some(engine) = fields.text("engine", 16)? {
        columns.push(("engine", Engine::parse_vdbtype(&engine)?.word().into()));
    }
    for (column, longest) in [("host", 255), ("login", 128)] {
        if let Some(word) = fields.word(column, longest)? {
            if word.is_empty() {
                return Err(bad(column, "it must not be empty"));
            }
            columns.push((column, word.into()));
        }
    }
    for column in ["socket", "passwordfile", "accounthost"] {
        if let Some(word) = fields.word(column, 255)? {
            if column == "passwordfile" && !word.is_empty() && !word.starts_with('/') {
                return Err(bad(column, "it must be an absolute path"));
            }
            columns.push((column, Some(word).filter(|word| !word.is_empty()).into()));
        }
    }
    if fields.has("port") {
        columns.push(("port", fields.int("port", 1..=65535)?.into()));
    }
    for (column, unsaid) in [("connections", 0), ("weight", 1)] {
        if fields.has(column) {
            columns.push((column, fields.int(column, 0..=9999)?.unwrap_or(unsaid).into()));
        }
    }
    if let Some(password) = fields.text("password", 1000)? {
        columns.push(("password", sealed("password", password, keyring)?));
    }
    Ok(columns)
}

/// A password as it is stored; empty is none. One that is sealed already must open.
pub(super) fn sealed(column: &str, password: String, keyring: &Keyring) -> Result<Param> {
    if password.is_empty() {
        return Ok(Param::Text(None));
    }
    let given = Stored::from_column(password.as_str());
    if given.is_sealed() {
        keyring
            .open_stored(&given)
            .map_err(|_| bad(column, "it looks sealed, but none of the farm's keys opens it"))?;
        return Ok(password.into());
    }
    Ok(keyring.seal(&Secret::new(password))?.column().into())
}

fn taken() -> String {
    "a server has that name already".to_owned()
}
