//! One row of `local_vmoodle` <-> a [`Tenant`].

use serde_json::{Map, Value, json};

use super::fields::{parse_map, parse_tags};
use crate::db::{Cell, Row};
use crate::error::{Error, Kind, Result};
use crate::host::SiteAddress;
use crate::ident::{DbName, Prefix};
use crate::overrides;
use crate::secret::Stored;
use crate::tenant::{Endpoint, Engine, State, Tenant, TenantId, check_dataroot};

/// Options that have a column of their own.
const OPTIONS_WITH_COLUMN: &[&str] = &["dbport", "dbsocket", "dbpersist"];

/// Reads a row, an original one with its 20 columns too. Refuses what cannot be served, with the column and the rule.
pub fn tenant(row: &Row) -> Result<Tenant> {
    let settings = map(row, "settings")?;
    overrides::check(&settings)?;
    let options = map(row, "vdboptions")?;
    check_options(&options)?;
    let shortname = row.text("shortname").unwrap_or_default();
    Ok(Tenant {
        id: id(row)?,
        name: row.text("name").unwrap_or(shortname).to_owned(),
        shortname: shortname.to_owned(),
        address: address(row)?,
        database: endpoint(row)?,
        prefix: Prefix::parse(row.text("vdbprefix").unwrap_or_default())?,
        persist: row.int("vdbpersist").unwrap_or(0) != 0,
        options,
        dataroot: check_dataroot(required(row, "vdatapath")?)?,
        mnet: row.int("mnet").unwrap_or(0).try_into().map_err(|_| out_of_range("mnet"))?,
        state: state(row)?,
        settings,
        tags: parse_tags(row.text("tags").unwrap_or_default()),
    })
}

/// A row whose address can be read but not the rest: its host answers 503, and its command line reaches nothing.
pub fn broken(row: &Row) -> Option<Tenant> {
    let id = id(row).ok()?;
    Some(Tenant {
        id,
        name: row.text("name").unwrap_or_default().to_owned(),
        shortname: row.text("shortname").unwrap_or_default().to_owned(),
        address: address(row).ok()?,
        database: Endpoint {
            engine: Engine::MariaDb,
            host: "broken.invalid".into(),
            port: None,
            socket: None,
            database: DbName::parse("broken").ok()?,
            user: Some("broken".into()),
            password: None,
        },
        prefix: Prefix::parse("broken_").ok()?,
        persist: false,
        options: Map::new(),
        dataroot: format!("/nonexistent/vmoodle-broken-{id}"),
        mnet: -1,
        state: State::Broken,
        settings: Map::new(),
        tags: Vec::new(),
    })
}

/// Its number.
pub fn id(row: &Row) -> Result<TenantId> {
    row.int("id")
        .and_then(|id| u32::try_from(id).ok())
        .filter(|id| *id > 0)
        .map(TenantId)
        .ok_or_else(|| out_of_range("id"))
}

/// Its address.
pub fn address(row: &Row) -> Result<SiteAddress> {
    SiteAddress::parse(required(row, "vhostname")?.trim())
}

/// Its state; an original row has only `enabled`.
pub fn state(row: &Row) -> Result<State> {
    match row.text("state") {
        Some(word) => State::parse(word),
        None if row.int("enabled") == Some(0) => Ok(State::Disabled),
        None => Ok(State::Enabled),
    }
}

/// Checks further entries of `$CFG->dboptions`: plain values, none of those that have a column.
pub fn check_options(options: &Map<String, Value>) -> Result<()> {
    for (name, value) in options {
        let name = crate::ident::ConfigName::parse(name)?;
        if OPTIONS_WITH_COLUMN.contains(&name.as_str()) {
            let message = format!("`{name}` cannot stand in `vdboptions`: there is a column for it");
            return Err(Error::new(Kind::BadSetting, message).hint("use `vdbport`, `vdbsocket` or `vdbpersist`"));
        }
        if value.is_array() || value.is_object() {
            return Err(Error::new(Kind::BadSetting, format!("`{name}` in `vdboptions` must be a plain value")));
        }
    }
    match options.get("dbschema").and_then(Value::as_str).filter(|schema| !schema.is_empty()) {
        Some(schema) => DbName::parse(schema).map(|_| ()),
        None => Ok(()),
    }
}

fn endpoint(row: &Row) -> Result<Endpoint> {
    let vdbhost = row.text("vdbhost").unwrap_or("localhost").trim();
    let (host, port) = match row.int("vdbport") {
        None | Some(0) => Endpoint::split_host(vdbhost),
        Some(port) => (vdbhost, Some(u16::try_from(port).map_err(|_| out_of_range("vdbport"))?)),
    };
    Ok(Endpoint {
        engine: Engine::parse_vdbtype(row.text("vdbtype").unwrap_or("mysqli"))?,
        host: host.to_owned(),
        port,
        socket: row.text("vdbsocket").map(str::to_owned),
        database: DbName::parse(required(row, "vdbname")?)?,
        user: row.text("vdblogin").map(str::to_owned),
        password: row.text("vdbpass").map(Stored::from_column),
    })
}

fn map(row: &Row, column: &str) -> Result<Map<String, Value>> {
    let Some(text) = row.text(column) else { return Ok(Map::new()) };
    parse_map(text).ok_or_else(|| Error::new(Kind::BadParameter, format!("`{column}` is no JSON object")))
}

fn required<'a>(row: &'a Row, column: &str) -> Result<&'a str> {
    row.text(column).ok_or_else(|| Error::new(Kind::BadParameter, format!("`{column}` is empty")))
}

fn out_of_range(column: &str) -> Error {
    Error::new(Kind::BadParameter, format!("`{column}` is out of range"))
}

/// The row as it is shown: without password, JSON columns as maps, tags as a list; `key`, and where the row cannot be
/// served its state `broken` and the `problem`.
pub fn shown(row: &Row) -> Map<String, Value> {
    let mut out = shown_row(row, "vdbpass");
    for column in ["vdboptions", "settings"] {
        out.insert(column.into(), map(row, column).map_or(Value::Null, Value::Object));
    }
    out.insert("tags".into(), json!(parse_tags(row.text("tags").unwrap_or_default())));
    out.insert("key".into(), address(row).map_or(Value::Null, |address| json!(address.key())));
    match tenant(row) {
        Ok(tenant) => {
            out.insert("state".into(), json!(tenant.state.word()));
        }
        Err(problem) => {
            out.insert("state".into(), json!(State::Broken.word()));
            out.insert("problem".into(), json!(problem.to_string()));
        }
    }
    out
}

/// Every column by name but the secret one, of which only is told whether it is there.
pub(super) fn shown_row(row: &Row, secret: &str) -> Map<String, Value> {
    let mut out = Map::new();
    for (column, cell) in row.cells().filter(|(column, _)| *column != secret) {
        let value = match cell {
            Cell::Null => Value::Null,
            Cell::Int(number) => json!(number),
            Cell::Text(text) => json!(text),
        };
        out.insert(column.to_owned(), value);
    }
    out.insert("haspassword".into(), json!(row.text(secret).is_some()));
    out
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A row as the original wrote it, with its own 20 columns.
    pub(in crate::registry) fn original(id: i64, vhostname: &str) -> Row {
        let mut row = Row::default();
        for (column, value) in [
            ("name", "École d'été"),
            ("shortname", "ete"),
            ("description", ""),
            ("vhostname", vhostname),
            ("vdbtype", "postgres7"),
            ("vdbhost", "db.example.org:5433"),
            ("vdblogin", "moodle"),
            ("vdbpass", "hidden"),
            ("vdbname", "vmdl_ete"),
            ("vdbprefix", "mdl_"),
            ("vdatapath", "/var/vmoodledata/ete"),
        ] {
            row.set(column, Cell::Text(value.into()));
        }
        for (column, value) in [("id", id), ("vdbpersist", 0), ("mnet", -1), ("enabled", 1), ("timecreated", 0)] {
            row.set(column, Cell::Int(value));
        }
        row
    }

    #[test]
    fn an_original_row_is_read_as_it_is() {
        let mut row = original(3, "HTTP://Ete.Example.org./");
        let read = tenant(&row).unwrap();
        assert_eq!((read.address.to_string().as_str(), read.state), ("http://ete.example.org", State::Enabled));
        assert_eq!((read.database.engine, read.database.host.as_str()), (Engine::Postgres, "db.example.org"));
        assert_eq!((read.database.port, read.mnet), (Some(5433), -1));
        row.set("enabled", Cell::Int(0));
        assert_eq!(tenant(&row).unwrap().state, State::Disabled);
    }

    #[test]
    fn what_cannot_be_served_says_why_and_keeps_its_address() {
        for (column, cell) in [
            ("vdbtype", Cell::Text("oci".into())),
            ("vdbname", Cell::Text("a`b".into())),
            ("vdbname", Cell::Null),
            ("vdbprefix", Cell::Text("MDL_".into())),
            ("vdatapath", Cell::Text("relative".into())),
            ("state", Cell::Text("lost".into())),
            ("settings", Cell::Text("[1]".into())),
            ("settings", Cell::Text("{\"dbname\": \"x\"}".into())),
            ("vdboptions", Cell::Text("{\"dbport\": 1}".into())),
            ("mnet", Cell::Int(i64::MAX)),
        ] {
            let mut row = original(3, "https://a.org");
            row.set(column, cell);
            let error = tenant(&row).unwrap_err();
            assert!(!error.to_string().contains("hidden"), "{column}");
            assert_eq!(broken(&row).unwrap().state, State::Broken, "{column}");
            assert_eq!(shown(&row)["state"], "broken", "{column}");
        }
        assert!(broken(&original(3, "not an address")).is_none() && broken(&original(0, "https://a.org")).is_none());
    }

    #[test]
    fn a_row_is_shown_without_its_password() {
        let row = original(3, "https://a.org/x");
        let shown = shown(&row);
        assert_eq!(
            (&shown["key"], &shown["haspassword"], &shown["tags"]),
            (&json!("a.org/x"), &json!(true), &json!([]))
        );
        assert!(!shown.contains_key("vdbpass") && !format!("{shown:?}").contains("hidden"));
    }
}
