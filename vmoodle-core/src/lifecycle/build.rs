//! Building a tenant whose row is there: database, contents, files, identity. Every step can be repeated.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::wish::{Source, flag};
use super::{Ground, script, server};
use crate::control::ControlSite;
use crate::db::Db;
use crate::db::admin::{CloneOrder, Leftover};
use crate::db::transfer::{self, Door};
use crate::error::{Error, Kind, Result};
use crate::files;
use crate::host::SiteAddress;
use crate::moodle::identity::{self, Admin, Identity, LtiKeys, Mail, Peers};
use crate::moodle::site::Names;
use crate::moodle::users::AdminChange;
use crate::moodle::{code, config, rsa_key, version};
use crate::registry::crons;
use crate::secret::{Keyring, Secret, Stored};
use crate::snapshot::shelf::Shelf;
use crate::steps::blocking;
use crate::tenant::{State, Tenant};
use crate::warning::{Matter, Warning};

/// Builds the tenant from its source, and gives it its identity. Its state is left to the caller.
pub(crate) async fn build(ground: &mut Ground<'_>, parameters: &Map<String, Value>) -> Result<()> {
    let source = Source::read(ground.db, parameters).await?;
    let mut previous = None;
    if flag(parameters, "claimed") {
        // A spare of the pool: database and files are there, and nobody has been in them.
        previous = Some(ground.tenant.address.clone());
    } else {
        refuse_unfit(ground, &source)?;
        reserve(ground, parameters).await?;
        fill(ground, &source).await?;
        files_of(ground, &source).await?;
        if let Source::Snapshot(name) = &source {
            previous = SiteAddress::parse(&shelf(ground).open(name)?.facts.wwwroot).ok();
        }
        if let Source::Tenant(tenant) = &source {
            previous = Some(tenant.address.clone());
        }
    }
    let previous = match ground.steps.recall("previous").and_then(Value::as_str) {
        Some(text) => SiteAddress::parse(text).ok(),
        None => previous,
    };
    name(ground, parameters, &source, previous).await
}

/// The farm's snapshots.
pub(crate) fn shelf_of(control: &ControlSite) -> Shelf {
    Shelf::new(PathBuf::from(&control.dataroot).join("vmoodle/snapshots"))
}

pub(crate) fn shelf(ground: &Ground<'_>) -> Shelf {
    shelf_of(ground.control)
}

/// What could never run here is refused before anything is made.
fn refuse_unfit(ground: &mut Ground<'_>, source: &Source) -> Result<()> {
    if ground.steps.is_done(RESERVED) {
        return Ok(());
    }
    match source {
        Source::Fresh => Ok(()),
        Source::Snapshot(name) => {
            let manifest = shelf(ground).open(name)?;
            require_engine(ground.tenant, &manifest.facts.engine)?;
            require_prefix(ground.tenant, &manifest.facts.prefix)?;
            match code::Code::read(ground.control.dirroot.as_ref()) {
                Ok(code) => crate::snapshot::shelf::require_fits(&manifest, &code),
                Err(_) if ground.control.dirroot.is_empty() => Ok(()),
                Err(error) => Err(error),
            }
        }
        Source::Tenant(source) => {
            require_engine(ground.tenant, source.database.engine.word())?;
            require_prefix(ground.tenant, source.prefix.as_str())
        }
    }
}

pub(crate) fn require_engine(tenant: &Tenant, word: &str) -> Result<()> {
    let engine = crate::tenant::Engine::parse_vdbtype(word)?;
    if engine.is_mysql() == tenant.database.engine.is_mysql() {
        return Ok(());
    }
    let own = tenant.database.engine.word();
    Err(Error::new(Kind::BadParameter, format!("a database of `{word}` cannot become one of `{own}`"))
        .hint("choose a server of the same engine with `server`, or a fresh site"))
}

/// Tables keep their names on the way.
fn require_prefix(tenant: &Tenant, theirs: &str) -> Result<()> {
    if tenant.prefix.as_str() == theirs {
        return Ok(());
    }
    let message = format!("the source's tables begin with `{theirs}`, the tenant's with `{}`", tenant.prefix);
    Err(Error::new(Kind::BadParameter, message).hint(format!("say `vdbprefix` = `{theirs}`, or leave it out")))
}

/// The step that has made the dataroot.
pub(crate) const DATAROOT: &str = "dataroot";
/// The step in which the database's server has answered for the first time.
pub(crate) const ANSWERED: &str = "answered";
/// The step that has found no account of the tenant's name: one that is there from then on is its own.
pub(crate) const FREE: &str = "free";
/// The step that has made the database and the account.
pub(crate) const RESERVED: &str = "reserved";

/// The account, the empty database and the empty dataroot: from here on they are the tenant's own. What is done is written
/// down one by one: an undo removes nothing that was somebody else's.
async fn reserve(ground: &mut Ground<'_>, parameters: &Map<String, Value>) -> Result<()> {
    let Ground { control, keyring, db, tenant, steps } = ground;
    if steps.is_done(RESERVED) {
        return Ok(());
    }
    let dataroot = PathBuf::from(&tenant.dataroot);
    steps.step(DATAROOT, async || blocking(move || files::make_folder(&dataroot)).await).await?;
    let admin = server::admin_of(db, tenant, control, keyring).await?;
    let database = &tenant.database.database;
    steps.step(ANSWERED, async || admin.database_exists(database).await.map(drop)).await?;
    let account = server::own_account(tenant, control)?.filter(|_| flag(parameters, "account"));
    if let Some(account) = &account {
        steps.step(FREE, async || admin.require_no_account(account).await).await?;
    }
    steps
        .step(RESERVED, async || {
            admin.create_database(database).await?;
            if let Some(account) = &account {
                let password =
                    tenant.database.password.as_ref().map(|stored| keyring.open_stored(stored)).transpose()?;
                admin.create_account(account, &password.unwrap_or_else(|| Secret::new(""))).await?;
                admin.grant(database, account).await?;
                admin.close_to_tenants().await?;
            }
            Ok(())
        })
        .await
}

/// The database's contents. The database is the tenant's own by now: what a killed run left in it goes.
async fn fill(ground: &mut Ground<'_>, source: &Source) -> Result<()> {
    let shelf = shelf(ground);
    let Ground { control, keyring, db, tenant, steps } = ground;
    let target = Door::of_tenant(tenant, &control.settings, keyring)?;
    steps
        .step("contents", async || {
            match source {
                Source::Fresh => {
                    empty(db, tenant, control, keyring).await?;
                    script::install(control, tenant).await?;
                }
                Source::Snapshot(name) => {
                    let file = shelf.database_of(name)?;
                    empty(db, tenant, control, keyring).await?;
                    transfer::load(&target, &file).await?;
                }
                Source::Tenant(from) => {
                    if is_quiet(db, from, control, keyring).await?
                        && copy_quietly(db, tenant, from, control, keyring).await?
                    {
                        return Ok(());
                    }
                    empty(db, tenant, control, keyring).await?;
                    transfer::pour(&Door::of_tenant(from, &control.settings, keyring)?, &target).await?;
                }
            }
            give(db, tenant, control, keyring).await
        })
        .await
}

/// Drops the tenant's database and makes it again, for its account.
pub(crate) async fn empty(db: &mut Db, tenant: &Tenant, control: &ControlSite, keyring: &Keyring) -> Result<()> {
    // All that could be refused comes before anything is dropped.
    server::own_account(tenant, control)?;
    let admin = server::admin_of(db, tenant, control, keyring).await?;
    let database = &tenant.database.database;
    admin.drop_database(database).await?;
    admin.create_database(database).await?;
    give(db, tenant, control, keyring).await
}

/// Gives the tenant's account what is in the tenant's database; a copy of it has nothing left to hand over.
pub(crate) async fn give(db: &mut Db, tenant: &Tenant, control: &ControlSite, keyring: &Keyring) -> Result<()> {
    let Some(account) = server::own_account(tenant, control)? else { return Ok(()) };
    server::admin_of(db, tenant, control, keyring).await?.grant(&tenant.database.database, &account).await
}

/// Whether nobody works in a tenant: it is not served, or in maintenance, and its cron does not run.
pub(crate) async fn is_quiet(db: &mut Db, tenant: &Tenant, control: &ControlSite, keyring: &Keyring) -> Result<bool> {
    if crons::runs(db, tenant).await? {
        return Ok(false);
    }
    if matches!(tenant.state, State::Spare | State::Retired | State::Disabled) {
        return Ok(true);
    }
    let mut site = Db::open_tenant(tenant, &control.settings, keyring).await?;
    let maintenance = config::value(&mut site, "maintenance_enabled").await;
    site.close().await;
    Ok(maintenance?.is_some_and(|value| value != "0" && !value.is_empty()))
}

/// Copies on the server itself; false where the source has to be written out and read in.
async fn copy_quietly(
    db: &mut Db,
    tenant: &Tenant,
    source: &Tenant,
    control: &ControlSite,
    keyring: &Keyring,
) -> Result<bool> {
    let name = server::name_of(db, tenant, control).await?;
    let same = server::name_of(db, source, control).await.is_ok_and(|other| other == name);
    let Some(account) = server::own_account(tenant, control)?.filter(|_| same) else { return Ok(false) };
    let admin = server::admin(db, &name, control, keyring).await?;
    let order = CloneOrder {
        source: &source.database.database,
        target: &tenant.database.database,
        account: &account,
        leftover: Leftover::Replace,
    };
    match admin.clone_quiet(&order).await {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.kind(), Kind::DatabaseBusy | Kind::TransferFailed) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The dataroot's contents.
async fn files_of(ground: &mut Ground<'_>, source: &Source) -> Result<()> {
    let shelf = shelf(ground);
    let Ground { tenant, steps, .. } = ground;
    let target = PathBuf::from(&tenant.dataroot);
    steps
        .step("files", async || match source {
            Source::Fresh => Ok(()),
            Source::Snapshot(name) => {
                let name = name.clone();
                blocking(move || shelf.unpack_files(&name, &target).map(drop)).await
            }
            Source::Tenant(from) => {
                let from = PathBuf::from(&from.dataroot);
                blocking(move || files::copy_tree(&from, &target).map(drop)).await
            }
        })
        .await
}

/// Who the site is now.
async fn name(
    ground: &mut Ground<'_>,
    parameters: &Map<String, Value>,
    source: &Source,
    previous: Option<SiteAddress>,
) -> Result<()> {
    let tenant = ground.tenant;
    if ground.steps.recall("siteidentifier").is_none() {
        let fresh = identity::fresh_identifier(&tenant.address)?;
        ground.steps.remember("siteidentifier", json!(fresh)).await?;
    }
    let told = if admin_word(parameters, source) == "generate" { generated(ground).await? } else { None };
    let mut wanted = identity_of(ground, parameters, source, previous, told.clone())?;
    // An installer has made its own, and a spare has got them when it was built.
    let is_copy = !matches!(source, Source::Fresh) && !flag(parameters, "claimed");
    let Ground { control, keyring, steps, .. } = ground;
    let mut warnings = Vec::new();
    steps
        .step("identity", async || {
            let mut site = Db::open_tenant(tenant, &control.settings, keyring).await?;
            let done = async {
                version::read(&mut site, crate::registry::farm::now()).await?;
                if is_copy {
                    wanted.lti_keys = lti_keys(&mut site).await?;
                }
                let report = identity::reset(&mut site, tenant.dataroot.as_ref(), &wanted).await?;
                settings(&mut site, parameters).await?;
                Ok::<_, Error>(report)
            }
            .await;
            site.close().await;
            let report = done?;
            warnings = report.warnings;
            warnings.extend(
                report.rewritten.settings.iter().map(|name| {
                    Warning::new(Matter::OldAddress, format!("the setting `{name}` names the old address"))
                }),
            );
            Ok(())
        })
        .await?;
    steps.pass_on(warnings);
    if let Some(password) = told {
        steps.tell(password);
    }
    Ok(())
}

/// New keys for a copy that has some: with its source's it could sign in the source's name.
pub(crate) async fn lti_keys(site: &mut Db) -> Result<LtiKeys> {
    if !identity::has_lti_keys(site).await? {
        return Ok(LtiKeys::Keep);
    }
    let keys = blocking(|| Ok((rsa_key::generate()?, rsa_key::generate()?))).await?;
    Ok(LtiKeys::Replace { platform: keys.0, tool: keys.1 })
}

/// The settings that were given for the site's own tables. Its caches are empty at this moment.
async fn settings(site: &mut Db, parameters: &Map<String, Value>) -> Result<()> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut rows = site.begin().await?;
    for (name, value) in parameters.get("config").and_then(Value::as_object).into_iter().flatten() {
        config::set(&mut rows, name, &text(value)).await?;
    }
    for (plugin, values) in parameters.get("plugins").and_then(Value::as_object).into_iter().flatten() {
        for (name, value) in values.as_object().into_iter().flatten() {
            config::set_plugin(&mut rows, plugin, name, &text(value)).await?;
        }
    }
    Ok(rows.commit().await?)
}

fn identity_of(
    ground: &Ground<'_>,
    parameters: &Map<String, Value>,
    source: &Source,
    previous: Option<SiteAddress>,
    told: Option<Secret>,
) -> Result<Identity> {
    let Ground { tenant, keyring, steps, .. } = ground;
    let text = |name: &str| word(parameters, name).map(str::to_owned);
    let copies = matches!(source, Source::Tenant(_));
    let mut wanted = Identity::at(tenant.address.clone());
    if parameters.get("rewrite").and_then(Value::as_bool).unwrap_or(true) {
        wanted.rewrite_from = previous.filter(|previous| previous != &tenant.address);
    }
    wanted.siteidentifier = steps.recall("siteidentifier").and_then(Value::as_str).map(str::to_owned);
    wanted.names = Names {
        fullname: Some(tenant.name.clone()),
        shortname: Some(tenant.shortname.clone()),
        summary: text("description"),
    };
    let must_change = told.is_some();
    let password = if admin_word(parameters, source) == "given" {
        let sealed = text("adminpassword");
        let sealed = sealed.ok_or_else(|| Error::new(Kind::BadParameter, "`adminpassword` is missing"))?;
        Some(keyring.open_stored(&Stored::from_column(sealed))?)
    } else {
        told
    };
    let email = text("adminemail");
    if password.is_some() || email.is_some() {
        wanted.admin = Admin::Change(AdminChange { password, must_change, email, ..AdminChange::default() });
    }
    wanted.mail = match text("mail").as_deref() {
        Some("on") => Mail::On,
        Some("off") => Mail::Off,
        // Nobody wants a copy to write to the people of its source.
        None if copies => Mail::Off,
        _ => Mail::Keep,
    };
    wanted.peers = Peers::Drop;
    (wanted.lang, wanted.support_email, wanted.noreply_address) =
        (text("lang"), text("supportemail"), text("noreplyaddress"));
    Ok(wanted)
}

fn word<'a>(parameters: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    parameters.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// What happens to the administrator's password: `given`, `generate` or `keep`.
fn admin_word<'a>(parameters: &'a Map<String, Value>, source: &Source) -> &'a str {
    let usual = match (word(parameters, "adminpassword"), source) {
        (Some(_), _) => "given",
        (None, Source::Fresh) => "generate",
        (None, _) => "keep",
    };
    word(parameters, "admin").unwrap_or(usual)
}

/// The password that is made for the administrator; `None` where a run before this one has set one that it did not keep.
async fn generated(ground: &mut Ground<'_>) -> Result<Option<Secret>> {
    let Ground { keyring, steps, .. } = ground;
    if steps.is_done("identity") && !steps.keeps_password() {
        return Ok(None);
    }
    // Moodle's default policy asks for each kind of character (lib/moodlelib.php, check_password_policy).
    let make = || Ok(Secret::new(format!("{}-aA1", &Secret::random().reveal()[..16])));
    steps.password(keyring, make).await.map(Some)
}
