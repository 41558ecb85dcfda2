//! The table `local_vmoodle_sheet`: role sheets that are kept under a name.

use serde_json::{Map, Value, json};

use super::farm::now;
use super::fields::bad;
use super::{Shape, tenants};
use crate::control::ControlSite;
use crate::db::{Db, Row, Sql};
use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::moodle::roles::{self, Scope, Sheet};
use crate::secret::Keyring;

/// The sheets by name, without what they say.
pub async fn list(db: &mut Db) -> Result<Vec<Map<String, Value>>> {
    let select =
        "SELECT id, name, role, source, timecreated, timemodified FROM {local_vmoodle_sheet} ORDER BY name, id";
    Ok(db.fetch(select, &[]).await?.iter().map(shown).collect())
}

/// The sheet of a name. Fails with `sheet_not_found`.
pub async fn find(db: &mut Db, name: &str) -> Result<Sheet> {
    let row = row(db, name).await?;
    serde_json::from_str(row.text("contents").unwrap_or_default())
        .map_err(|error| bad("contents", "it is no role sheet").because(error))
        .and_then(Sheet::checked)
}

/// A tenant's address, and the sheets of its roles as they stand on the site, of one role or of all.
///
/// Fails with `tenant_not_found`, `tenant_unreachable`, and with `role_not_found` where the tenant lacks the role.
pub(crate) async fn of_tenant(
    db: &mut Db,
    control: &ControlSite,
    keyring: &Keyring,
    tenant: &str,
    role: Option<&str>,
) -> Result<(String, Vec<Sheet>)> {
    let shape = Shape::read(db).await?;
    let tenant = super::row::tenant(&tenants::find(db, &shape, tenant).await?)?;
    let mut site = Db::open_tenant(&tenant, &control.settings, keyring).await?;
    let only: Option<Vec<&str>> = role.map(|role| vec![role]);
    let read = roles::read(&mut site, Scope { roles: only.as_deref(), ..Scope::default() }).await;
    site.close().await;
    let read = read?;
    let wanted = read.roles.iter().filter(|(name, _)| role.is_none_or(|role| role == name.as_str()));
    let sheets: Vec<Sheet> = wanted.map(|(name, role)| Sheet::of(name, role, &read)).collect();
    match role.filter(|_| sheets.is_empty()) {
        None => Ok((tenant.address.to_string(), sheets)),
        Some(role) => {
            let message = format!("`{}` has no role `{}`", tenant.address, escape(role));
            Err(Error::new(Kind::RoleNotFound, message).of_tenant(tenant.address.to_string()))
        }
    }
}

/// Keeps a sheet, in place of one of this name; gives its row.
pub async fn save(db: &mut Db, name: &str, sheet: &Sheet, source: Option<&str>) -> Result<Map<String, Value>> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.chars().any(char::is_control) {
        return Err(bad("name", "it must have 1 to 100 characters, and no control characters"));
    }
    let contents = serde_json::to_string(sheet)
        .map_err(|error| Error::new(Kind::Internal, "a role sheet is no JSON").because(error))?;
    let (role, now) = (sheet.shortname.as_str(), now());
    let mut db = db.begin().await?;
    let old = db.fetch_one("SELECT id FROM {local_vmoodle_sheet} WHERE name = ?", &[name.into()]).await?;
    let values = [role.into(), source.map(str::to_owned).into(), contents.into(), now.into()];
    if let Some(id) = old.and_then(|row| row.int("id")) {
        let sql = Sql::update("local_vmoodle_sheet", &["role", "source", "contents", "timemodified"]);
        db.execute(sql, &[&values[..], &[id.into()]].concat()).await?;
    } else {
        let columns = ["role", "source", "contents", "timemodified", "name", "timecreated"];
        let sql = Sql::insert("local_vmoodle_sheet", &columns);
        db.insert(sql, &[&values[..], &[name.into(), now.into()]].concat()).await?;
    }
    let kept = row(&mut db, name).await?;
    db.commit().await?;
    Ok(shown(&kept))
}

/// Removes a sheet; gives its row as it was. Fails with `sheet_not_found`.
pub async fn remove(db: &mut Db, name: &str) -> Result<Map<String, Value>> {
    let row = row(db, name).await?;
    db.execute("DELETE FROM {local_vmoodle_sheet} WHERE id = ?", &[row.int("id").into()]).await?;
    Ok(shown(&row))
}

async fn row(db: &mut Db, name: &str) -> Result<Row> {
    let row = db.fetch_one("SELECT * FROM {local_vmoodle_sheet} WHERE name = ?", &[name.trim().into()]).await?;
    row.ok_or_else(|| {
        Error::new(Kind::SheetNotFound, format!("no role sheet has the name `{}`", escape(name)))
            .hint("list them: `php local/vmoodle/cli/roles.php --sheets`")
    })
}

fn shown(row: &Row) -> Map<String, Value> {
    let shown = json!({
        "id": row.int("id"), "name": row.text("name"), "role": row.text("role"), "source": row.text("source"),
        "timecreated": row.int("timecreated"), "timemodified": row.int("timemodified"),
    });
    shown.as_object().cloned().unwrap_or_default()
}
