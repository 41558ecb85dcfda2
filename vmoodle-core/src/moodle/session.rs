//! Sessions of a site's users: rows, and what keeps their data (lib/classes/session).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::caches::redis::{Pool, Server};
use crate::db::{Db, Param, Sql};
use crate::error::{Error, Kind, Result};
use crate::farm::FarmId;
use crate::secret::Secret;
use crate::settings::Shared;
use crate::tenant::Tenant;
use crate::warning::{Matter, Warning};

/// Where a site's sessions are kept beside its table `sessions`.
#[derive(Debug, PartialEq, Eq)]
pub enum Keeper {
    /// Files of the dataroot, or of a folder that the control site names; also the database, which has no files.
    Folder(PathBuf),
    /// Redis, in which there are no rows at all (lib/classes/session/redis.php): the server and what keys begin with.
    Redis(Server, String),
    /// Something that only PHP can reach.
    Other(String),
}

impl Keeper {
    /// Reads where the control site, or the tenant's own settings, say that sessions are kept.
    pub fn of(shared: &Shared, farm: FarmId, tenant: &Tenant, settings: &Map<String, Value>) -> Self {
        let text = |name: &str| match settings.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(Value::Bool(false) | Value::Null) => None,
            _ => shared.text(name).map(str::to_owned),
        };
        let own = farm.tenant_prefix(tenant.id);
        let class = text("session_handler_class").unwrap_or_default();
        match class.trim_start_matches('\\') {
            r"core\session\redis" => {
                let host = text("session_redis_host").unwrap_or_default();
                let port = text("session_redis_port").and_then(|port| port.parse().ok()).unwrap_or(6379);
                let database = text("session_redis_database").and_then(|number| number.parse().ok()).unwrap_or(0);
                // Its own are a map of TLS options, as in config-dist.php; of the control site's it is told that there are some.
                let is_encrypted = match settings.get("session_redis_encrypt") {
                    Some(Value::Array(options)) => !options.is_empty(),
                    Some(Value::Object(options)) => !options.is_empty(),
                    Some(Value::Bool(flag)) => *flag,
                    _ => text("session_redis_encrypt").is_some_and(|text| !matches!(text.as_str(), "" | "0")),
                };
                let is_plain = !host.contains(',') && !is_encrypted;
                Server::parse(&host, port, text("session_redis_auth").map(Secret::new), database)
                    .filter(|_| is_plain)
                    .map_or(Self::Other(class), |server| Self::Redis(server, own))
            }
            "" | r"core\session\file" | r"core\session\database" => {
                let inside = Path::new(&tenant.dataroot).join("sessions");
                let moved = |folder: &str| Path::new(folder.trim_end_matches('/')).join(own.trim_end_matches('_'));
                Self::Folder(shared.text("session_file_save_path").map_or(inside, moved))
            }
            _ => Self::Other(class),
        }
    }
}

/// Whose sessions end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Everybody's, also of visitors who are not signed in.
    All,
    /// Those of users who sign in by this method (lib/classes/session/manager.php, `destroy_by_auth_plugin`).
    Auth(String),
    /// Those of the user with this name.
    User(String),
}

/// The ids of the users meant; `None` means everybody.
pub async fn users(db: &mut Db, whose: &Whose) -> Result<Option<Vec<i64>>> {
    let (sql, value) = match whose {
        Whose::All => return Ok(None),
        Whose::Auth(auth) => ("SELECT id FROM {user} WHERE auth = ?", auth),
        Whose::User(name) => ("SELECT id FROM {user} WHERE username = ? AND deleted = 0", name),
    };
    let rows = db.fetch(sql, &[value.as_str().into()]).await?;
    Ok(Some(rows.iter().filter_map(|row| row.int("id")).collect()))
}

/// The sessions that the database knows of.
pub async fn sids(db: &mut Db, users: Option<&[i64]>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut take =
        |rows: Vec<crate::db::Row>| found.extend(rows.iter().filter_map(|row| row.text("sid").map(str::to_owned)));
    match users {
        None => take(db.fetch("SELECT sid FROM {sessions}", &[]).await?),
        Some(users) => {
            for page in users.chunks(PAGE) {
                let params: Vec<Param> = page.iter().map(|id| (*id).into()).collect();
                take(db.fetch(among("SELECT sid FROM {sessions} WHERE userid IN (?", page.len()), &params).await?);
            }
        }
    }
    Ok(found)
}

/// Deletes the rows of sessions; a session without its row is refused whatever keeps its data.
pub async fn delete(db: &mut Db, sids: &[String]) -> Result<()> {
    for page in sids.chunks(PAGE) {
        let params: Vec<Param> = page.iter().map(|sid| sid.as_str().into()).collect();
        db.execute(among("DELETE FROM {sessions} WHERE sid IN (?", page.len()), &params).await?;
    }
    Ok(())
}

/// Deletes the files of sessions: of those named, or of all (lib/classes/session/file.php, `destroy_all`).
pub fn delete_files(folder: &Path, sids: Option<&[String]>) -> io::Result<()> {
    let gone = |path: &Path| match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    if let Some(sids) = sids {
        let is_name = |sid: &&String| {
            !sid.is_empty() && sid.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b',' | b'-'))
        };
        return sids.iter().filter(is_name).try_for_each(|sid| gone(&folder.join(format!("sess_{sid}"))));
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(b"sess_") {
            gone(&entry.path())?;
        }
    }
    Ok(())
}

/// The sessions that Redis keeps of users, by user; visitors who are not signed in are user 0. Each user has a list of its
/// own (lib/classes/session/redis.php, `add_session`), so nothing is searched.
pub async fn sids_in_redis(server: &Server, prefix: &str, users: &[i64]) -> Result<Vec<(i64, Vec<String>)>> {
    let pool = Pool::default();
    let mut found = Vec::new();
    for page in users.chunks(PAGE) {
        let mut asked = redis::pipe();
        for id in page {
            asked.cmd("HKEYS").arg(format!("{prefix}user_{id}"));
        }
        let lists: Vec<Vec<String>> = pool.send(server, &asked).await?;
        found.extend(page.iter().copied().zip(lists).filter(|(_, sids)| !sids.is_empty()));
    }
    Ok(found)
}

/// Deletes them: the data, and the user's list.
pub async fn delete_in_redis(server: &Server, prefix: &str, sessions: &[(i64, Vec<String>)]) -> Result<()> {
    let pool = Pool::default();
    for page in sessions.chunks(PAGE) {
        let mut commands = redis::pipe();
        for (id, sids) in page {
            let names: Vec<String> = sids.iter().map(|sid| format!("{prefix}session_{sid}")).collect();
            commands.cmd("UNLINK").arg(format!("{prefix}user_{id}")).arg(names).ignore();
        }
        pool.send::<()>(server, &commands).await?;
    }
    Ok(())
}

/// Every user's id, and 0.
pub async fn everybody(db: &mut Db) -> Result<Vec<i64>> {
    let rows = db.fetch("SELECT id FROM {user}", &[]).await?;
    Ok(std::iter::once(0).chain(rows.iter().filter_map(|row| row.int("id"))).collect())
}

/// The warning for sessions that `class` keeps, which is asked by PHP only.
pub fn stay(class: &str) -> Warning {
    let message = format!("sessions are kept by `{class}`, which only PHP can reach: only their rows are gone");
    Warning::new(Matter::SessionsStay, message)
}

/// The error for a folder whose files cannot be deleted.
pub fn failed(folder: &Path, error: io::Error) -> Error {
    Error::new(Kind::FilesFailed, format!("the sessions in `{}` cannot be deleted", folder.display()))
        .because(error)
        .hint("give the folder to the farm's OS user")
}

/// How many rows or commands go at once.
const PAGE: usize = 500;

fn among(beginning: &'static str, count: usize) -> Sql {
    let mut parts = vec![beginning];
    parts.extend((1..count).map(|_| ", ?"));
    parts.push(")");
    Sql::joined(&parts)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tenant::tests_support::tenant;

    #[test]
    fn where_sessions_are_kept_is_the_control_sites_word_or_the_tenants_own() {
        let tenant = tenant(1, "https://a.example.org");
        let farm = FarmId::new(
            &crate::host::SiteAddress::parse("https://c.example.org").unwrap(),
            &crate::ident::DbName::parse("c").unwrap(),
            &crate::ident::Prefix::parse("mdl_").unwrap(),
        );
        let own = farm.tenant_prefix(tenant.id);
        let keeper = |shared: &Value, settings: &Value| {
            let shared = Shared::read(|name| shared.get(name).and_then(Value::as_str).map(str::to_owned));
            Keeper::of(&shared, farm, &tenant, settings.as_object().unwrap())
        };
        let inside = Path::new(&tenant.dataroot).join("sessions");
        assert_eq!(keeper(&json!({}), &json!({})), Keeper::Folder(inside));
        let moved = keeper(&json!({"session_file_save_path": "/s/"}), &json!({}));
        assert_eq!(moved, Keeper::Folder(Path::new("/s").join(own.trim_end_matches('_'))));
        let redis = json!({"session_handler_class": "\\core\\session\\redis", "session_redis_host": "cache", "session_redis_port": "6380"});
        assert_eq!(keeper(&redis, &json!({})), Keeper::Redis(Server::parse("cache:6380", 1, None, 0).unwrap(), own));
        assert!(matches!(keeper(&redis, &json!({"session_redis_host": "a,b"})), Keeper::Other(_)), "a cluster");
        let encrypted = |redis: &Value, encrypt: Value| {
            matches!(keeper(redis, &json!({ "session_redis_encrypt": encrypt })), Keeper::Other(_))
        };
        for tls in [
            json!({"cafile": "/ca.crt"}),
            json!({"verify_peer": false}),
            json!(["x"]),
            json!(true),
            json!(1),
            json!("1"),
        ] {
            assert!(encrypted(&redis, tls.clone()), "{tls}");
        }
        let mut with_tls = redis.clone();
        with_tls["session_redis_encrypt"] = json!("1");
        assert!(matches!(keeper(&with_tls, &json!({})), Keeper::Other(_)));
        for plain in [json!(false), json!(null), json!([]), json!({}), json!(0), json!("0"), json!("")] {
            assert!(!encrypted(&redis, plain.clone()) && !encrypted(&with_tls, plain.clone()), "{plain}");
        }
        assert!(matches!(keeper(&json!({"session_handler_class": "x"}), &json!({})), Keeper::Other(_)));
    }

    #[test]
    fn files_go_by_name_or_all_of_them_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        for name in ["sess_a", "sess_b", "sess_c", "other"] {
            fs::write(root.path().join(name), "x").unwrap();
        }
        delete_files(root.path(), Some(&["a".into(), "../other".into(), "gone".into()])).unwrap();
        assert!(!root.path().join("sess_a").exists() && root.path().join("sess_b").exists());
        delete_files(root.path(), None).unwrap();
        let left: Vec<_> = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["other"]);
        delete_files(&root.path().join("none"), None).unwrap();
    }
}
