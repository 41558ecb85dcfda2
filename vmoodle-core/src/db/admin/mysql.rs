//! Statements of MariaDB and MySQL: the twin of `postgres.rs`, function by function.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Mutex;

use super::ServerAdmin;
use super::line::Line;
use crate::db::mysql::socket;
use crate::db::place::Place;
use crate::db::row::Row;
use crate::error::{Error, Kind, Result};
use crate::ident::{AccountName, DbName, Prefix};
use crate::secret::Secret;
use crate::tenant::Engine;

/// What Moodle needs (`admin/environment.xml`, docs.moodle.org "MySQL"), its dumps included; never `GRANT OPTION`.
const RIGHTS: &str = "SELECT, INSERT, UPDATE, DELETE, CREATE, CREATE TEMPORARY TABLES, DROP, INDEX, ALTER, LOCK TABLES";

/// Connections that copy tables side by side: more of them did not copy faster.
const COPIERS: usize = 4;

/// The host part of accounts, where the server's row names none: as this machine is seen by the server.
pub(super) fn account_host(place: &Place) -> String {
    match place.tcp_host() {
        _ if socket(place).is_some() => "localhost",
        "localhost" => "localhost",
        "127.0.0.1" => "127.0.0.1",
        "::1" => "::1",
        _ => "%",
    }
    .to_owned()
}

pub(super) async fn database_exists(line: &mut Line<'_>, name: &DbName) -> Result<bool> {
    let sql = "SELECT COUNT(*) AS number FROM information_schema.schemata WHERE schema_name = ?";
    Ok(line.number(sql, &[name.as_str().into()], "`SHOW DATABASES`").await? > 0)
}

pub(super) async fn create_database(admin: &ServerAdmin, name: &DbName) -> Result<()> {
    let mut line = admin.enter(None).await?;
    if count_tables(&mut line, name).await? > 0 {
        return Err(admin.not_empty(name));
    }
    let how = "CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci";
    line.run(format!("CREATE DATABASE IF NOT EXISTS `{name}` {how}"), "`CREATE` on `*.*`").await?;
    // One that was there may have been made with the server's own character set.
    line.run(format!("ALTER DATABASE `{name}` {how}"), "`ALTER` on `*.*`").await?;
    line.close().await;
    Ok(())
}

pub(super) async fn drop_database(admin: &ServerAdmin, name: &DbName) -> Result<()> {
    let mut line = admin.enter(None).await?;
    line.run(format!("DROP DATABASE IF EXISTS `{name}`"), "`DROP` on `*.*`").await?;
    line.close().await;
    Ok(())
}

pub(super) async fn rename_database(admin: &ServerAdmin, from: &DbName, to: &DbName) -> Result<()> {
    let mut line = admin.enter(None).await?;
    let (is_there, was_made) = (database_exists(&mut line, from).await?, database_exists(&mut line, to).await?);
    if !is_there {
        return if was_made { Ok(()) } else { Err(admin.not_there(from)) };
    }
    refuse_what_tables_do_not_hold(&mut line, from).await?;
    let (tables, moved) = (tables(&mut line, from).await?, tables(&mut line, to).await?);
    // A run that was cut off has moved some: what is in both is somebody else's.
    if tables.iter().any(|table| moved.iter().any(|other| other.text("name") == table.text("name"))) {
        return Err(admin.not_empty(to));
    }
    let how = "CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci";
    line.run(format!("CREATE DATABASE IF NOT EXISTS `{to}` {how}"), "`CREATE` on `*.*`").await?;
    let mut renames = String::new();
    for name in tables.iter().filter_map(|table| table.text("name")).map(quoted) {
        let separator = if renames.is_empty() { "RENAME TABLE " } else { ", " };
        let _ = write!(renames, "{separator}`{from}`.{name} TO `{to}`.{name}");
    }
    if !renames.is_empty() {
        line.run(renames, "`ALTER`, `DROP`, `CREATE` and `INSERT` on `*.*`").await?;
    }
    if count_tables(&mut line, from).await? == 0 {
        line.run(format!("DROP DATABASE IF EXISTS `{from}`"), "`DROP` on `*.*`").await?;
    }
    line.close().await;
    Ok(())
}

pub(super) async fn size(admin: &ServerAdmin, name: &DbName) -> Result<u64> {
    let mut line = admin.enter(None).await?;
    let sql = "SELECT CAST(SUM(data_length + index_length) AS SIGNED) AS number FROM information_schema.tables \
               WHERE table_schema = ?";
    let bytes = line.number(sql, &[name.as_str().into()], "`SELECT` on `*.*`").await?;
    line.close().await;
    Ok(u64::try_from(bytes).unwrap_or(0))
}

/// The files of tables are looked up without opening a table, by a login that may (`PROCESS`); MySQL calls that view by
/// another name, and then every table is asked.
pub(super) async fn sizes(line: &mut Line<'_>) -> Result<Vec<Row>> {
    let files = "SELECT REPLACE(SUBSTRING_INDEX(name, '/', 1), '@002d', '-') AS name, \
                 CAST(SUM(file_size) AS SIGNED) AS number \
                 FROM information_schema.innodb_sys_tablespaces GROUP BY SUBSTRING_INDEX(name, '/', 1)";
    if let Ok(rows) = line.rows(files, &[], "`PROCESS` on `*.*`").await {
        return Ok(rows);
    }
    let sql = "SELECT table_schema AS name, CAST(SUM(data_length + index_length) AS SIGNED) AS number \
               FROM information_schema.tables GROUP BY table_schema";
    line.rows(sql, &[], "`SELECT` on `*.*`").await
}

pub(super) async fn account_exists(admin: &ServerAdmin, name: &AccountName) -> Result<bool> {
    let mut line = admin.enter(None).await?;
    let sql = "SELECT COUNT(*) AS number FROM mysql.user WHERE user = ? AND host = ?";
    let params = [name.as_str().into(), admin.account_host.as_str().into()];
    let found = line.number(sql, &params, "`SELECT` on `mysql.*`").await?;
    line.close().await;
    Ok(found > 0)
}

pub(super) async fn create_account(admin: &ServerAdmin, name: &AccountName, password: &Secret) -> Result<()> {
    let mut line = admin.enter(None).await?;
    let sql = "SELECT COUNT(*) AS number FROM information_schema.user_privileges \
               WHERE privilege_type <> 'USAGE' AND grantee LIKE CONCAT('''', ?, '''@%')";
    if line.number(sql, &[name.as_str().replace('_', "\\_").into()], "").await? > 0 {
        return Err(admin.account_taken(name.as_str()));
    }
    line.run(format!("CREATE USER IF NOT EXISTS {}", account(admin, name)), "`CREATE USER`").await?;
    give_password(&mut line, name, password).await?;
    line.close().await;
    Ok(())
}

pub(super) async fn set_password(admin: &ServerAdmin, name: &AccountName, password: &Secret) -> Result<()> {
    let mut line = admin.enter(None).await?;
    give_password(&mut line, name, password).await?;
    line.close().await;
    Ok(())
}

pub(super) async fn drop_account(admin: &ServerAdmin, name: &AccountName) -> Result<()> {
    let mut line = admin.enter(None).await?;
    line.run(format!("DROP USER IF EXISTS {}", account(admin, name)), "`CREATE USER`").await?;
    line.close().await;
    Ok(())
}

pub(super) async fn grant(admin: &ServerAdmin, database: &DbName, name: &AccountName) -> Result<()> {
    let mut line = admin.enter(None).await?;
    let sql = format!("GRANT {RIGHTS} ON `{}`.* TO {}", pattern(database), account(admin, name));
    line.run(sql, "to give what Moodle needs: `ALL` on `*.*` `WITH GRANT OPTION`").await?;
    line.close().await;
    Ok(())
}

pub(super) async fn revoke(admin: &ServerAdmin, database: &DbName, name: &AccountName) -> Result<()> {
    let mut line = admin.enter(None).await?;
    let sql = "SELECT COUNT(*) AS number FROM mysql.db WHERE db = ? AND user = ? AND host = ?";
    let params = [pattern(database).into(), name.as_str().into(), admin.account_host.as_str().into()];
    if line.number(sql, &params, "`SELECT` on `mysql.*`").await? > 0 {
        let sql = format!("REVOKE ALL PRIVILEGES ON `{}`.* FROM {}", pattern(database), account(admin, name));
        line.run(sql, "`ALL` on `*.*` `WITH GRANT OPTION`").await?;
    }
    line.close().await;
    Ok(())
}

/// An account sees only what it was granted.
#[expect(clippy::unused_async, reason = "its twin waits for a server")]
pub(super) async fn close_to_tenants(_: &ServerAdmin) -> Result<()> {
    Ok(())
}

pub(super) async fn copy_database(admin: &ServerAdmin, source: &DbName, target: &DbName) -> Result<()> {
    let mut line = admin.enter(None).await?;
    let sql = "SELECT COUNT(*) AS number FROM information_schema.processlist WHERE db = ? AND id <> CONNECTION_ID()";
    line.require_left(sql, source, "`PROCESS`").await?;
    if !database_exists(&mut line, source).await? {
        return Err(admin.not_there(source));
    }
    refuse_what_tables_do_not_hold(&mut line, source).await?;
    create_database(admin, target).await?;
    let wanted = tables(&mut line, source).await?;
    let queue = Mutex::new(wanted.iter().filter_map(|table| table.text("name")).map(str::to_owned).collect());
    let copier = || Box::pin(copy_tables(admin, source, target, &queue));
    let [one, two, three, four]: [_; COPIERS] = std::array::from_fn(|_| copier());
    tokio::try_join!(one, two, three, four)?;
    // A copy counts on from its greatest number; the source may have had greater ones.
    let counted = |rows: &[Row]| -> HashMap<String, i64> {
        let next = |row: &Row| Some((row.text("name")?.to_owned(), row.int("next")?));
        rows.iter().filter_map(next).collect()
    };
    let made = counted(&tables(&mut line, target).await?);
    for (name, next) in counted(&wanted) {
        if next > 1 && made.get(&name) != Some(&next) {
            let sql = format!("ALTER TABLE `{target}`.{} AUTO_INCREMENT = {next}", quoted(&name));
            line.run(sql, "`ALTER` on `*.*`").await?;
        }
    }
    line.close().await;
    Ok(())
}

/// Copies tables, the next of the queue each time, until there is none.
async fn copy_tables(admin: &ServerAdmin, source: &DbName, target: &DbName, queue: &Mutex<Vec<String>>) -> Result<()> {
    let mut line = admin.enter(None).await?;
    // Rows are copied as they are: zero dates, a number 0, references to what is not copied yet. With both checks off MariaDB
    // fills an empty table in bulk, each index sorted at the end, which no order of statements here has beaten.
    let modes = "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO', unique_checks = 0, foreign_key_checks = 0";
    line.run(modes.to_owned(), "").await?;
    loop {
        let next = queue.lock().map_err(|_| Error::new(Kind::Internal, "a copier has panicked"))?.pop();
        let Some(name) = next.as_deref().map(quoted) else { break };
        let sql = format!(
            "CREATE TABLE `{target}`.{name} LIKE `{source}`.{name};
             INSERT INTO `{target}`.{name} SELECT * FROM `{source}`.{name}"
        );
        line.run(sql, "`SELECT`, `CREATE` and `INSERT` on `*.*`").await?;
    }
    line.close().await;
    Ok(())
}

/// The tables of a database with the number that each counts on from, the smallest first.
async fn tables(line: &mut Line<'_>, name: &DbName) -> Result<Vec<Row>> {
    let sql = "SELECT table_name AS name, auto_increment AS next FROM information_schema.tables \
               WHERE table_schema = ? AND table_type = 'BASE TABLE' ORDER BY data_length, table_name";
    line.rows(sql, &[name.as_str().into()], "`SELECT` on `*.*`").await
}

async fn count_tables(line: &mut Line<'_>, name: &DbName) -> Result<i64> {
    let sql = "SELECT COUNT(*) AS number FROM information_schema.tables WHERE table_schema = ?";
    line.number(sql, &[name.as_str().into()], "`SELECT` on `*.*`").await
}

pub(super) async fn count_tables_besides(admin: &ServerAdmin, name: &DbName, prefix: &Prefix) -> Result<i64> {
    let mut line = admin.enter(None).await?;
    let sql = "SELECT COUNT(*) AS number FROM information_schema.tables \
               WHERE table_schema = ? AND LEFT(table_name, CHAR_LENGTH(?)) <> ?";
    let params = [name.as_str().into(), prefix.as_str().into(), prefix.as_str().into()];
    let count = line.number(sql, &params, "`SELECT` on `*.*`").await?;
    line.close().await;
    Ok(count)
}

/// Views, triggers, routines, events and foreign keys are no part of a table that is moved or copied. Moodle has none.
async fn refuse_what_tables_do_not_hold(line: &mut Line<'_>, name: &DbName) -> Result<()> {
    let sql =
        "SELECT (SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ? AND table_type <> 'BASE TABLE')
                    + (SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = ?)
                    + (SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = ?)
                    + (SELECT COUNT(*) FROM information_schema.events WHERE event_schema = ?)
                    + (SELECT COUNT(*) FROM information_schema.referential_constraints WHERE constraint_schema = ?)
               AS number";
    let params = [name.as_str(); 5].map(Into::into);
    if line.number(sql, &params, "`SELECT` on `*.*`").await? > 0 {
        let what = "views, sequences, triggers, routines, events or foreign keys, which Moodle has not";
        return Err(Error::new(Kind::TransferFailed, format!("the database `{name}` holds {what}"))
            .hint("write it out and read it in instead"));
    }
    Ok(())
}

/// Sets a password; as its hash where the server takes one, so that no log of the server has it in clear.
async fn give_password(line: &mut Line<'_>, name: &AccountName, password: &Secret) -> Result<()> {
    let whose = account(line.admin, name);
    if line.place.engine == Engine::MariaDb {
        let hashed = format!("ALTER USER {whose} IDENTIFIED BY PASSWORD '{}'", native_hash(password));
        if line.run(hashed, "`CREATE USER`").await.is_ok() {
            return Ok(());
        }
    }
    // MySQL has other hashes, and a server that judges passwords wants to see them.
    line.run(format!("ALTER USER {whose} IDENTIFIED BY {}", literal(password.reveal())), "`CREATE USER`").await
}

/// `mysql_native_password`: `*` and the SHA-1 of the SHA-1.
fn native_hash(password: &Secret) -> String {
    use sha1::{Digest, Sha1};
    Sha1::digest(Sha1::digest(password.reveal())).iter().fold("*".to_owned(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

fn account(admin: &ServerAdmin, name: &AccountName) -> String {
    format!("'{name}'@{}", literal(&admin.account_host))
}

/// In `GRANT`, `_` and `%` of a database's name stand for any letter and any letters.
fn pattern(database: &DbName) -> String {
    database.as_str().replace('_', "\\_")
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_cannot_leave_their_quotes() {
        assert_eq!(quoted("a`b"), "`a``b`");
        assert_eq!(literal(r"a'b\'c"), r"'a''b\\''c'");
        assert_eq!(pattern(&DbName::parse("moodle_1_x").unwrap()), r"moodle\_1\_x");
    }

    #[test]
    fn a_password_is_hashed_as_the_server_does() {
        // SELECT PASSWORD('password')
        assert_eq!(native_hash(&Secret::new("password")), "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19");
    }
}
