//! A plain Moodle becomes a tenant: its `config.php` is read, its place is looked at, and it gets a row.
//!
//! The site stays who it is. Nothing of it is made, so nothing of it is removed when the adoption is undone.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::wish::{Answer, Granted, maker_of};
use super::{Ground, trash};
use crate::configphp;
use crate::control::ControlSite;
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::files::failed;
use crate::host::{SiteAddress, escape};
use crate::moodle::{caches, site, version};
use crate::overrides;
use crate::registry::farm::now;
use crate::registry::inspect::{self, Status};
use crate::registry::{Session, row, tenants};
use crate::secret::Keyring;
use crate::steps::blocking;
use crate::tenant::{State, Tenant};

/// The operation that adopts, by which its rows are told from those of sites that are still being built.
pub(crate) const OPERATION: &str = "adopt_site";
/// The longest `config.php` that is read, in octets.
const LONGEST: u64 = 1024 * 1024;

/// `$CFG` -> column of the registry.
const COLUMNS: &[(&str, &str)] = &[
    ("dbtype", "vdbtype"),
    ("dbhost", "vdbhost"),
    ("dbname", "vdbname"),
    ("dbuser", "vdblogin"),
    ("dbpass", "vdbpass"),
    ("prefix", "vdbprefix"),
    ("dataroot", "vdatapath"),
    ("wwwroot", "vhostname"),
];

/// Settings that every `config.php` has and no tenant needs: boot says them.
const SAID_BY_BOOT: &[&str] = &["dblibrary", "dirroot", "libdir"];

/// What a node has of a site that is to be built, which one that is there has not.
const FOR_BUILT_SITES: &[&str] = &["template", "source", "server", "config", "plugins", "spare"];

/// What a `config.php` says of a site, in the registry's words.
#[derive(Default)]
struct Found {
    columns: Map<String, Value>,
    /// What was not understood or not taken, for people; never a value.
    told: Vec<String>,
}

/// A site that was asked for.
pub(crate) struct Seen {
    /// What it is called until it has a row.
    name: String,
    /// What is known of it, or why it cannot be.
    known: Result<Site>,
}

/// What is known of a site before it has a row.
struct Site {
    address: SiteAddress,
    columns: Map<String, Value>,
    parameters: Map<String, Value>,
    is_new_network: bool,
    /// Whether it can be served: the site's own names, for those that were not given.
    looked: Result<Map<String, Value>>,
}

/// Reads what is said of sites and looks at them. That may take long where a server does not answer, so it comes before the
/// registry is locked.
///
/// A node is the path of a `config.php`, or a map of columns, which may name one as `configphp`; what is given there
/// counts more than what the file says.
pub(crate) async fn see(
    control: &ControlSite,
    keyring: &Keyring,
    nodes: &[Value],
    common: &Map<String, Value>,
) -> Result<Vec<Seen>> {
    let mut seen = Vec::with_capacity(nodes.len());
    for node in nodes {
        let given = match node {
            Value::String(path) => Map::from_iter([("configphp".to_owned(), json!(path))]),
            Value::Object(given) => given.clone(),
            _ => {
                return Err(Error::new(
                    Kind::BadParameter,
                    "`nodes` must be a list of paths or maps, one for each site",
                ));
            }
        };
        let text = |name: &str| given.get(name).and_then(Value::as_str).map(str::to_owned);
        let name = text("vhostname").or(text("configphp")).unwrap_or_default();
        seen.push(Seen { name, known: site_of(control, keyring, given, common).await });
    }
    Ok(seen)
}

/// Gives each site its row, inside the caller's session; what was refused has changed nothing.
pub(crate) async fn grant(session: &mut Session<'_>, seen: Vec<Seen>) -> Result<Vec<Answer>> {
    let mut answers = Vec::with_capacity(seen.len());
    for Seen { name, known } in seen {
        let granted = match known {
            Ok(site) => one(session, site).await,
            Err(error) => Err(error),
        };
        answers.push(granted.unwrap_or_else(|error| Answer::Refused(name, error)));
    }
    Ok(answers)
}

async fn site_of(
    control: &ControlSite,
    keyring: &Keyring,
    mut given: Map<String, Value>,
    common: &Map<String, Value>,
) -> Result<Site> {
    if let Some(name) = FOR_BUILT_SITES.iter().find(|name| given.contains_key(**name)) {
        return Err(Error::new(
            Kind::BadParameter,
            format!("`{name}` is for a site that is made, and this one is there"),
        )
        .hint("leave it out; change the site's settings once it is a tenant"));
    }
    let Found { mut columns, told } = match given.remove("configphp") {
        None => Found::default(),
        Some(path) => read(Path::new(path.as_str().unwrap_or_default()))?,
    };
    let is_new_network = given.remove("new_network").is_some_and(|wanted| wanted == json!(true));
    columns.extend(given.into_iter().filter(|(_, value)| !value.is_null() && value != ""));
    require(&columns, control, &told)?;
    let state = end_state(&mut columns, common)?;
    let parameters = map(json!({ "state": state.word(), "told": told }));
    let address = SiteAddress::parse(columns["vhostname"].as_str().unwrap_or_default().trim())?;
    let looked = look(control, keyring, &columns).await;
    Ok(Site { address, columns, parameters, is_new_network, looked })
}

async fn one(session: &mut Session<'_>, site: Site) -> Result<Answer> {
    let Site { address, mut columns, parameters, is_new_network, looked } = site;
    if is_new_network {
        let last = session.loaded.tenants.iter().map(|tenant| tenant.mnet).max().unwrap_or(0);
        columns.insert("mnet".into(), json!(last.max(0) + 1));
    }
    if let Some(found) = session.loaded.tenants.iter().find(|tenant| tenant.address.key() == address.key()).cloned() {
        return known(session, found, &columns, parameters).await;
    }
    columns.insert("state".into(), json!(State::Creating.word()));
    columns.extend(looked.as_ref().cloned().unwrap_or_default());
    // What it has in common with another tenant is told before what is wrong with it.
    let row = session.tenant_add(&columns).await?;
    let number = format!("#{}", row.get("id").and_then(Value::as_i64).unwrap_or(0));
    if let Err(error) = looked {
        session.tenant_remove(&number).await?;
        return Err(error);
    }
    let tenant = read_row(session, &number).await?;
    Ok(Answer::Granted(Box::new(Granted { tenant, parameters, again: false })))
}

/// A tenant has the address: it is the same site, adopted before or about to be, or it is another one.
async fn known(
    session: &mut Session<'_>,
    found: Tenant,
    columns: &Map<String, Value>,
    parameters: Map<String, Value>,
) -> Result<Answer> {
    let wwwroot = found.address.to_string();
    if columns.get("vdbname").and_then(Value::as_str) != Some(found.database.database.as_str()) {
        return Err(Error::new(Kind::HostTaken, format!("`{}` is the host of another tenant", escape(&wwwroot)))
            .hint("rename one of them first"));
    }
    if found.state != State::Creating {
        return Ok(Answer::Exists(wwwroot));
    }
    if maker_of(session.db(), &found).await?.as_deref() != Some(OPERATION) {
        return Err(Error::new(Kind::StateRefused, "a tenant of that address is being built")
            .hint("wait until its job has ended, or undo the job"));
    }
    Ok(Answer::Granted(Box::new(Granted { tenant: found, parameters, again: true })))
}

/// Reads a `config.php`, without running it.
fn read(path: &Path) -> Result<Found> {
    if !path.is_absolute() {
        return Err(Error::new(
            Kind::BadParameter,
            format!("`{}` is no absolute path", escape(&path.to_string_lossy())),
        )
        .hint("give the whole path of the site's `config.php`"));
    }
    let octets = std::fs::metadata(path).map_err(failed("read", path))?.len();
    if octets > LONGEST {
        return Err(Error::new(Kind::ConfigUnreadable, format!("`{}` is too long for a `config.php`", path.display())));
    }
    let bytes = std::fs::read(path).map_err(failed("read", path))?;
    let folder = path.parent().unwrap_or(Path::new("/")).to_string_lossy();
    let config = configphp::read(&bytes, &folder)?;
    Ok(sorted(config))
}

/// Columns, settings that the tenant gets as its own, and what is told.
fn sorted(config: configphp::Config) -> Found {
    let mut found = Found { told: config.skipped.iter().map(ToString::to_string).collect(), ..Found::default() };
    let mut settings = Map::new();
    for (name, value) in config.settings {
        if let Some((_, column)) = COLUMNS.iter().find(|(setting, _)| *setting == name) {
            found.columns.insert((*column).to_owned(), value);
        } else if name == "dboptions" {
            options(value, &mut found.columns);
        } else if SAID_BY_BOOT.contains(&name.as_str()) || (name == "admin" && value == "admin") {
        } else {
            let one = Map::from_iter([(name.clone(), value)]);
            match overrides::check(&one) {
                Ok(()) => settings.extend(one),
                Err(error) => found.told.push(format!("not taken: {error}")),
            }
        }
    }
    if !settings.is_empty() {
        found.columns.insert("settings".into(), Value::Object(settings));
    }
    found
}

/// `$CFG->dboptions`; Moodle takes an empty text there for nothing.
fn options(value: Value, columns: &mut Map<String, Value>) {
    let Value::Object(options) = value else { return };
    let mut others = Map::new();
    for (name, value) in options {
        let is_empty = value.is_null() || value == "" || value == json!(false);
        match name.as_str() {
            "dbport" | "dbsocket" if is_empty => {}
            "dbport" => {
                let text = value.as_str().map(str::trim).and_then(|text| text.parse::<u16>().ok());
                columns.insert("vdbport".into(), text.map_or(value, |port| json!(port)));
            }
            "dbsocket" => {
                columns.insert("vdbsocket".into(), value);
            }
            "dbpersist" => {
                columns.insert("vdbpersist".into(), json!(!is_empty && value != json!(0) && value != "0"));
            }
            _ => {
                others.insert(name, value);
            }
        }
    }
    if !others.is_empty() {
        columns.insert("vdboptions".into(), Value::Object(others));
    }
}

/// A site cannot be taken over by half of what is known of it.
fn require(columns: &Map<String, Value>, control: &ControlSite, told: &[String]) -> Result<()> {
    let has_account = control.settings.account.is_some();
    let needs = |column: &str| !(has_account && matches!(column, "vdblogin" | "vdbpass"));
    let missing: Vec<String> = COLUMNS
        .iter()
        .filter(|(_, column)| needs(column) && *column != "vdbpass" && !columns.contains_key(*column))
        .map(|(setting, column)| format!("`{column}` ($CFG->{setting})"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let reasons = if told.is_empty() { String::new() } else { format!("; {}", told.join("; ")) };
    Err(Error::new(Kind::ConfigUnreadable, format!("not known is {}{reasons}", missing.join(", ")))
        .hint("give what is missing beside `configphp`: what stands there counts more than the file"))
}

/// The state that the site is to have; what the node says counts more than what is said for all.
fn end_state(columns: &mut Map<String, Value>, common: &Map<String, Value>) -> Result<State> {
    let enabled = columns.remove("enabled");
    let word = match (columns.remove("state"), enabled) {
        (Some(word), _) => word.as_str().map(str::to_owned),
        (None, Some(value)) if value == json!(false) || value == json!(0) || value == "0" => {
            Some("disabled".to_owned())
        }
        (None, _) => common.get("state").and_then(Value::as_str).map(str::to_owned),
    };
    match State::parse(word.as_deref().unwrap_or("enabled"))? {
        state @ (State::Enabled | State::Disabled) => Ok(state),
        other => Err(Error::new(Kind::BadParameter, format!("a site cannot be adopted as {}", other.word()))
            .hint("say `enabled` or `disabled`")),
    }
}

/// Looks at the site itself: its database is there and a Moodle's that this code can serve, its dataroot is there and
/// can be written to. Gives the site's own names where none were given.
async fn look(control: &ControlSite, keyring: &Keyring, columns: &Map<String, Value>) -> Result<Map<String, Value>> {
    let tenant = tenants::draft(columns, tenants::defaults(columns, control), keyring)?.tenant;
    let wwwroot = tenant.address.to_string();
    if !Path::new(&tenant.dataroot).is_dir() {
        let message = format!("the dataroot `{}` is not there", tenant.dataroot);
        return Err(Error::new(Kind::FilesFailed, message).hint("mount it on this machine, or give `vdatapath`"));
    }
    let mut db = Db::open_tenant(&tenant, &control.settings, keyring).await?;
    let read = async {
        if version::read(&mut db, now()).await?.upgrading {
            return Err(Error::new(Kind::MoodleUnfit, "an upgrade of the site runs at this moment")
                .hint("wait until it has ended"));
        }
        site::read(&mut db).await
    }
    .await;
    db.close().await;
    let own = read.map_err(|error| error.of_tenant(&wwwroot))?;
    for check in inspect::place(&tenant, control, keyring).await {
        if check.status == Status::Error {
            let message = format!("{}: {}", check.name, check.detail);
            let error = Error::new(Kind::MoodleUnfit, message).of_tenant(&wwwroot);
            return Err(match check.hint {
                Some(hint) => error.hint(hint),
                None => error,
            });
        }
    }
    let mut names = Map::new();
    for (column, name, longest) in [("name", own.fullname, 255), ("shortname", own.shortname, 80)] {
        if !columns.contains_key(column) {
            names.insert(column.into(), json!(name.chars().take(longest).collect::<String>()));
        }
    }
    Ok(names)
}

async fn read_row(session: &mut Session<'_>, number: &str) -> Result<Tenant> {
    let shape = crate::registry::Shape::read(session.db()).await?;
    row::tenant(&tenants::find(session.db(), &shape, number).await?)
}

/// Makes the farm's code the site's own: what was cached of the other code goes, and it is opened.
pub(crate) async fn adopt(ground: &mut Ground<'_>, end: State) -> Result<()> {
    let Ground { control, keyring, db, tenant, steps } = ground;
    steps
        .step("caches", async || {
            let mut site = Db::open_tenant(tenant, &control.settings, keyring).await?;
            let raised = async {
                let mut rows = site.begin().await?;
                caches::raise_revisions(&mut rows, now()).await?;
                Ok::<_, Error>(rows.commit().await?)
            }
            .await;
            site.close().await;
            raised?;
            let dataroot = PathBuf::from(&tenant.dataroot);
            blocking(move || caches::purge(&dataroot, caches::CACHES)).await
        })
        .await?;
    let id = i64::from(tenant.id.0);
    steps.step("opened", async || trash::swap(db, id, State::Creating, end).await).await
}

/// Takes the row away again; the site itself is left as it is. `wwwroot` is the address that it came with.
pub(crate) async fn release(ground: &mut Ground<'_>, wwwroot: &str) -> Result<()> {
    let Ground { control, keyring, db, tenant, steps } = ground;
    let refused = |found: String| {
        Error::new(Kind::StateRefused, found).hint("undo what was done to the tenant since it was adopted, first")
    };
    if tenant.address.to_string() != wwwroot {
        return Err(refused(format!("the address is `{}` by now, not `{wwwroot}`", tenant.address)));
    }
    if matches!(tenant.state, State::Trashed | State::Spare | State::Broken) {
        return Err(refused(format!("the tenant is {} by now", tenant.state.word())));
    }
    steps
        .step("removed", async || {
            let mut session = Session::open(db, control, keyring).await?;
            let id = i64::from(tenant.id.0);
            let sql = "DELETE FROM {local_vmoodle_status} WHERE tenantid = ?";
            session.db().execute(sql, &[id.into()]).await?;
            session.tenant_remove(&format!("#{id}")).await?;
            session.commit().await
        })
        .await
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(body: &str) -> Found {
        sorted(configphp::read(format!("<?php\n{body}").as_bytes(), "/srv/moodle").unwrap())
    }

    #[test]
    fn a_config_becomes_columns_settings_and_what_is_told() {
        let found = found(
            "$CFG->dbtype = 'pgsql'; $CFG->dblibrary = 'native'; $CFG->dbhost = 'db:5433'; $CFG->dbpass = 'p';
             $CFG->dboptions = ['dbpersist' => '0', 'dbport' => ' 5434 ', 'dbsocket' => '', 'dbcollation' => 'c'];
             $CFG->admin = 'admin'; $CFG->theme = 'boost'; $CFG->tempdir = '/t';
             if (PHP_SAPI == 'cli') { $CFG->dbname = 'x'; }",
        );
        let columns = Value::Object(found.columns.clone());
        assert_eq!(
            columns,
            json!({"vdbtype": "pgsql", "vdbhost": "db:5433", "vdbpass": "p", "vdbpersist": false, "vdbport": 5434,
                "vdboptions": {"dbcollation": "c"}, "settings": {"theme": "boost"}})
        );
        assert_eq!(found.told.len(), 2, "{:?}", found.told);
        assert!(found.told[0].contains("dbname") && found.told[1].contains("tempdir"), "{:?}", found.told);
    }

    #[test]
    fn a_site_is_adopted_as_enabled_or_disabled_only() {
        let state = |own: Value, common: Value| end_state(&mut map(own), &map(common)).map(State::word);
        assert_eq!(state(json!({}), json!({})).unwrap(), "enabled");
        assert_eq!(state(json!({}), json!({"state": "disabled"})).unwrap(), "disabled");
        assert_eq!(state(json!({"enabled": "0"}), json!({"state": "enabled"})).unwrap(), "disabled");
        assert!(state(json!({"state": "trashed"}), json!({})).is_err());
    }
}
