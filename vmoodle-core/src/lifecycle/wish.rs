//! Tenants that are asked for: what may be said of each, and the rows that they have from the moment they are asked for.
//!
//! A row reserves host, database and dataroot, and can be locked; the tenant stands in the state `creating` until it is
//! built. A spare site of the standby pool becomes the tenant by changing its row, which is one statement.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::{build, server};
use crate::control::ControlSite;
use crate::db::{Db, Row};
use crate::error::{Error, Kind, Result};
use crate::host::{SiteAddress, escape};
use crate::parameter::{Param, Type, check};
use crate::registry::{Session, row, tenants};
use crate::secret::{Keyring, Secret};
use crate::steps::done_in;
use crate::tenant::{Engine, State, Tenant};

const fn text(name: &'static str) -> Param {
    Param { name, kind: Type::Text, required: false, default: None }
}

/// What may be said of a tenant to be made beside the columns of its registry row; given for the whole job, it is meant
/// for every node that says nothing else.
pub(crate) const WISH: [Param; 15] = [
    text("template"),
    text("source"),
    text("server"),
    Param { name: "admin", kind: Type::Choice(&["keep", "generate", "given"]), required: false, default: None },
    Param { name: "adminpassword", kind: Type::Secret, required: false, default: None },
    text("adminemail"),
    text("supportemail"),
    text("noreplyaddress"),
    text("lang"),
    Param { name: "mail", kind: Type::Choice(&["keep", "on", "off"]), required: false, default: None },
    Param { name: "rewrite", kind: Type::Flag, required: false, default: None },
    Param { name: "spare", kind: Type::Flag, required: false, default: None },
    Param { name: "config", kind: Type::Json, required: false, default: None },
    Param { name: "plugins", kind: Type::Json, required: false, default: None },
    Param { name: "new_network", kind: Type::Flag, required: false, default: None },
];

/// A tenant that was asked for.
pub(crate) struct Granted {
    /// Its row, in the state `creating`.
    pub(crate) tenant: Tenant,
    /// What its item is to know.
    pub(crate) parameters: Map<String, Value>,
    /// Whether it was asked for before, and only waits to be finished.
    pub(crate) again: bool,
}

/// What came of a wish.
pub(crate) enum Answer {
    /// It has a row.
    Granted(Box<Granted>),
    /// A tenant has that address already: there is nothing to do.
    Exists(String),
    /// It cannot be.
    Refused(String, Error),
}

/// Gives each node its row, inside the caller's session; what was refused has changed nothing.
pub(crate) async fn grant(
    session: &mut Session<'_>,
    control: &ControlSite,
    keyring: &Keyring,
    nodes: &[Value],
    common: &Map<String, Value>,
) -> Result<Vec<Answer>> {
    let mut answers = Vec::with_capacity(nodes.len());
    for node in nodes {
        let Value::Object(node) = node else {
            return Err(Error::new(Kind::BadParameter, "`nodes` must be a list of maps, one for each tenant"));
        };
        let name = node.get("vhostname").and_then(Value::as_str).unwrap_or_default().to_owned();
        answers.push(match one(session, control, keyring, node, common).await {
            Ok(answer) => answer,
            // The database itself is at fault: nobody else fares better.
            Err(error) if error.kind().is_retryable() => return Err(error),
            Err(error) => Answer::Refused(name, error),
        });
    }
    Ok(answers)
}

async fn one(
    session: &mut Session<'_>,
    control: &ControlSite,
    keyring: &Keyring,
    node: &Map<String, Value>,
    common: &Map<String, Value>,
) -> Result<Answer> {
    let is_wish = |name: &str| WISH.iter().any(|param| param.name == name);
    let own =
        node.iter().filter(|(name, _)| is_wish(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
    let mut wish: Map<String, Value> = common.clone();
    wish.extend(check(&WISH, &own, keyring)?);
    let mut columns: Map<String, Value> =
        node.iter().filter(|(name, _)| !is_wish(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
    // Whether it is open in the end: until then it is being created.
    if matches!(columns.remove("enabled"), Some(enabled) if is_no(&enabled)) {
        wish.insert("closed".into(), json!(true));
    }
    let address = SiteAddress::parse(columns.get("vhostname").and_then(Value::as_str).unwrap_or_default())?;
    if let Some(found) = session.loaded.tenants.iter().find(|tenant| tenant.address.key() == address.key()) {
        let (found, wwwroot) = (found.clone(), found.address.to_string());
        if found.state != State::Creating {
            return Ok(Answer::Exists(wwwroot));
        }
        // What is half adopted is somebody's site: it is never built over.
        if maker_of(session.db(), &found).await?.as_deref() == Some(super::adopt::OPERATION) {
            return Err(Error::new(Kind::StateRefused, "a site of that address is being adopted")
                .hint("wait until its job has ended, or undo the job"));
        }
        return Ok(Answer::Granted(Box::new(Granted { tenant: found, parameters: wish, again: true })));
    }
    let spare = flag(&wish, "spare");
    if flag(&wish, "new_network") {
        let last = session.loaded.tenants.iter().map(|tenant| tenant.mnet).max().unwrap_or(0);
        columns.insert("mnet".into(), json!(last.max(0) + 1));
    }
    let mut parameters = wish;
    let id = match spare_for(session, &columns, &parameters, spare) {
        Some(id) => {
            parameters.insert("claimed".into(), json!(true));
            columns.insert("state".into(), json!(State::Creating.word()));
            columns.insert("tags".into(), columns.get("tags").cloned().unwrap_or(json!("")));
            session.tenant_update(&format!("#{id}"), &columns).await?;
            id
        }
        None => reserve(session, control, &address, columns, &mut parameters, spare).await?,
    };
    let row = session.db().fetch_one("SELECT * FROM {local_vmoodle} WHERE id = ?", &[id.into()]).await?;
    let row: Row = row.ok_or_else(|| Error::new(Kind::Internal, "a tenant just written is not there"))?;
    Ok(Answer::Granted(Box::new(Granted { tenant: row::tenant(&row)?, parameters, again: false })))
}

/// Writes the row of a tenant that has to be built.
async fn reserve(
    session: &mut Session<'_>,
    control: &ControlSite,
    address: &SiteAddress,
    mut columns: Map<String, Value>,
    parameters: &mut Map<String, Value>,
    spare: bool,
) -> Result<i64> {
    let given = |columns: &Map<String, Value>, name: &str| {
        columns.get(name).is_some_and(|value| !value.is_null() && value != "")
    };
    if !given(&columns, "vdbprefix")
        && let Some(prefix) = prefix_of(session, control, parameters).await?
    {
        columns.insert("vdbprefix".into(), json!(prefix));
    }
    if !given(&columns, "vdbhost") {
        let name = server_for(session.db(), control, &columns, parameters).await?;
        let place = server::columns(session.db(), &name, control).await?;
        columns.extend(place.into_iter().filter(|(_, value)| !value.is_null()));
    }
    let is_mysql = columns.get("vdbtype").and_then(Value::as_str).is_none_or(|word| word.starts_with('m'));
    if is_mysql && !given(&columns, "vdboptions") {
        // Else Moodle asks the server for it on every connection (mysqli_native_moodle_database::detect_collation).
        columns.insert("vdboptions".into(), json!({ "dbcollation": "utf8mb4_unicode_ci" }));
    }
    if spare {
        let template = parameters.get("template").and_then(Value::as_str).unwrap_or_default();
        columns.insert("tags".into(), json!(spare_tag(template)));
    }
    columns.insert("state".into(), json!(State::Creating.word()));
    let missing: Vec<&str> =
        ["vdbname", "vdatapath", "vdblogin"].into_iter().filter(|name| !given(&columns, name)).collect();
    let own_account = control.settings.account.is_none();
    if missing.contains(&"vdblogin") {
        parameters.insert("account".into(), json!(own_account));
        if own_account {
            columns.insert("vdbpass".into(), json!(Secret::random().reveal()));
        }
    }
    let mark = Secret::random().reveal().to_ascii_lowercase().replace(['-', '_'], "x")[..12].to_owned();
    let root = std::path::Path::new(&control.dataroot).parent().unwrap_or(std::path::Path::new("/"));
    let fill = |columns: &mut Map<String, Value>, base: &str| {
        for name in &missing {
            let value = match *name {
                "vdatapath" => root.join(base).display().to_string(),
                "vdblogin" if !own_account => continue,
                _ => base.replace('-', "_"),
            };
            columns.insert((*name).to_owned(), json!(value));
        }
    };
    fill(&mut columns, &format!("v{mark}"));
    let row = session.tenant_add(&columns).await?;
    let id = row.get("id").and_then(Value::as_i64).unwrap_or(0);
    if !missing.is_empty() {
        let mut names = Map::new();
        fill(&mut names, &format!("{}_{id}", label(address)));
        session.tenant_update(&format!("#{id}"), &names).await?;
    }
    Ok(id)
}

/// The prefix of the source's tables; a source that is not there is told when it is built from.
async fn prefix_of(
    session: &mut Session<'_>,
    control: &ControlSite,
    parameters: &Map<String, Value>,
) -> Result<Option<String>> {
    let word = |name: &str| parameters.get(name).and_then(Value::as_str).filter(|word| !word.is_empty());
    if let Some(template) = word("template") {
        return Ok(build::shelf_of(control).open(template).ok().map(|manifest| manifest.facts.prefix));
    }
    let Some(source) = word("source") else { return Ok(None) };
    let shape = crate::registry::Shape::read(session.db()).await?;
    let found = tenants::find(session.db(), &shape, source).await.and_then(|row| row::tenant(&row));
    Ok(found.ok().map(|tenant| tenant.prefix.as_str().to_owned()))
}

/// The server of a database that is to be made: the one that is asked for, else one of the type that is asked for, else
/// where its source is, or one of its source's type.
async fn server_for(
    db: &mut Db,
    control: &ControlSite,
    columns: &Map<String, Value>,
    parameters: &Map<String, Value>,
) -> Result<String> {
    let word = |value: Option<&Value>| value.and_then(Value::as_str).filter(|word| !word.is_empty()).map(str::to_owned);
    if let Some(name) = word(parameters.get("server")) {
        return Ok(name);
    }
    if let Some(kind) = word(columns.get("vdbtype")) {
        return server::of_engine(db, Engine::parse_vdbtype(&kind)?, control).await;
    }
    match Source::read(db, parameters).await? {
        Source::Fresh => Ok(server::CONTROL.to_owned()),
        Source::Tenant(tenant) => match server::name_of(db, &tenant, control).await {
            Ok(name) => Ok(name),
            // Nobody may make databases beside it: its contents can be written out and read in elsewhere.
            Err(_) => server::of_engine(db, tenant.database.engine, control).await,
        },
        Source::Snapshot(name) => {
            let facts = build::shelf_of(control).open(&name)?.facts;
            server::of_engine(db, Engine::parse_vdbtype(&facts.engine)?, control).await
        }
    }
}

/// The first label of a host, fit for an identifier and short enough for an account's name with a number behind.
fn label(address: &SiteAddress) -> String {
    let first = address.host().as_str().split('.').next().unwrap_or_default().to_ascii_lowercase();
    let word: String = first.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(20).collect();
    if word.starts_with(|c: char| c.is_ascii_lowercase()) { word } else { format!("t{word}") }
}

/// The operation of the last job over a tenant.
pub(crate) async fn maker_of(db: &mut Db, tenant: &Tenant) -> Result<Option<String>> {
    let sql = "SELECT job.operation FROM {local_vmoodle_item} item JOIN {local_vmoodle_job} job ON job.id = item.jobid \
               WHERE item.tenantid = ? ORDER BY item.id DESC LIMIT 1";
    let row = db.fetch_one(sql, &[i64::from(tenant.id.0).into()]).await?;
    Ok(row.and_then(|row| row.text("operation").map(str::to_owned)))
}

/// The steps that the items of a tenant have done, by the journal.
pub(crate) async fn steps_of(db: &mut Db, tenant: &Tenant) -> Result<HashSet<String>> {
    let sql = "SELECT memory FROM {local_vmoodle_item} WHERE tenantid = ? AND memory IS NOT NULL";
    let rows = db.fetch(sql, &[i64::from(tenant.id.0).into()]).await?;
    Ok(rows.iter().flat_map(|row| done_in(row.text("memory").unwrap_or_default())).collect())
}

/// Whether a tenant was there before it was the farm's.
pub(crate) async fn was_adopted(db: &mut Db, tenant: &Tenant) -> Result<bool> {
    let sql = "SELECT item.id FROM {local_vmoodle_item} item JOIN {local_vmoodle_job} job ON job.id = item.jobid \
               WHERE item.tenantid = ? AND job.operation = ? LIMIT 1";
    let params = [i64::from(tenant.id.0).into(), super::adopt::OPERATION.into()];
    Ok(db.fetch_one(sql, &params).await?.is_some())
}

/// The tag of the spare sites of a template.
pub(crate) fn spare_tag(template: &str) -> String {
    format!("spare:{}", template.replace([',', ' '], "_"))
}

/// A spare site that fits: of the template that is asked for, where nothing is asked of its database and files.
fn spare_for(
    session: &Session<'_>,
    columns: &Map<String, Value>,
    wish: &Map<String, Value>,
    spare: bool,
) -> Option<i64> {
    let template = wish.get("template").and_then(Value::as_str).filter(|_| !spare)?;
    let asked = |(name, value): (&String, &Value)| {
        (name.starts_with("vdb") || name == "vdatapath") && !value.is_null() && value != ""
    };
    if columns.iter().any(asked) || wish.contains_key("server") {
        return None;
    }
    let tag = spare_tag(template);
    let fits = |tenant: &&Tenant| tenant.state == State::Spare && tenant.tags.contains(&tag);
    session.loaded.tenants.iter().find(fits).map(|tenant| i64::from(tenant.id.0))
}

fn is_no(value: &Value) -> bool {
    matches!(value, Value::Bool(false)) || *value == 0 || *value == "0"
}

pub(crate) fn flag(parameters: &Map<String, Value>, name: &str) -> bool {
    parameters.get(name).and_then(Value::as_bool).unwrap_or(false)
}

/// Where a tenant's contents come from.
pub(crate) enum Source {
    /// Moodle's own installer.
    Fresh,
    /// A snapshot, by number or by template name.
    Snapshot(String),
    /// Another tenant.
    Tenant(Box<Tenant>),
}

impl Source {
    /// Reads it from an item's parameters.
    pub(crate) async fn read(db: &mut Db, parameters: &Map<String, Value>) -> Result<Self> {
        let word = |name: &str| parameters.get(name).and_then(Value::as_str).filter(|word| !word.is_empty());
        match (word("template"), word("source")) {
            (Some(_), Some(_)) => Err(Error::new(Kind::BadParameter, "`template` and `source` exclude each other")),
            (Some(name), None) => Ok(Self::Snapshot(name.to_owned())),
            (None, Some(name)) => {
                let shape = crate::registry::Shape::read(db).await?;
                let found = tenants::find(db, &shape, name).await?;
                Ok(Self::Tenant(Box::new(row::tenant(&found)?)))
            }
            (None, None) => Ok(Self::Fresh),
        }
    }

    /// Its name, for plans and journals.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Fresh => "Moodle's installer".to_owned(),
            Self::Snapshot(name) => format!("snapshot {}", escape(name)),
            Self::Tenant(tenant) => tenant.address.to_string(),
        }
    }
}
