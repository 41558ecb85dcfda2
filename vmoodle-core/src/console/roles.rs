//! Roles of many tenants side by side, and role sheets.

use std::rc::Rc;

use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};

use super::{Console, map};
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::job;
use crate::moodle::roles::{self, Comparison, Roles, Row, Scope, Wanted};
use crate::registry::{Fields, sheets};
use crate::tenant::Tenant;

/// How many tenants are read at once where nothing is said.
const AT_ONCE: usize = 8;

impl Console {
    /// The roles of many tenants side by side; changes nothing.
    ///
    /// `filter`: `role` (a short name, several with commas, or a list; all without it), `component` (`mod_forum`, `core`:
    /// its capabilities only), `differences` (only what differs), `concurrency` (8; 64 at most).
    ///
    /// Gives `tenants` (the addresses that were read, in order), `failed` (each with `tenant`, `errorcode`, `error`) and
    /// `roles`: for each `role` the tenants where it is `missing` and `rows`. A row has `part` (`capability`,
    /// `contextlevel`, `assign`, `override`, `switch`, `view`, `name`, `description`, `archetype`), `name`, `component`, the
    /// `majority`'s value, `counts` by value, and `odd`: the value by address of each tenant that says otherwise. All others
    /// that have the role say what the majority says. A tenant that does not know a capability says `missing`.
    pub fn role_compare(&self, targets: &[String], filter: &Map<String, Value>) -> Result<Map<String, Value>> {
        let fields = Fields::new(filter, &["role", "component", "differences", "concurrency"], &[])?;
        let names = fields.words("role", |list| list.split(',').map(|name| name.trim().to_owned()).collect())?;
        let wanted = Wanted {
            roles: names.unwrap_or_default().into_iter().filter(|name| !name.is_empty()).collect(),
            component: fields.text("component", 100)?.filter(|name| !name.is_empty()).map(component),
            differences: fields.flag("differences")?.unwrap_or(false),
        };
        let at_once = fields.int("concurrency", 1..=64)?.and_then(|n| n.try_into().ok()).unwrap_or(AT_ONCE);
        self.jobs_on(async |db| {
            let tenants = job::chosen(db, targets).await?;
            compare(self, tenants, &wanted, at_once).await
        })
    }

    /// Keeps the sheet of a tenant's role under a name, in place of one of that name; gives its row. Fails with
    /// `role_not_found`.
    pub fn sheet_save(&self, name: &str, tenant: &str, role: &str) -> Result<Map<String, Value>> {
        let keyring = self.keyring()?;
        self.jobs_on(async |db| {
            let (address, sheets) = sheets::of_tenant(db, &self.control, &keyring, tenant, Some(role)).await?;
            sheets::save(db, name, &only(sheets)?.checked()?, Some(&address)).await
        })
    }

    /// The sheets that are kept, by name: `id`, `name`, `role`, `source` (null for one that came as XML), `timecreated`,
    /// `timemodified`.
    pub fn sheets(&self) -> Result<Vec<Map<String, Value>>> {
        self.jobs_on(async |db| sheets::list(db).await)
    }

    /// Removes a sheet; gives its row as it was. Fails with `sheet_not_found`.
    pub fn sheet_remove(&self, name: &str) -> Result<Map<String, Value>> {
        self.jobs_on(async |db| sheets::remove(db, name).await)
    }

    /// A sheet as Moodle's own XML preset: of a kept sheet by its name, or with a role of a tenant by its address.
    pub fn sheet_export(&self, name: &str, role: Option<&str>) -> Result<String> {
        let keyring = self.keyring()?;
        self.jobs_on(async |db| {
            let sheet = match role {
                None => sheets::find(db, name).await?,
                Some(role) => only(sheets::of_tenant(db, &self.control, &keyring, name, Some(role)).await?.1)?,
            };
            Ok(roles::write(&sheet))
        })
    }

    /// Keeps a preset that a page of Moodle has exported as a sheet; gives its row. Fails with `bad_parameter`.
    pub fn sheet_import(&self, name: &str, xml: &str) -> Result<Map<String, Value>> {
        let sheet = roles::parse(xml)?;
        self.jobs_on(async |db| sheets::save(db, name, &sheet, None).await)
    }
}

fn only(sheets: Vec<roles::Sheet>) -> Result<roles::Sheet> {
    sheets.into_iter().next().ok_or_else(|| Error::new(Kind::Internal, "a role has no sheet"))
}

fn component(name: String) -> String {
    if name == "moodle" { "core".to_owned() } else { name }
}

async fn compare(
    console: &Console,
    tenants: Vec<Tenant>,
    wanted: &Wanted,
    at_once: usize,
) -> Result<Map<String, Value>> {
    let (control, keyring) = (Rc::new(console.control.clone()), Rc::new(console.keyring()?));
    let names: Rc<Vec<String>> = Rc::new(wanted.roles.clone());
    let doors = Rc::new(Semaphore::new(at_once));
    let addresses: Vec<String> = tenants.iter().map(|tenant| tenant.address.to_string()).collect();
    let mut comparison = Comparison::default();
    let mut failed: Vec<Option<Error>> = addresses.iter().map(|_| None).collect();
    let work = async {
        let mut reading: JoinSet<(u32, Result<Roles>)> = JoinSet::new();
        for (number, tenant) in (0_u32..).zip(tenants) {
            let (control, keyring, names, doors) = (control.clone(), keyring.clone(), names.clone(), doors.clone());
            reading.spawn_local(async move {
                let read = async {
                    let _door = doors.acquire().await;
                    let mut site = Db::open_tenant(&tenant, &control.settings, &keyring).await?;
                    let names: Vec<&str> = names.iter().map(String::as_str).collect();
                    let only = Some(names.as_slice()).filter(|names| !names.is_empty());
                    let read = roles::read(&mut site, Scope { roles: only, ..Scope::default() }).await;
                    site.close().await;
                    read
                };
                (number, read.await)
            });
        }
        // One by one into the comparison, so that no more than a few sites' roles are in memory at once.
        while let Some(read) = reading.join_next().await {
            let (number, read) = read.map_err(|e| Error::new(Kind::Internal, "a reader has ended early").because(e))?;
            match read {
                Ok(site) => comparison.add(number, site, wanted),
                Err(error) => failed[number as usize] = Some(error),
            }
        }
        Ok::<_, Error>(())
    };
    LocalSet::new().run_until(work).await?;
    let name = |number: u32| addresses[number as usize].as_str();
    let rows = comparison.into_rows(wanted).into_iter().map(|(role, (missing, rows))| {
        let missing: Vec<&str> = missing.into_iter().map(name).collect();
        let rows: Vec<Value> = rows.into_iter().map(|row| shown(row, &name)).collect();
        json!({ "role": role, "missing": missing, "rows": rows })
    });
    let roles: Vec<Value> = rows.collect();
    let read: Vec<&String> = addresses.iter().zip(&failed).filter(|(_, f)| f.is_none()).map(|(a, _)| a).collect();
    let failed = addresses.iter().zip(&failed).filter_map(|(address, error)| {
        let error = error.as_ref()?;
        Some(json!({ "tenant": address, "errorcode": error.code(), "error": error.to_string() }))
    });
    let failed: Vec<Value> = failed.collect();
    Ok(map(json!({ "tenants": read, "failed": failed, "roles": roles })))
}

fn shown<'a>(row: Row, name: &impl Fn(u32) -> &'a str) -> Value {
    let odd: Map<String, Value> =
        row.odd.into_iter().map(|(site, value)| (name(site).to_owned(), value.into())).collect();
    json!({
        "part": row.part, "name": row.name, "component": row.component, "majority": row.majority, "counts": row.counts,
        "odd": odd,
    })
}
