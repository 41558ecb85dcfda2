//! What a copy must forget: rows that are true of one running site only, as data.
//!
//! A table that the site lacks (a plugin is not installed, the branch is older) is passed over.

use std::collections::BTreeMap;

use crate::db::{Db, Fault, Part, Sql};

/// Rows to forget.
#[derive(Debug, Clone, Copy)]
pub struct Forget {
    /// The table.
    pub table: &'static str,
    /// Which of its rows; empty for all.
    pub clause: &'static str,
    /// Why, and where Moodle writes them.
    pub why: &'static str,
}

const fn all(table: &'static str, why: &'static str) -> Forget {
    Forget { table, clause: "", why }
}

const fn only(table: &'static str, clause: &'static str, why: &'static str) -> Forget {
    Forget { table, clause, why }
}

/// Everything that a copy forgets.
pub const FORGET: &[Forget] = &[
    // Who is signed in, and every key that signs somebody in without a password.
    all("sessions", "the source's users are signed in there, not here: lib/classes/session/handler.php"),
    all("external_tokens", "web service and mobile tokens: lib/external/classes/util.php"),
    all("user_private_key", "keys of RSS, grade export, QR and auto-login: lib/moodlelib.php create_user_key"),
    all("user_password_resets", "links in mails that are under way: login/lib.php"),
    all("lti_access_tokens", "tokens of tools that know the source: mod/lti/locallib.php"),
    all("enrol_lti_lti2_nonce", "used-up numbers of messages to the source: enrol/lti/classes/data_connector.php"),
    all("oauth2_access_token", "tokens given to the source: lib/classes/oauth2/client.php"),
    all("oauth2_refresh_token", "they renew the source's tokens: lib/classes/oauth2/client.php"),
    all("oauth2_system_account", "the source's account on a drive or mailbox: lib/classes/oauth2/api.php"),
    // Whom the source sends to and hears from.
    all("user_devices", "phones that would get each notice twice: user/externallib.php add_user_device"),
    all("message_airnotifier_devices", "which of them are on: message/output/airnotifier/classes/manager.php"),
    all(
        "messageinbound_datakeys",
        "keys in reply addresses of mails that the source sent: lib/classes/message/inbound",
    ),
    all("messageinbound_messagelist", "mails in the source's mailbox: admin/tool/messageinbound/classes/manager.php"),
    all("registration_hubs", "the source is registered at moodle.org, not the copy: lib/classes/hub/registration.php"),
    only("config_plugins", "plugin = 'hub'", "what that registration said: lib/classes/hub/registration.php"),
    // What the source was just doing.
    all("lock_db", "locks of processes that run elsewhere: lib/classes/lock/db_record_lock_factory.php"),
    only(
        "task_adhoc",
        // A task of nobody and without data is the site's own upkeep: themes after an install, say. Activities whose
        // deletion has begun would hang without theirs.
        "(userid IS NOT NULL OR COALESCE(customdata, '') NOT IN ('', '[]', '{}', 'null', '\"\"'))
            AND classname NOT LIKE '%course_delete_modules'",
        "mails, backups and requests that the source will do: lib/classes/task/manager.php",
    ),
    all("stored_progress", "progress bars of those tasks: lib/classes/output/stored_progress_bar.php"),
    all("backup_controllers", "backups under way, with the source's folders: backup/util/dbops"),
    all("backup_logs", "their log: backup/util/loggers/database_logger.class.php"),
    all("cache_flags", "marks for sessions that are gone: lib/accesslib.php mark_user_dirty"),
    only(
        "config_plugins",
        "plugin = 'tool_task' AND name IN ('lastcronstart', 'lastcroninterval')",
        "cron has not run here yet: lib/classes/cron.php",
    ),
    // Keys of which Moodle makes new ones by itself.
    only(
        "config_plugins",
        "plugin = 'mnet' AND name IN ('openssl', 'openssl_history')",
        "the source's MNET key pair: mnet/environment.php get_keypair",
    ),
    only(
        "config_plugins",
        "plugin = 'tool_mobile' AND name = 'sitesubscriptionkey'",
        "admin/tool/mobile/classes/api.php",
    ),
    only("config", "name = 'reposecretkey'", "signs the file picker's references: repository/lib.php get_secret_key"),
    // The original VMoodle's one-shot key (its keyboot.php), and its plugin's settings, which may hold passwords.
    only("config", "name = 'bootstrap_init'", "the original's key exchange: local/vmoodle/keyboot.php"),
    only(
        "config_plugins",
        "plugin = 'local_vmoodle' AND name <> 'version'",
        "settings of the farm, which is piloted from the control site only",
    ),
    // MNET.
    all("mnet_session", "tickets of users between the source and its peers: auth/mnet/auth.php"),
    all("mnet_log", "what peers told the source: auth/mnet/auth.php refresh_log"),
];

/// What the copy of a site with MNET peers forgets beside that, when the peers are not to be kept.
pub const FORGET_PEERS: &[Forget] = &[
    only(
        "mnet_host2service",
        "hostid NOT IN (SELECT id FROM {mnet_host} WHERE wwwroot = '')",
        "services agreed with peers: admin/mnet/services_form.php",
    ),
    all("mnet_sso_access_control", "who may come from a peer: mnet/lib.php"),
    all("mnetservice_enrol_courses", "peers' courses: mnet/service/enrol/locallib.php"),
    all("mnetservice_enrol_enrolments", "enrolments in them: mnet/service/enrol/locallib.php"),
];

/// Forgets rows; adds what was deleted to `counts`, by table.
pub async fn forget(db: &mut Db, what: &[Forget], counts: &mut BTreeMap<String, u64>) -> Result<(), Fault> {
    let mut names: Vec<&'static str> = what.iter().map(|forget| forget.table).collect();
    names.dedup();
    let there = db.columns(&names).await?;
    for forget in what.iter().filter(|forget| there.contains_key(forget.table)) {
        let mut parts = vec!["DELETE FROM {", forget.table, "}"];
        if !forget.clause.is_empty() {
            parts.extend([" WHERE ", forget.clause]);
        }
        add(counts, forget.table, db.execute(Sql::joined(&parts), &[]).await?);
    }
    Ok(())
}

/// Empties every table of the farm's registry and journal: a copy of the control site, or a tenant of the original, whose
/// register sync left passwords in them. Adds what was deleted to `counts`.
pub async fn forget_farm(db: &mut Db, counts: &mut BTreeMap<String, u64>) -> Result<(), Fault> {
    for table in db.tables().await? {
        if table.as_str() == "local_vmoodle" || table.as_str().starts_with("local_vmoodle_") {
            let deleted = db.execute(Sql::of(&[Part::Text("DELETE FROM "), Part::Table(&table)]), &[]).await?;
            add(counts, table.as_str(), deleted);
        }
    }
    Ok(())
}

/// Adds rows to a table's count.
pub(super) fn add(counts: &mut BTreeMap<String, u64>, table: &str, rows: u64) {
    if rows > 0 {
        *counts.entry(table.to_owned()).or_default() += rows;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_says_why_and_what() {
        for forget in FORGET.iter().chain(FORGET_PEERS) {
            assert!(forget.why.len() > 15, "{}", forget.table);
            assert!(!forget.clause.contains('?') && !forget.clause.contains(';'), "{}", forget.table);
        }
    }
}
