//! A person's script on one site: connected, judged, filled in, run in one transaction.
//!
//! It runs as the tenant's own database user. What a read-only run cannot do is kept from it three times: by the judgement
//! of its words, by the server's read-only transaction, and by that transaction being taken back at the end.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::db::{Came, Db, Fault, More, Session};
use crate::error::{Error, Kind, Result};
use crate::secret::Keyring;
use crate::settings::Settings;
use crate::sqlscript::{Bound, Rules, Script, Verdict};
use crate::tenant::Tenant;

/// The plugin whose setting is the mark of a run (`config_plugins.plugin`).
const MARKED: &str = "local_vmoodle";

/// What is asked of a site.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The script.
    pub sql: &'a str,
    /// Its values.
    pub values: &'a Map<String, Value>,
    /// What it may do.
    pub rules: &'a Rules,
    /// The most rows that one statement gives.
    pub rows: u64,
    /// How long one statement may take.
    pub time: Duration,
}

/// A script that may run on a site.
#[derive(Debug)]
pub struct Ready {
    db: Db,
    script: Script,
    bound: Vec<Bound>,
    verdicts: Vec<Verdict>,
    session: Session,
    wwwroot: String,
}

/// Where a script stands on a site of which a runner has died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Its transaction was committed.
    There,
    /// It was not, or it did not run in one.
    Missing,
}

/// Connects, judges and fills in; changes nothing.
///
/// Fails with `sql_refused` where the script asks for more than the rules allow, `bad_parameter` where its values are not
/// those that it asks for, `tenant_unreachable`.
pub async fn prepare(tenant: &Tenant, settings: &Settings, keyring: &Keyring, asked: &Asked<'_>) -> Result<Ready> {
    let wwwroot = tenant.address.to_string();
    let of_tenant = |error: Error| error.of_tenant(wwwroot.clone());
    let script = Script::read(asked.sql, tenant.database.engine).map_err(of_tenant)?;
    if script.is_empty() {
        return Err(of_tenant(Error::new(Kind::SqlRefused, "the script holds no statement")));
    }
    let bound = script.bind(&tenant.prefix, asked.values).map_err(of_tenant)?;
    if asked.rules.writes && settings.account.is_some() {
        asked.rules.require("shared_account", "the whole script").map_err(of_tenant)?;
    }
    let mut db = Db::open_tenant(tenant, settings, keyring).await?;
    let standing = db.standing().await?;
    let judged = script.judge(&tenant.prefix, &standing.own).and_then(|verdicts| {
        if standing.administrator {
            asked.rules.require("administrator", "the whole script")?;
        }
        script.hold(&verdicts, asked.rules)?;
        Ok(verdicts)
    });
    match judged {
        Ok(verdicts) => {
            let session = Session { writes: asked.rules.writes, statement: asked.time, rows: asked.rows };
            Ok(Ready { db, script, bound, verdicts, session, wwwroot })
        }
        Err(error) => {
            db.close().await;
            Err(of_tenant(error))
        }
    }
}

impl Ready {
    /// What each statement is, with its text.
    pub fn statements(&self) -> impl Iterator<Item = (&Verdict, &str)> {
        self.verdicts.iter().zip(self.script.texts())
    }

    /// Whether all of it is taken back where one statement fails.
    pub fn is_atomic(&self) -> bool {
        self.verdicts.iter().all(|verdict| verdict.atomic)
    }

    /// Reads; `hear` gets each statement's number with what comes of it. Where it wants no more, the rest is left.
    pub async fn read(mut self, hear: &mut dyn FnMut(usize, Came<'_>) -> More) -> Result<()> {
        self.db.begin_session(self.session).await?;
        match self.run(hear).await {
            Ok(More::Yes) => {
                self.db.end_session(false).await?;
                self.db.close().await;
                Ok(())
            }
            // Hanging up is faster than hearing out what nobody wants.
            Ok(More::No) => Ok(()),
            Err(error) => {
                self.db.close().await;
                Err(error)
            }
        }
    }

    /// Writes, and leaves a mark of this name in the same transaction; `hear` must want everything.
    pub async fn write(mut self, mark: &str, hear: &mut dyn FnMut(usize, Came<'_>) -> More) -> Result<()> {
        self.db.begin_session(self.session).await?;
        let done = async {
            self.run(hear).await?;
            let sql = "INSERT INTO {config_plugins} (plugin, name, value) VALUES (?, ?, '1')";
            self.db.execute(sql, &[MARKED.into(), mark.into()]).await?;
            self.db.end_session(true).await.map_err(Error::from)
        }
        .await;
        self.db.close().await;
        done
    }

    /// Whether a run of this mark was committed.
    pub async fn mark(&mut self, mark: &str) -> Result<Mark> {
        let sql = "SELECT id FROM {config_plugins} WHERE plugin = ? AND name = ?";
        let found = self.db.fetch_one(sql, &[MARKED.into(), mark.into()]).await?;
        Ok(if found.is_some() { Mark::There } else { Mark::Missing })
    }

    /// Lets the site go.
    pub async fn leave(self) {
        self.db.close().await;
    }

    async fn run(&mut self, hear: &mut dyn FnMut(usize, Came<'_>) -> More) -> Result<More> {
        let count = self.bound.len();
        for (number, bound) in self.bound.iter().enumerate() {
            let done = self.db.run_bound(bound, self.session.statement, &mut |came| hear(number, came)).await;
            let more = done.map_err(|fault| {
                let place = format!("statement {} of {count} (line {})", number + 1, self.script.line(number));
                let stays = self.session.writes && number > 0 && !self.verdicts[..=number].iter().all(|v| v.atomic);
                failed(&self.wwwroot, &place, fault, stays)
            })?;
            if more == More::No {
                return Ok(More::No);
            }
        }
        Ok(More::Yes)
    }
}

/// Takes a mark away.
pub async fn unmark(db: &mut Db, mark: &str) -> Result<(), Fault> {
    let sql = "DELETE FROM {config_plugins} WHERE plugin = ? AND name = ?";
    db.execute(sql, &[MARKED.into(), mark.into()]).await.map(drop)
}

fn failed(wwwroot: &str, place: &str, fault: Fault, stays: bool) -> Error {
    use crate::db::Cause;
    // Nothing of it is lasting: it may be tried again.
    if matches!(fault.cause(), Cause::Unreachable | Cause::Locked) {
        return fault.into();
    }
    let error = Error::new(Kind::SqlFailed, format!("{place} was refused")).because(fault).of_tenant(wwwroot);
    if stays { error.hint("a statement has ended the transaction: what was done before may stay") } else { error }
}

/// What a script gave, no longer than a journal bears.
#[derive(Debug, Default)]
pub struct Output {
    statements: Vec<Value>,
    current: Option<(usize, Vec<String>, Vec<Value>, bool)>,
    bytes: usize,
    omitted: u64,
    changed: u64,
    most_rows: u64,
    most_bytes: usize,
}

impl Output {
    /// An output of so many rows of a statement, and octets of all.
    pub fn new(most_rows: u64, most_bytes: usize) -> Self {
        Self { most_rows, most_bytes, ..Self::default() }
    }

    /// Takes what comes of a statement.
    pub fn hear(&mut self, number: usize, came: Came<'_>) -> More {
        match came {
            Came::Row(names, values) => {
                let (_, _, rows, cut) = self.current.get_or_insert_with(|| (number, names.to_vec(), Vec::new(), false));
                let size = json!(values).to_string().len();
                if rows.len() as u64 >= self.most_rows || self.bytes + size > self.most_bytes {
                    *cut = true;
                } else {
                    self.bytes += size;
                    rows.push(Value::Array(values));
                }
            }
            Came::Done(count) => {
                let one = if let Some((_, columns, rows, cut)) = self.current.take() {
                    json!({"statement": number + 1, "columns": columns, "rows": rows, "truncated": cut})
                } else {
                    self.changed += count;
                    json!({"statement": number + 1, "affected": count})
                };
                // A row of numbers is shorter than this; what counts is that a long script stays bounded.
                self.bytes += 40;
                if self.bytes > self.most_bytes + 4096 {
                    self.omitted += 1;
                } else {
                    self.statements.push(one);
                }
            }
        }
        More::Yes
    }

    /// As JSON: `statements`, each with `columns`, `rows` and `truncated`, or with `affected`; `affected` of all; how many
    /// statements are `omitted`.
    pub fn json(&self) -> Value {
        json!({"statements": self.statements, "affected": self.changed, "omitted": self.omitted})
    }
}
