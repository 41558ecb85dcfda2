//! One question to many tenants.

use serde_json::{Map, Value, json};

use super::Console;
use crate::error::Result;
use crate::job;
use crate::query::{self, Heard, Options, Question};

impl Console {
    /// Asks one read-only `SELECT` of every tenant meant, and gives the answers while others still work.
    ///
    /// `{table}` stands for a table with the site's prefix, `[[?name]]` for a value of `values`, which is bound and never
    /// a part of the text. A row is a map with the tenant's key as `host` first; a column of that name becomes `host_2`.
    /// Options: `row_limit` (10,000 for each tenant), `time_limit` (30 seconds), `size_limit` (16 MiB for each tenant),
    /// `allow` (see [`crate::operation`]'s `run_sql`; only what stays read-only).
    ///
    /// `hear` gets rows, tenants that failed and those of which rows were cut off, in the order of their coming; where it
    /// gives `false` nothing more is asked. Gives `answered` and `failed`. Fails with `sql_refused` or `bad_parameter`
    /// where no tenant would be asked; what fails at one tenant is heard, not given as an error.
    pub fn query_each(
        &self,
        sql: &str,
        values: &Map<String, Value>,
        targets: &[String],
        options: &Map<String, Value>,
        hear: &mut dyn FnMut(Heard) -> bool,
    ) -> Result<Map<String, Value>> {
        let keyring = self.keyring()?;
        let question = Question { sql, values, options: Options::read(options)? };
        self.read(async |db, _| {
            let tenants = job::chosen(db, targets).await?;
            Box::pin(query::ask(&self.control, &keyring, &tenants, &question, hear)).await
        })
    }

    /// As [`Self::query_each`], with everything at once: `rows`, `errors`, `truncated` (hosts), `answered`, `failed`.
    pub fn query(
        &self,
        sql: &str,
        values: &Map<String, Value>,
        targets: &[String],
        options: &Map<String, Value>,
    ) -> Result<Map<String, Value>> {
        let (mut rows, mut errors, mut cut) = (Vec::new(), Vec::new(), Vec::new());
        let counts = self.query_each(sql, values, targets, options, &mut |heard| {
            match heard {
                Heard::Row(row) => rows.push(Value::Object(row)),
                Heard::Failed(error) => errors.push(Value::Object(error)),
                Heard::Cut(host) => cut.push(Value::String(host)),
            }
            true
        })?;
        let mut answer = Map::new();
        answer.insert("rows".into(), json!(rows));
        answer.insert("errors".into(), json!(errors));
        answer.insert("truncated".into(), json!(cut));
        answer.extend(counts);
        Ok(answer)
    }
}
