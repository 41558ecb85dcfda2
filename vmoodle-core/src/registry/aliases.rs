//! The table `local_vmoodle_alias`: further hosts of tenants.

use serde_json::{Map, Value, json};

use super::farm::now;
use super::fields::{Fields, bad};
use super::session::Session;
use super::{check, farm, tenants};
use crate::db::{Db, Row, Sql};
use crate::error::{Error, Kind, Result};
use crate::farm::Alias;
use crate::host::HostPattern;
use crate::tenant::TenantId;

/// All rows.
pub(super) async fn all(db: &mut Db) -> Result<Vec<Row>> {
    Ok(db.fetch("SELECT id, host, tenantid FROM {local_vmoodle_alias} ORDER BY id", &[]).await?)
}

/// Reads a row.
pub(super) fn alias(row: &Row) -> Result<Alias> {
    let pattern = HostPattern::parse(row.text("host").unwrap_or_default())?;
    let tenant = row.int("tenantid").and_then(|id| u32::try_from(id).ok()).map(TenantId);
    Ok(Alias { pattern, tenant: tenant.ok_or_else(|| bad("tenantid", "it is out of range"))? })
}

impl Session<'_> {
    /// Gives a tenant a further host: a name, or every name below a domain (`*.example.org`).
    pub async fn alias_add(&mut self, host: &str, tenant: &str) -> Result<Map<String, Value>> {
        let pattern = HostPattern::parse(host)?;
        let tenant = self.loaded.tenant_at(&tenants::key_of(tenant)?)?.id;
        check::alias(&pattern, None, &self.loaded, self.control)?;
        let sql = Sql::insert("local_vmoodle_alias", &["host", "tenantid", "timecreated"]);
        let params = [pattern.as_str().into(), i64::from(tenant.0).into(), now().into()];
        self.db.insert(sql, &params).await.map_err(|fault| taken(fault, &pattern))?;
        self.loaded.aliases.push(Alias { pattern: pattern.clone(), tenant });
        self.shown_alias(&pattern).await
    }

    /// Changes an alias: `host`, `tenant`.
    pub async fn alias_update(&mut self, host: &str, changes: &Map<String, Value>) -> Result<Map<String, Value>> {
        let fields = Fields::new(changes, &["host", "tenant"], &["id", "tenantid", "timecreated"])?;
        let old = HostPattern::parse(host)?;
        let row = self.alias_row(&old).await?;
        let pattern = fields.text("host", 300)?.map_or(Ok(old.clone()), |text| HostPattern::parse(&text))?;
        let tenant = match fields.text("tenant", 300)? {
            Some(name) => self.loaded.tenant_at(&tenants::key_of(&name)?)?.id,
            None => alias(&row)?.tenant,
        };
        check::alias(&pattern, Some(&old), &self.loaded, self.control)?;
        let params = [pattern.as_str().into(), i64::from(tenant.0).into(), row.int("id").into()];
        let sql = Sql::update("local_vmoodle_alias", &["host", "tenantid"]);
        self.db.execute(sql, &params).await.map_err(|fault| taken(fault, &pattern))?;
        self.loaded.aliases.retain(|alias| alias.pattern != old);
        self.loaded.aliases.push(Alias { pattern: pattern.clone(), tenant });
        self.shown_alias(&pattern).await
    }

    /// Takes a host away; gives the alias as it was.
    pub async fn alias_remove(&mut self, host: &str) -> Result<Map<String, Value>> {
        let pattern = HostPattern::parse(host)?;
        let shown = self.shown_alias(&pattern).await?;
        self.db.execute("DELETE FROM {local_vmoodle_alias} WHERE host = ?", &[pattern.as_str().into()]).await?;
        self.loaded.aliases.retain(|alias| alias.pattern != pattern);
        self.loaded.findings.retain(|finding| finding.what != "alias" || finding.name != pattern.as_str());
        Ok(shown)
    }

    async fn alias_row(&mut self, pattern: &HostPattern) -> Result<Row> {
        let sql = "SELECT id, host, tenantid, timecreated FROM {local_vmoodle_alias} WHERE host = ?";
        self.db
            .fetch_one(sql, &[pattern.as_str().into()])
            .await?
            .ok_or_else(|| Error::new(Kind::AliasNotFound, format!("no tenant has the alias `{pattern}`")))
    }

    async fn shown_alias(&mut self, pattern: &HostPattern) -> Result<Map<String, Value>> {
        let row = self.alias_row(pattern).await?;
        let tenant = self.loaded.tenants.iter().find(|tenant| row.int("tenantid") == Some(i64::from(tenant.id.0)));
        let mut shown = Map::new();
        shown.insert("id".into(), json!(row.int("id")));
        shown.insert("host".into(), json!(row.text("host")));
        shown.insert("tenant".into(), json!(tenant.map(|tenant| tenant.address.to_string())));
        shown.insert("tenantid".into(), json!(row.int("tenantid")));
        shown.insert("timecreated".into(), json!(row.int("timecreated")));
        Ok(shown)
    }
}

fn taken(fault: crate::db::Fault, pattern: &HostPattern) -> Error {
    farm::or_taken(fault, Kind::HostTaken, || format!("`{pattern}` is an alias already"))
}
