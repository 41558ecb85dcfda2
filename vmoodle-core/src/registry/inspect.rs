//! Named checks of one tenant, in the registry or only described: could it serve?

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Loaded, Shape, check, tenants};
use crate::control::ControlSite;
use crate::db::{Cause, Db, Fault, Row};
use crate::error::{Error, Result};
use crate::host::SiteAddress;
use crate::index::{Found, Reader};
use crate::moodle::code::Code;
use crate::moodle::version::{self, Fit};
use crate::secret::Keyring;
use crate::tenant::Tenant;

/// How long a name server may take.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(3);

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// As it should be.
    Ok,
    /// It may serve, but somebody should look.
    Warning,
    /// It cannot serve.
    Error,
    /// Not done, since another check failed.
    Skipped,
}

impl Status {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Skipped => "skipped",
        }
    }
}

/// One check and its result. No text in it holds a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The check's name: `address`, `row`, `host_unique`, `host_resolves`, `database_reachable`, `database_exists`,
    /// `database_content`, `database_charset`, `database_unique`, `dataroot_writable`, `dataroot_unique`, `switch`.
    pub name: &'static str,
    /// How it ended.
    pub status: Status,
    /// What was found.
    pub detail: String,
    /// The way out, if there is one.
    pub hint: Option<String>,
}

impl Check {
    fn new(name: &'static str, status: Status, detail: impl Into<String>) -> Self {
        Self { name, status, detail: detail.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn of(name: &'static str, done: Result<()>, fine: &str) -> Self {
        match done {
            Ok(()) => Self::new(name, Status::Ok, fine),
            Err(error) => Self::failed(name, &error),
        }
    }

    fn failed(name: &'static str, error: &Error) -> Self {
        Self { name, status: Status::Error, detail: error.to_string(), hint: error.way_out().map(str::to_owned) }
    }

    /// As a map: `check`, `status`, `detail`, `hint`.
    pub fn to_map(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("check".into(), json!(self.name));
        map.insert("status".into(), json!(self.status.word()));
        map.insert("detail".into(), json!(self.detail));
        map.insert("hint".into(), json!(self.hint));
        map
    }
}

/// Checks a row; with `id` among its values what is not given comes from the registry, the password above all.
pub(crate) async fn tenant(
    control_db: &mut Db,
    shape: &Shape,
    control: &ControlSite,
    keyring: &Keyring,
    given: &Map<String, Value>,
) -> Result<Vec<Check>> {
    let id = given.get("id").and_then(Value::as_i64);
    let base = match id {
        Some(id) => tenants::find(control_db, shape, &format!("#{id}")).await?,
        None => tenants::defaults(given, control),
    };
    let mut values = given.clone();
    values.retain(|name, _| !tenants::KEPT.contains(&name.as_str()));
    let mut checks = vec![address(&values, &base)];
    let draft = match tenants::draft(&values, base, keyring) {
        Ok(draft) => draft,
        Err(error) => {
            checks.push(Check::failed("row", &error));
            return Ok(checks);
        }
    };
    let tenant = &draft.tenant;
    checks.push(Check::new("row", Status::Ok, "every value can be used"));
    let (loaded, _) = Loaded::read(control_db, shape, control, keyring).await?;
    checks.push(Check::of("host_unique", check::host(tenant, &loaded, control), "no other site has this host"));
    checks.push(host_resolves(tenant).await);
    checks.extend(database(tenant, control, keyring).await);
    checks.push(Check::of(
        "database_unique",
        check::database(tenant, &loaded, control),
        "no other site has this database",
    ));
    checks.push(dataroot_writable(tenant, control));
    checks.push(Check::of(
        "dataroot_unique",
        check::dataroot(tenant, &loaded, control),
        "no other site has this dataroot",
    ));
    checks.push(switch(tenant, id.is_some(), control));
    Ok(checks)
}

/// Looks at a tenant's database and dataroot alone.
pub(crate) async fn place(tenant: &Tenant, control: &ControlSite, keyring: &Keyring) -> Vec<Check> {
    let mut checks = database(tenant, control, keyring).await;
    checks.push(dataroot_writable(tenant, control));
    checks
}

fn address(values: &Map<String, Value>, base: &Row) -> Check {
    let text = values.get("vhostname").and_then(Value::as_str).or(base.text("vhostname")).unwrap_or_default();
    match SiteAddress::parse(text.trim()) {
        Ok(address) => Check::new("address", Status::Ok, format!("`{address}`")),
        Err(error) => Check::failed("address", &error),
    }
}

async fn host_resolves(tenant: &Tenant) -> Check {
    const NAME: &str = "host_resolves";
    let host = tenant.address.host().as_str();
    let asked = tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((host.trim_matches(['[', ']']), 443)));
    match asked.await {
        Ok(Ok(mut found)) => match found.next() {
            Some(address) => Check::new(NAME, Status::Ok, format!("`{host}` is {}", address.ip())),
            None => Check::new(NAME, Status::Warning, format!("`{host}` has no address")),
        },
        Ok(Err(error)) => {
            Check::new(NAME, Status::Warning, format!("`{host}` does not resolve on this machine: {error}"))
        }
        Err(_) => Check::new(NAME, Status::Warning, format!("no name server answered for `{host}` within 3 seconds")),
    }
}

/// `database_reachable`, `database_exists`, `database_content`, `database_charset`.
async fn database(tenant: &Tenant, control: &ControlSite, keyring: &Keyring) -> Vec<Check> {
    const NAMES: [&str; 4] = ["database_reachable", "database_exists", "database_content", "database_charset"];
    let mut checks = Vec::new();
    match Db::open_tenant(tenant, &control.settings, keyring).await {
        Err(error) if Fault::of(&error).is_some_and(|fault| fault.cause() == Cause::NoDatabase) => {
            checks.push(Check::new(NAMES[0], Status::Ok, "the server takes the account"));
            let detail = format!("there is no database `{}`", tenant.database.database);
            checks.push(
                Check::new(NAMES[1], Status::Error, detail).hint("make it, and give the account all rights on it"),
            );
        }
        Err(error) => checks.push(Check::failed(NAMES[0], &error)),
        Ok(mut db) => {
            checks.push(Check::new(NAMES[0], Status::Ok, "the server takes the account"));
            checks.push(Check::new(NAMES[1], Status::Ok, format!("`{}` is there", tenant.database.database)));
            let read = content(&mut db, tenant, control).await;
            checks.push(read.unwrap_or_else(|fault| Check::failed(NAMES[2], &fault.into())));
            let read = charset(&mut db).await;
            checks.push(read.unwrap_or_else(|fault| Check::failed(NAMES[3], &fault.into())));
            db.close().await;
        }
    }
    checks.extend(
        NAMES[checks.len()..].iter().map(|name| Check::new(name, Status::Skipped, "the database cannot be entered")),
    );
    checks
}

async fn content(db: &mut Db, tenant: &Tenant, control: &ControlSite) -> Result<Check, Fault> {
    const NAME: &str = "database_content";
    if !db.columns(&["config"]).await?.contains_key("config") {
        let tables = db.count_tables().await?;
        return Ok(if tables == 0 {
            Check::new(NAME, Status::Ok, "the database is empty: a site can be installed in it")
        } else {
            let detail = format!("{tables} tables, but no Moodle with the prefix `{}`", tenant.prefix);
            Check::new(NAME, Status::Warning, detail).hint("check `vdbname` and `vdbprefix`")
        });
    }
    let site = match version::read(db, super::farm::now()).await {
        Ok(site) => site,
        Err(error) => return Ok(Check::failed(NAME, &error)),
    };
    let fit = match Code::read(Path::new(&control.dirroot)) {
        Ok(code) => version::check(&site, &code),
        // Without code there is nothing to compare with.
        Err(_) => version::check_branch(&site).map(|()| Fit::Same),
    };
    let release = crate::host::escape(&site.release);
    Ok(match fit {
        Ok(Fit::Same) => Check::new(NAME, Status::Ok, format!("Moodle {release}")),
        Ok(Fit::Older) => Check::new(NAME, Status::Warning, format!("Moodle {release}, older than the farm's code"))
            .hint("upgrade it: `VMOODLE_HOST=<host> php admin/cli/upgrade.php`"),
        Err(error) => Check::failed(NAME, &error),
    })
}

async fn charset(db: &mut Db) -> Result<Check, Fault> {
    const NAME: &str = "database_charset";
    let charset = db.charset().await?;
    Ok(match charset.to_ascii_lowercase().as_str() {
        "utf8mb4" | "utf8" if charset != "utf8" => Check::new(NAME, Status::Ok, charset),
        _ => Check::new(
            NAME,
            Status::Error,
            format!("the database's character set is `{}`", crate::host::escape(&charset)),
        )
        .hint("Moodle wants utf8mb4 on MariaDB and MySQL, UTF8 on PostgreSQL"),
    })
}

fn dataroot_writable(tenant: &Tenant, control: &ControlSite) -> Check {
    const NAME: &str = "dataroot_writable";
    let path = Path::new(&tenant.dataroot);
    if !control.dirroot.is_empty() && path.starts_with(&control.dirroot) {
        return Check::new(NAME, Status::Error, "it lies in the code base, which the web server shows to everybody")
            .hint("choose a folder outside of the web server's");
    }
    let existing = path.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    if !existing.is_dir() {
        return Check::new(NAME, Status::Error, format!("`{}` is no folder", existing.display()));
    }
    match tempfile::tempfile_in(existing) {
        Ok(_) if existing == path => Check::new(NAME, Status::Ok, "it is there, and this OS user can write to it"),
        Ok(_) => Check::new(NAME, Status::Ok, "it is not there yet, but this OS user can make it"),
        Err(error) => {
            Check::new(NAME, Status::Error, format!("`{}` cannot be written to: {error}", existing.display()))
                .hint("give the folder to the farm's OS user")
        }
    }
}

fn switch(tenant: &Tenant, registered: bool, control: &ControlSite) -> Check {
    const NAME: &str = "switch";
    if !tenant.address.path().is_empty() && !control.settings.subpaths {
        return Check::new(NAME, Status::Error, "its address has a path, but paths choose no tenant on this farm")
            .hint("set `$CFG->vmoodle['subpaths'] = true` in config.php");
    }
    let mut reader = Reader::new(&control.settings.index, control.farm());
    let Some(index) = reader.current() else {
        return Check::new(NAME, Status::Error, "there is no index that can be read")
            .hint("run `php local/vmoodle/cli/publish.php`");
    };
    match (index.find(&tenant.address.key()), registered) {
        (Some(Found::Tenant(found)), true) if found.id() == tenant.id => {
            Check::new(NAME, Status::Ok, format!("its host leads to it; its state is `{}`", found.state().word()))
        }
        (Some(_), _) => Check::new(NAME, Status::Error, "its host leads to another tenant"),
        (None, true) => Check::new(NAME, Status::Error, "its host is not in the index")
            .hint("run `php local/vmoodle/cli/publish.php`"),
        (None, false) => Check::new(NAME, Status::Skipped, "it is not in the registry yet"),
    }
}
