//! A copy becomes a site of its own: another address and identifier, other keys, and nothing left of what was only true
//! of the site that it was copied from.
//!
//! Addresses in contents are rewritten first (each table on its own: that may be much), then everything else in one
//! transaction, then files: a reset that was broken off is simply done again.
//!
//! What stays on purpose: users with their passwords and second factors, logs, the dataroot's `secret` (settings are
//! encrypted with it), `badges_badgesalt` and `backup_encryptkey` (badges and backups of the source stay valid), issuers
//! of OAuth and registrations of LTI.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::site::{Names, no_moodle};
use super::users::AdminChange;
use super::{caches, config, forget, peers, random, site, users, wwwroot};
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::host::{SiteAddress, escape};
use crate::secret::Secret;
use crate::warning::{Matter, Warning};

/// Who the site is to be.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Its address.
    pub wwwroot: SiteAddress,
    /// The address to be replaced in contents; `None` leaves contents alone.
    pub rewrite_from: Option<SiteAddress>,
    /// Its identifier, from [`fresh_identifier`], where a run that is repeated must give the same; else a new one.
    pub siteidentifier: Option<String>,
    /// Its names.
    pub names: Names,
    /// Its main administrator.
    pub admin: Admin,
    /// Whether it sends mail.
    pub mail: Mail,
    /// Its MNET peers.
    pub peers: Peers,
    /// Its LTI key pairs.
    pub lti_keys: LtiKeys,
    /// Its default language (`lang`).
    pub lang: Option<String>,
    /// Where its users ask for help (`supportemail`).
    pub support_email: Option<String>,
    /// What its mails come from (`noreplyaddress`). Moodle's default for the old host follows the host anyway.
    pub noreply_address: Option<String>,
}

impl Identity {
    /// An identity of which only the address changes.
    pub fn at(wwwroot: SiteAddress) -> Self {
        Self {
            wwwroot,
            rewrite_from: None,
            siteidentifier: None,
            names: Names::default(),
            admin: Admin::Keep,
            mail: Mail::Keep,
            peers: Peers::Drop,
            lti_keys: LtiKeys::Keep,
            lang: None,
            support_email: None,
            noreply_address: None,
        }
    }
}

/// What happens to the main administrator's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admin {
    /// It stays.
    Keep,
    /// It changes.
    Change(AdminChange),
}

/// Whether the site sends mail.
///
/// `noemailever` counts in the table too: all of `config` becomes `$CFG` (lib/setuplib.php, `initialise_cfg`), and
/// `email_to_user` and the push sender ask there (lib/moodlelib.php; message/output/airnotifier).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mail {
    /// As the source does.
    Keep,
    /// Nothing goes out, and the source's mailbox is not read (`messageinbound_enabled`).
    Off,
    /// It sends.
    On,
}

/// What happens to the site's MNET peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peers {
    /// They are dropped: they do not know the copy.
    Drop,
    /// They stay: it is the same site at another address.
    Keep,
}

/// What happens to the key pairs that sign LTI messages. Moodle makes them when it is installed and never again
/// (mod/lti/upgradelib.php, enrol/lti/upgradelib.php), so they are not just forgotten: who can make RSA keys gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LtiKeys {
    /// They stay: a copy can sign in its source's name.
    Keep,
    /// They become these: private keys of RSA in PEM.
    Replace {
        /// Of the site as a platform (`mod_lti`).
        platform: Secret,
        /// Of the site as a tool (`enrol_lti`).
        tool: Secret,
    },
}

/// What a reset did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The site's identifier now.
    pub siteidentifier: String,
    /// Rows that were forgotten, by table.
    pub forgotten: BTreeMap<String, u64>,
    /// Addresses that were replaced in contents.
    pub rewritten: wwwroot::Report,
    /// What a person should know.
    pub warnings: Vec<Warning>,
}

/// A new site identifier: 32 random characters and the host (lib/db/install.php; lib/moodlelib.php,
/// `get_site_identifier`).
pub fn fresh_identifier(address: &SiteAddress) -> Result<String> {
    Ok(random::text(32)? + address.host().as_str())
}

/// Makes the site in this database and dataroot the one that is described.
///
/// Fails with [`Kind::NoMoodle`] where the database holds none, and with [`Kind::BadParameter`] before anything is
/// changed where a value cannot be used. The control site's own database is refused: the registry would be emptied.
pub async fn reset(db: &mut Db, dataroot: &Path, identity: &Identity) -> Result<Report> {
    check(identity)?;
    if !db.is_of_tenant() {
        return Err(Error::new(Kind::Internal, "the control site was to be made another site"));
    }
    site::read(db).await?;
    let mut report = Report {
        siteidentifier: identity.siteidentifier.clone().map_or_else(|| fresh_identifier(&identity.wwwroot), Ok)?,
        forgotten: BTreeMap::new(),
        rewritten: wwwroot::Report::default(),
        warnings: Vec::new(),
    };
    if let Some(old) = &identity.rewrite_from {
        report.rewritten = wwwroot::replace(db, old, &identity.wwwroot).await?;
    }
    let mut transaction = db.begin().await?;
    write(&mut transaction, identity, &mut report).await?;
    transaction.commit().await?;
    caches::rename_in_cache_settings(dataroot, &report.siteidentifier)?;
    caches::purge(dataroot, caches::RUNNING)?;
    caches::purge(dataroot, caches::CACHES)?;
    Ok(report)
}

/// Whether the site signs LTI messages with keys of its own, as a platform or as a tool.
pub async fn has_lti_keys(db: &mut Db) -> Result<bool> {
    let sql = "SELECT COUNT(*) AS number FROM {config_plugins} WHERE (plugin = 'mod_lti' AND name = 'privatekey') \
               OR (plugin = 'enrol_lti' AND name = 'lti_13_privatekey')";
    let row = db.fetch_one(sql, &[]).await.map_err(no_moodle)?;
    Ok(row.and_then(|row| row.int("number")).unwrap_or(0) > 0)
}

/// Everything but contents and files.
async fn write(db: &mut Db, identity: &Identity, report: &mut Report) -> Result<()> {
    let now = now();
    site::rename(db, &identity.names, now).await?;
    config::set(db, "siteidentifier", &report.siteidentifier).await?;
    forget::forget(db, forget::FORGET, &mut report.forgotten).await?;
    forget::forget_farm(db, &mut report.forgotten).await?;
    network(db, identity, report).await?;
    renew_secrets(db, &identity.wwwroot).await?;
    lti_keys(db, &identity.lti_keys).await?;
    rest_tasks(db).await?;
    settings(db, identity).await?;
    if let Admin::Change(change) = &identity.admin {
        let Some(user) = users::main_admin(db).await? else {
            return Err(Error::new(Kind::NoMoodle, "the site has no administrator: `siteadmins` names no user")
                .hint("set `siteadmins` in its table `config` to the id of a user"));
        };
        users::change(db, &user, change, now).await?;
    }
    Ok(caches::raise_revisions(db, now).await?)
}

/// The site's own MNET row, which also tells the old address, and its peers.
async fn network(db: &mut Db, identity: &Identity, report: &mut Report) -> Result<()> {
    let own = peers::own_row(db).await.map_err(no_moodle)?;
    let Some((id, old)) = own.as_ref().and_then(|row| Some((row.int("id")?, row.text("wwwroot")))) else {
        let told = "the site has no MNET row of its own: `mnet_localhost_id` names none";
        report.warnings.push(Warning::new(Matter::NoNetworkRow, told));
        return Ok(());
    };
    let name = site::read(db).await?.fullname;
    peers::rename_own(db, id, &identity.wwwroot, &name).await?;
    if identity.peers == Peers::Drop {
        peers::drop_peers(db, id, &mut report.forgotten).await?;
    }
    follow_host(db, old.and_then(|old| SiteAddress::parse(old).ok()), &identity.wwwroot).await
}

fn check(identity: &Identity) -> Result<()> {
    identity.names.check()?;
    if let Admin::Change(change) = &identity.admin {
        change.check()?;
    }
    for (what, email) in [("supportemail", &identity.support_email), ("noreplyaddress", &identity.noreply_address)] {
        if let Some(email) = email.as_ref().filter(|email| !users::looks_like_email(email)) {
            return Err(Error::new(Kind::BadParameter, format!("`{}` is no address for `{what}`", escape(email))));
        }
    }
    let lang_fits = |lang: &&String| {
        !lang.is_empty() && lang.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    match identity.lang.as_ref().filter(|lang| !lang_fits(lang)) {
        Some(lang) => Err(Error::new(Kind::BadParameter, format!("`{}` is no language code", escape(lang)))),
        None => Ok(()),
    }
}

/// Where the sender of mails is Moodle's default for the old host it follows (lib/moodlelib.php, `email_to_user`).
async fn follow_host(db: &mut Db, old: Option<SiteAddress>, new: &SiteAddress) -> Result<()> {
    let sender = config::value(db, "noreplyaddress").await?;
    if let (Some(old), Some(sender)) = (old, sender)
        && sender == format!("noreply@{}", old.host())
    {
        config::set(db, "noreplyaddress", &format!("noreply@{}", new.host())).await?;
    }
    Ok(())
}

/// Secrets that have no other way to be renewed. One that is empty stays so.
async fn renew_secrets(db: &mut Db, address: &SiteAddress) -> Result<()> {
    let names = ["calendar_exportsalt", "cronremotepassword", "airnotifieraccesskey", "sessioncookie"];
    let there = config::values(db, &names).await?;
    for name in names.into_iter().filter(|name| there.get(*name).is_some_and(|value| !value.is_empty())) {
        let value = match name {
            // Signs links to calendars (calendar/lib.php, `calendar_get_export_token`).
            "calendar_exportsalt" => random::text(60)?,
            // Opens cron to the web, where it is open; an empty one would open it to everybody (admin/cron.php).
            "cronremotepassword" => random::text(32)?,
            // Belongs to the source's registration; Moodle asks for another one (message/output/airnotifier/lib.php).
            "airnotifieraccesskey" => String::new(),
            // The name of the cookie, letters and digits only (admin/settings/server.php): the address is unique.
            _ => address.key().chars().filter(char::is_ascii_alphanumeric).collect(),
        };
        config::set(db, name, &value).await?;
    }
    Ok(())
}

/// Puts LTI keys in place, each under another name, so that whoever keeps the old one asks again.
async fn lti_keys(db: &mut Db, keys: &LtiKeys) -> Result<()> {
    let LtiKeys::Replace { platform, tool } = keys else { return Ok(()) };
    for (plugin, key, id, value) in
        [("mod_lti", "privatekey", "kid", platform), ("enrol_lti", "lti_13_privatekey", "lti_13_kid", tool)]
    {
        if config::set_plugin(db, plugin, key, value.reveal()).await? {
            config::set_plugin(db, plugin, id, &random::text(20)?).await?;
        }
    }
    Ok(())
}

/// No scheduled task runs here, and none has failed (lib/classes/task/manager.php, `scheduled_task_complete`).
async fn rest_tasks(db: &mut Db) -> Result<()> {
    let rest = "SET timestarted = NULL, hostname = NULL, pid = NULL, faildelay = 0";
    for table in ["UPDATE {task_scheduled} ", "UPDATE {task_adhoc} "] {
        let of_some = " WHERE timestarted IS NOT NULL OR hostname IS NOT NULL OR pid IS NOT NULL OR faildelay <> 0";
        db.execute(crate::db::Sql::joined(&[table, rest, of_some]), &[]).await?;
    }
    Ok(())
}

async fn settings(db: &mut Db, identity: &Identity) -> Result<()> {
    match identity.mail {
        Mail::Keep => {}
        Mail::On => {
            config::unset(db, &["noemailever"]).await?;
        }
        Mail::Off => {
            config::set(db, "noemailever", "1").await?;
            config::set(db, "messageinbound_enabled", "0").await?;
        }
    }
    for (name, value) in [
        ("lang", &identity.lang),
        ("supportemail", &identity.support_email),
        ("noreplyaddress", &identity.noreply_address),
    ] {
        if let Some(value) = value {
            config::set(db, name, value.trim()).await?;
        }
    }
    Ok(())
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
