//! Rows as the original wrote them, made rows of today, in place.
//!
//! Run at every publication; a row that is as it should be costs a comparison and no statement.

use crate::db::{Db, Param, Row, Sql};
use crate::error::Result;
use crate::tenant::{State, Tenant};

/// What is to be written to one row.
#[derive(Debug, Default)]
pub struct Fix {
    id: i64,
    /// The row gives up the host key it had, which another row may be waiting for.
    frees_key: bool,
    columns: Vec<(&'static str, Param)>,
}

/// What a row turned out to be.
#[derive(Debug, Clone, Copy)]
pub enum Verdict<'a> {
    /// A tenant.
    Sound(&'a Tenant),
    /// Its address can be read, the rest cannot.
    Broken(&'a Tenant),
    /// Its host is another row's, or the control site's.
    Duplicate,
}

/// What is to be changed in a row; `None` when nothing is.
pub fn fix(row: &Row, verdict: Verdict<'_>) -> Option<Fix> {
    let mut fix = Fix { id: row.int("id")?, ..Fix::default() };
    match verdict {
        Verdict::Sound(tenant) => {
            fix.key(row, Some(tenant.address.key()));
            fix.text(row, "vhostname", &tenant.address.to_string());
            fix.text(row, "vdbtype", tenant.database.engine.word());
            fix.text(row, "vdbhost", &tenant.database.host);
            if row.int("vdbport") != tenant.database.port.map(i64::from) {
                fix.columns.push(("vdbport", tenant.database.port.map(i64::from).into()));
            }
            fix.state(row, tenant.state);
        }
        Verdict::Broken(tenant) => fix.key(row, Some(tenant.address.key())),
        Verdict::Duplicate => {
            fix.key(row, None);
            fix.state(row, State::Broken);
        }
    }
    (!fix.columns.is_empty()).then_some(fix)
}

impl Fix {
    fn key(&mut self, row: &Row, key: Option<String>) {
        if row.text("hostkey") != key.as_deref() {
            self.frees_key = row.text("hostkey").is_some();
            self.columns.push(("hostkey", key.into()));
        }
    }

    fn text(&mut self, row: &Row, column: &'static str, value: &str) {
        if row.text(column).unwrap_or_default() != value {
            self.columns.push((column, value.into()));
        }
    }

    fn state(&mut self, row: &Row, state: State) {
        self.text(row, "state", state.word());
        let enabled = i64::from(state == State::Enabled);
        if row.int("enabled") != Some(enabled) {
            self.columns.push(("enabled", enabled.into()));
        }
    }

    /// Adds a password under the current key.
    pub fn reseal(&mut self, id: i64, column: &'static str, sealed: &str) {
        self.id = id;
        self.columns.push((column, sealed.into()));
    }
}

/// Writes what is to be changed. Host keys that rows give up are freed first: the column is unique.
pub async fn apply(db: &mut Db, table: &'static str, fixes: Vec<Fix>) -> Result<()> {
    for fix in fixes.iter().filter(|fix| fix.frees_key) {
        db.execute(Sql::update(table, &["hostkey"]), &[Param::Text(None), fix.id.into()]).await?;
    }
    for fix in fixes {
        let (columns, mut params): (Vec<&'static str>, Vec<Param>) = fix.columns.into_iter().unzip();
        params.push(fix.id.into());
        db.execute(Sql::update(table, &columns), &params).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::row::{self, tests::original};
    use super::*;
    use crate::db::Cell;

    fn changed(fix: &Fix) -> Vec<&'static str> {
        fix.columns.iter().map(|(column, _)| *column).collect()
    }

    #[test]
    fn an_original_row_is_changed_once() {
        let mut row = original(1, "http://A.org/");
        let tenant = row::tenant(&row).unwrap();
        let first = fix(&row, Verdict::Sound(&tenant)).unwrap();
        assert_eq!(changed(&first), ["hostkey", "vhostname", "vdbtype", "vdbhost", "vdbport", "state"]);
        for (column, param) in first.columns {
            row.set(column, param.into());
        }
        assert!(fix(&row, Verdict::Sound(&tenant)).is_none());
    }

    #[test]
    fn a_duplicate_loses_its_key_and_is_switched_off_once() {
        let mut row = original(2, "http://a.org");
        row.set("hostkey", Cell::Text("a.org".into()));
        let first = fix(&row, Verdict::Duplicate).unwrap();
        assert!(first.frees_key);
        assert_eq!(changed(&first), ["hostkey", "state", "enabled"]);
        for (column, param) in first.columns {
            row.set(column, param.into());
        }
        assert!(fix(&row, Verdict::Duplicate).is_none());
    }
}
