//! Statements of PostgreSQL: the twin of `mysql.rs`, function by function.

use super::ServerAdmin;
use super::line::Line;
use super::scram;
use crate::db::row::Row;
use crate::error::Result;
use crate::ident::{AccountName, DbName, Prefix};
use crate::secret::Secret;

/// How many objects change their owner in one transaction: each one's indexes take a lock too, of which a server has 6,400
/// for all (`max_locks_per_transaction`).
const OWNED_AT_ONCE: usize = 50;

/// What in a database a role does not own yet, as statements that give it to the role: schemas, then tables with
/// their indexes and the sequences of their columns, then what stands alone. What an extension or the server itself made
/// stays. `public` belongs to `pg_database_owner` since PostgreSQL 15, and before that to a superuser, whom not every
/// administrator may take it from.
const NOT_OWNED: &str = "
WITH own AS (SELECT oid, quote_ident(rolname) AS name FROM pg_roles WHERE rolname = ?),
ours AS (SELECT oid, nspname, nspowner FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')
SELECT statement FROM (
  SELECT 1 AS place, format('ALTER SCHEMA %I OWNER TO %s', nspname, own.name) AS statement, n.oid AS object,
         'pg_namespace'::regclass AS class
    FROM ours n, own
   WHERE nspowner <> own.oid AND pg_has_role(nspowner, 'USAGE')
     AND pg_get_userbyid(nspowner) <> 'pg_database_owner'
  UNION ALL
  SELECT CASE WHEN relkind IN ('r', 'p', 'f') THEN 2 ELSE 3 END,
         format('ALTER %s %I.%I OWNER TO %s', CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END, nspname, relname, own.name),
         c.oid, 'pg_class'::regclass
    FROM pg_class c JOIN ours n ON n.oid = relnamespace, own
   WHERE relowner <> own.oid AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
     AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid
                        AND refobjsubid > 0 AND relkind = 'S' AND deptype IN ('a', 'i'))
  UNION ALL
  SELECT 3, format('ALTER ROUTINE %s OWNER TO %s', p.oid::regprocedure, own.name), p.oid, 'pg_proc'::regclass
    FROM pg_proc p JOIN ours n ON n.oid = pronamespace, own WHERE proowner <> own.oid
  UNION ALL
  SELECT 3, format('ALTER %s %s OWNER TO %s', CASE typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, t.oid::regtype, own.name),
         t.oid, 'pg_type'::regclass
    FROM pg_type t JOIN ours n ON n.oid = typnamespace LEFT JOIN pg_class c ON c.oid = typrelid, own
   WHERE typowner <> own.oid AND typcategory <> 'A'
     AND (typtype IN ('b', 'd', 'e', 'r') OR typtype = 'c' AND relkind = 'c')
  UNION ALL
  SELECT 3, format('ALTER LARGE OBJECT %s OWNER TO %s', l.oid, own.name), l.oid, 'pg_largeobject'::regclass
    FROM pg_largeobject_metadata l, own WHERE lomowner <> own.oid
) AS objects
WHERE NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = class AND objid = object AND deptype = 'e')
ORDER BY place, object";

/// Who owns tables of a database and may hand over all at once: no superuser, nobody who administers, nobody with a tablespace,
/// and with no more tables and indexes than two thirds of the locks that the server has for everybody.
const FORMER: &str = "
SELECT rolname AS name FROM pg_roles r
 WHERE rolname NOT IN (?, ?, CURRENT_USER) AND NOT rolsuper AND pg_has_role(oid, 'USAGE')
   AND EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
                WHERE relowner = r.oid AND relkind = 'r' AND nspname !~ '^pg_')
   AND NOT EXISTS (SELECT 1 FROM pg_tablespace WHERE spcowner = r.oid)
   AND 3 * (SELECT COUNT(*) FROM pg_class WHERE relowner = r.oid) <
       2 * current_setting('max_locks_per_transaction')::bigint
         * (current_setting('max_connections')::bigint + current_setting('max_prepared_transactions')::bigint)";

/// Hands over what one account has in a database to another. The statement takes the account's databases with it: they go
/// back in the same transaction. Meanwhile the database is the administrator's, who would otherwise lose with it the right to
/// give them back.
const HAND_OVER: &str = "
DO $$
DECLARE
  former name := current_setting('vmoodle.former');
  latter name := current_setting('vmoodle.latter');
  own name := (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database());
  theirs name[] := ARRAY(SELECT datname FROM pg_database
                          WHERE pg_get_userbyid(datdba) = former AND datname <> current_database());
  taken name;
BEGIN
  IF own = former THEN
    EXECUTE format('ALTER DATABASE %I OWNER TO %I', current_database(), current_user);
  END IF;
  EXECUTE format('REASSIGN OWNED BY %I TO %I', former, latter);
  FOREACH taken IN ARRAY theirs LOOP
    EXECUTE format('ALTER DATABASE %I OWNER TO %I', taken, former);
  END LOOP;
  IF own = former THEN
    EXECUTE format('ALTER DATABASE %I OWNER TO %I', current_database(), own);
  END IF;
END $$";

/// The role that whoever owns a database belongs to while in it, and nobody else ever (PostgreSQL manual, "Predefined Roles",
/// since 14): what it owns belongs to the database's owner, also after a copy to another one's database.
const DATABASE_OWNER: &str = "pg_database_owner";

pub(super) async fn database_exists(line: &mut Line<'_>, name: &DbName) -> Result<bool> {
    let sql = "SELECT COUNT(*) AS number FROM pg_database WHERE datname = ?";
    Ok(line.number(sql, &[name.as_str().into()], "").await? > 0)
}

pub(super) async fn create_database(admin: &ServerAdmin, name: &DbName) -> Result<()> {
    let mut line = admin.enter(None).await?;
    hold(&mut line, name).await?;
    if !database_exists(&mut line, name).await? {
        line.run(format!("CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'"), "`CREATEDB`").await?;
    } else if count_tables(admin, name).await? > 0 {
        return Err(admin.not_empty(name));
    }
    line.close().await;
    Ok(())
}

pub(super) async fn drop_database(admin: &ServerAdmin, name: &DbName) -> Result<()> {
    let mut line = admin.enter(None).await?;
    hold(&mut line, name).await?;
    line.run(format!("DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)"), &owner_right(name)).await?;
    line.close().await;
    Ok(())
}

pub(super) async fn rename_database(admin: &ServerAdmin, from: &DbName, to: &DbName) -> Result<()> {
    let mut line = admin.enter(None).await?;
    hold(&mut line, from).await?;
    if database_exists(&mut line, from).await? {
        if database_exists(&mut line, to).await? {
            return Err(admin.not_empty(to));
        }
        // Nobody comes in between the end of the sessions and the new name.
        line.run(format!("ALTER DATABASE \"{from}\" ALLOW_CONNECTIONS false"), &owner_right(from)).await?;
        let sql = "SELECT COUNT(pg_terminate_backend(pid)) AS number FROM pg_stat_activity \
                   WHERE datname = ? AND usesysid IS NOT NULL";
        line.number(sql, &[from.as_str().into()], "`pg_signal_backend`").await?;
        line.run(format!("ALTER DATABASE \"{from}\" RENAME TO \"{to}\""), &owner_right(from)).await?;
    }
    if !database_exists(&mut line, to).await? {
        return Err(admin.not_there(from));
    }
    line.run(format!("ALTER DATABASE \"{to}\" ALLOW_CONNECTIONS true"), &owner_right(to)).await?;
    line.close().await;
    Ok(())
}

pub(super) async fn size(admin: &ServerAdmin, name: &DbName) -> Result<u64> {
    let mut line = admin.enter(None).await?;
    let sql = "SELECT pg_database_size(oid) AS number FROM pg_database WHERE datname = ?";
    let bytes = line.number(sql, &[name.as_str().into()], "`pg_read_all_stats`").await?;
    line.close().await;
    Ok(u64::try_from(bytes).unwrap_or(0))
}

pub(super) async fn sizes(line: &mut Line<'_>) -> Result<Vec<Row>> {
    let sql = "SELECT datname AS name, pg_database_size(oid) AS number FROM pg_database \
               WHERE has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'MEMBER')";
    line.rows(sql, &[], "`pg_read_all_stats`").await
}

pub(super) async fn account_exists(admin: &ServerAdmin, name: &AccountName) -> Result<bool> {
    let mut line = admin.enter(None).await?;
    let found = has_role(&mut line, name.as_str()).await?;
    line.close().await;
    Ok(found)
}

pub(super) async fn create_account(admin: &ServerAdmin, name: &AccountName, password: &Secret) -> Result<()> {
    let mut line = admin.enter(None).await?;
    let sql = "SELECT COUNT(*) AS number FROM pg_roles \
               WHERE rolname = ? AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)";
    if line.number(sql, &[name.as_str().into()], "").await? > 0 {
        return Err(admin.account_taken(name.as_str()));
    }
    if !has_role(&mut line, name.as_str()).await? {
        line.run(format!("CREATE ROLE \"{name}\" NOLOGIN"), "`CREATEROLE`").await?;
    }
    give_password(&mut line, name, password).await?;
    // One who is no superuser can give a database only to a role that it belongs to.
    let sql = "SELECT COUNT(*) AS number FROM pg_roles WHERE rolname = ? AND NOT pg_has_role(oid, 'USAGE')";
    if line.number(sql, &[name.as_str().into()], "").await? > 0 {
        line.run(format!("GRANT \"{name}\" TO CURRENT_USER"), "`CREATEROLE`").await?;
    }
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
    line.run(format!("DROP ROLE IF EXISTS \"{name}\""), "`CREATEROLE`").await?;
    line.close().await;
    Ok(())
}

pub(super) async fn grant(admin: &ServerAdmin, database: &DbName, name: &AccountName) -> Result<()> {
    let mut line = admin.enter(None).await?;
    hold(&mut line, database).await?;
    let sql = format!(
        "ALTER DATABASE \"{database}\" OWNER TO \"{name}\";
         REVOKE ALL ON DATABASE \"{database}\" FROM PUBLIC;
         GRANT ALL ON DATABASE \"{database}\" TO \"{name}\""
    );
    line.run(sql, &owner_right(database)).await?;
    // One after the other, by a lock that ends with the connection: each takes thousands of the server's locks on tables.
    line.number("SELECT 1 AS number FROM pg_advisory_lock(hashtext('vmoodle own_objects'))", &[], "").await?;
    let owned = own_objects(admin, database, name).await;
    line.close().await;
    owned
}

pub(super) async fn revoke(admin: &ServerAdmin, database: &DbName, name: &AccountName) -> Result<()> {
    let mut line = admin.enter(None).await?;
    if database_exists(&mut line, database).await? && has_role(&mut line, name.as_str()).await? {
        let sql = format!("REVOKE ALL ON DATABASE \"{database}\" FROM \"{name}\", PUBLIC");
        line.run(sql, &owner_right(database)).await?;
    }
    line.close().await;
    Ok(())
}

pub(super) async fn close_to_tenants(admin: &ServerAdmin) -> Result<()> {
    let mut line = admin.enter(None).await?;
    let (database, user) = (&admin.control.database, quoted(&admin.control_user));
    // In one transaction: the control site never stands before a closed door. One after the other: of two that write the
    // database's row at once the server refuses one ("tuple concurrently updated").
    let sql = format!(
        "SELECT pg_advisory_xact_lock(hashtext('vmoodle close_to_tenants'));
         GRANT CONNECT, TEMPORARY ON DATABASE \"{database}\" TO {user};
         REVOKE CONNECT ON DATABASE \"{database}\" FROM PUBLIC"
    );
    line.run(sql, &owner_right(database)).await?;
    line.close().await;
    Ok(())
}

pub(super) async fn copy_database(admin: &ServerAdmin, source: &DbName, target: &DbName) -> Result<()> {
    let mut line = admin.enter(None).await?;
    hold(&mut line, target).await?;
    // The server would wait for five seconds before it refuses; what has no user is its own and ends by itself.
    let sql = "SELECT COUNT(*) AS number FROM pg_stat_activity WHERE datname = ? AND usesysid IS NOT NULL";
    line.require_left(sql, source, "").await?;
    if !database_exists(&mut line, source).await? {
        return Err(admin.not_there(source));
    }
    if database_exists(&mut line, target).await? {
        if count_tables(admin, target).await? > 0 {
            return Err(admin.not_empty(target));
        }
        line.run(format!("DROP DATABASE \"{target}\""), &owner_right(target)).await?;
    }
    // `STRATEGY FILE_COPY` gains nothing below 400 MB, and makes the whole server write down what it has in memory.
    line.run(format!("CREATE DATABASE \"{target}\" TEMPLATE \"{source}\""), &owner_right(source)).await?;
    line.close().await;
    Ok(())
}

/// Makes the line the only one that changes a database, until it ends. Of a caller that was killed the server ends what it was
/// doing first (`CREATE DATABASE`): whoever comes next finds the end of that, not the middle.
async fn hold(line: &mut Line<'_>, database: &DbName) -> Result<()> {
    let sql = "SELECT 1 AS number FROM pg_advisory_lock(hashtext('vmoodle database ' || ?))";
    line.number(sql, &[database.as_str().into()], "").await.map(drop)
}

/// Gives everything in a database to its owner: all of a former owner at once where that can be, which takes half the time,
/// and the rest object by object. A copy of a database in which that was done has nothing left to do.
async fn own_objects(admin: &ServerAdmin, database: &DbName, name: &AccountName) -> Result<()> {
    let mut line = admin.enter(Some(database)).await?;
    let latter = if has_role(&mut line, DATABASE_OWNER).await? { DATABASE_OWNER } else { name.as_str() };
    for former in line.rows(FORMER, &[latter.into(), admin.control_user.as_str().into()], "").await? {
        let former = literal(former.text("name").unwrap_or_default());
        let set = format!(
            "SELECT set_config('vmoodle.former', {former}, true), set_config('vmoodle.latter', {}, true)",
            literal(latter)
        );
        // What it refuses is refused below by name.
        let _ = line.run(format!("{set};{HAND_OVER}"), "").await;
    }
    let rows = line.rows(NOT_OWNED, &[latter.into()], "").await?;
    let statements: Vec<&str> = rows.iter().filter_map(|row| row.text("statement")).collect();
    for some in statements.chunks(OWNED_AT_ONCE) {
        line.run(some.join(";\n"), &owner_right(database)).await?;
    }
    line.close().await;
    Ok(())
}

async fn count_tables(admin: &ServerAdmin, name: &DbName) -> Result<i64> {
    let mut line = admin.enter(Some(name)).await?;
    let sql = "SELECT COUNT(*) AS number FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace \
               WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'";
    let count = line.number(sql, &[], "").await?;
    line.close().await;
    Ok(count)
}

pub(super) async fn count_tables_besides(admin: &ServerAdmin, name: &DbName, prefix: &Prefix) -> Result<i64> {
    let mut line = admin.enter(Some(name)).await?;
    let sql = "SELECT COUNT(*) AS number FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
               WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
               AND left(c.relname::text, length(?::text)) <> ?::text \
               AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')";
    let count = line.number(sql, &[prefix.as_str().into(), prefix.as_str().into()], "").await?;
    line.close().await;
    Ok(count)
}

async fn has_role(line: &mut Line<'_>, name: &str) -> Result<bool> {
    let sql = "SELECT COUNT(*) AS number FROM pg_roles WHERE rolname = ?";
    Ok(line.number(sql, &[name.into()], "").await? > 0)
}

/// Sets a password; as a verifier, so that no log of the server has it in clear.
async fn give_password(line: &mut Line<'_>, name: &AccountName, password: &Secret) -> Result<()> {
    let shown = scram::verifier(password).unwrap_or_else(|| password.reveal().to_owned());
    line.run(format!("ALTER ROLE \"{name}\" LOGIN PASSWORD {}", literal(&shown)), "`CREATEROLE`").await
}

fn owner_right(database: &DbName) -> String {
    format!("of the owner of `{database}`, and `CREATEDB`")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `E''` reads the same whatever `standard_conforming_strings` says.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_cannot_leave_their_quotes() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal(r"a'b\'c"), r"E'a''b\\''c'");
    }
}
