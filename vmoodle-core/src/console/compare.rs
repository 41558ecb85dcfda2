//! Many tenants side by side.

use serde_json::{Map, Value, json};

use super::Console;
use crate::error::Result;
use crate::job;
use crate::moodle::config_matrix::{self, Names};
use crate::moodle::plugins::matrix::{self, Filter};
use crate::moodle::plugins::present;
use crate::moodle::plugins::states::{Asked, States};
use crate::registry::Fields;

impl Console {
    /// The plugins of the tenants meant: `tenants`, each with its `wwwroot`, and with `errorcode` and `error` where it could not
    /// be read; `plugins`, a line for each: `plugin`, `code`, `newest`, `value`, `alike`, `odd`. `filter`: `types` and `plugins`, lists of names.
    pub fn plugin_compare(&self, targets: &[String], filter: &Map<String, Value>) -> Result<Map<String, Value>> {
        let fields = Fields::new(filter, &["types", "plugins"], &[])?;
        let list =
            |text: &str| text.split(',').map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect();
        let filter = Filter {
            types: fields.words("types", list)?.unwrap_or_default(),
            plugins: fields.words("plugins", list)?.unwrap_or_default(),
        };
        let (sites, tenants, states) = self.ask(targets, async |db| States::read(db, Asked::default()).await)?;
        let code = present::read(self.control.dirroot.as_ref())?;
        let lines = matrix::lines(&sites, &states, &code, &filter);
        Ok(compared(tenants, "plugins", lines))
    }

    /// Settings of the tenants meant: `tenants` as of [`Self::plugin_compare`]; `settings`, a line for each:
    /// `name`, `value`, `alike`, `odd`, secrets masked. Names are `theme`, `auth_manual/expiration`, `auth_manual/*`.
    pub fn config_compare(&self, targets: &[String], names: &[String]) -> Result<Map<String, Value>> {
        let names = Names::parse(names)?;
        let asked = names.clone();
        let (sites, tenants, values) = self.ask(targets, async move |db| config_matrix::read(db, &asked).await)?;
        let lines = config_matrix::lines(&sites, &values, &names);
        Ok(compared(tenants, "settings", lines))
    }

    /// Asks every tenant meant: the addresses of those that answered, what is told of all, and the answers.
    #[allow(clippy::type_complexity)]
    fn ask<T: 'static>(
        &self,
        targets: &[String],
        read: impl AsyncFn(&mut crate::db::Db) -> Result<T> + 'static,
    ) -> Result<(Vec<String>, Vec<Value>, Vec<T>)> {
        let keyring = self.keyring()?;
        let said = self.jobs_on(async |db| job::survey(db, &self.control, keyring, targets, read).await)?;
        let (mut sites, mut tenants, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        for (wwwroot, answer) in said {
            tenants.push(match &answer {
                Ok(_) => json!({ "wwwroot": wwwroot, "errorcode": null, "error": null }),
                Err(e) => json!({ "wwwroot": wwwroot, "errorcode": e.code(), "error": e.to_string() }),
            });
            if let Ok(answer) = answer {
                sites.push(wwwroot);
                answers.push(answer);
            }
        }
        Ok((sites, tenants, answers))
    }
}

fn compared(tenants: Vec<Value>, what: &str, lines: Vec<Map<String, Value>>) -> Map<String, Value> {
    let mut compared = Map::new();
    compared.insert("tenants".into(), Value::Array(tenants));
    compared.insert(what.to_owned(), lines.into_iter().map(Value::Object).collect());
    compared
}
