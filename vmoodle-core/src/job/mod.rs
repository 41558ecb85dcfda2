//! Jobs: one operation over chosen tenants, written down before it begins.
//!
//! A job may reach its tenants in waves. An item is done when its changes are made, its caches are dropped, and the operation's
//! gate finds the tenant well; a wave begins when every item of the one before has ended, with fewer failures than stop the job.

mod batch;
mod births;
mod claim;
mod draft;
mod executor;
mod gates;
mod item;
mod journal;
mod passwords;
mod plan;
mod pool;
mod retention;
mod scribe;
mod spread;
mod state;
mod statement;
mod survey;
mod waves;

use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::control::ControlSite;
use crate::db::{Cell, Db, Row, Sql};
use crate::error::{Error, Kind, Result};
use crate::operation;
use crate::parameter;
use crate::registry::{row, tenants};
use crate::secret::Keyring;
use crate::steps::Doing;
use crate::targets::Targets;
use crate::tenant::Tenant;
use pool::Pool;

pub(crate) use draft::{Draft, draft, submit_drafts};
pub(crate) use passwords::tell as tell_passwords;
pub(crate) use plan::change_as_json;
pub(crate) use retention::purge;
pub(crate) use survey::survey;

/// Who publishes the registry while a job changes it.
pub(crate) trait Publisher {
    /// Compiles the registry and puts the index in place.
    fn publish<'a>(&'a self, db: &'a mut Db, keyring: &'a Keyring) -> Doing<'a, ()>;
}

/// What a caller asks for.
pub(crate) struct Request<'a> {
    pub(crate) operation: &'a str,
    pub(crate) parameters: &'a Map<String, Value>,
    pub(crate) targets: &'a [String],
}

static RUNS: AtomicU64 = AtomicU64::new(0);

/// For each tenant the changes that a run would make, or the error that it would end with.
pub(crate) async fn plan(
    db: &mut Db,
    control: &ControlSite,
    keyring: Keyring,
    asked: &Request<'_>,
) -> Result<Vec<Value>> {
    let operation = operation::find(asked.operation)?;
    let mut parameters = parameter::check(operation.meta().parameters, asked.parameters, &keyring)?;
    operation.prepare(&mut parameters, &keyring)?;
    if operation.meta().makes {
        return births::plan(db, control, &keyring, operation, asked, &parameters).await;
    }
    let tenants = chosen(db, asked.targets).await?;
    let question = plan::Question { keyring: Rc::new(keyring), operation, parameters, memo: Rc::default() };
    let planned = Box::pin(plan::plan(db, Pool::new(control.clone()), question, tenants)).await?;
    Ok(planned.into_iter().map(|(tenant, changes)| plan::shown(&tenant.address.to_string(), changes)).collect())
}

/// Writes a job and its items; gives its number.
pub(crate) async fn submit(
    db: &mut Db,
    control: &ControlSite,
    keyring: &Keyring,
    asked: &Request<'_>,
    options: &Map<String, Value>,
) -> Result<i64> {
    let operation = operation::find(asked.operation)?;
    let mut parameters = parameter::check(operation.meta().parameters, asked.parameters, keyring)?;
    operation.prepare(&mut parameters, keyring)?;
    check_options(options)?;
    if operation.is_dangerous(&parameters) && options.get("confirm") != Some(&json!(true)) {
        return Err(refused("the operation is dangerous and not confirmed").hint("give the option `confirm`"));
    }
    if operation.meta().makes {
        return births::submit(db, control, keyring, operation, asked, &parameters, options).await;
    }
    let tenants = chosen(db, asked.targets).await?;
    let copied = parameter::split(&parameters, false);
    let mut items: Vec<_> = tenants.iter().map(|tenant| journal::NewItem::of(tenant, &copied)).collect();
    spread::over_time(&mut items, options)?;
    let new = journal::NewJob {
        operation: asked.operation,
        parameters: &parameters,
        targets: asked.targets.to_vec(),
        options,
        mode: "run",
        undoes: 0,
        retries: 0,
        userid: userid(options)?,
    };
    create(db, &new, &items).await
}

/// A new job over the items of another: over those that failed, or over those done, to put their images back.
pub(crate) async fn again(db: &mut Db, id: i64, undo: bool) -> Result<i64> {
    let job = journal::job(db, id).await?;
    let name = job.text("operation").unwrap_or_default().to_owned();
    let meta = operation::find(&name)?.meta();
    if undo && (!meta.undoable || job.text("mode") == Some("undo")) {
        return Err(refused("the job cannot be undone"));
    }
    // A tenant that is half made is taken back too.
    let wanted: &[&str] = match (undo, meta.makes) {
        (true, false) => &[state::DONE],
        (true, true) => &[state::DONE, state::FAILED, state::CANCELLED, state::UNKNOWN],
        (false, _) => &[state::FAILED, state::CANCELLED, state::UNKNOWN],
    };
    let rows = journal::items(db, id).await?;
    let all = all(db).await?;
    let keep_image = undo || job.text("mode") == Some("undo");
    let items: Vec<journal::NewItem> = rows
        .iter()
        .filter(|item| wanted.contains(&item.text("status").unwrap_or_default()))
        .filter_map(|item| {
            let tenant = all.iter().find(|tenant| Some(i64::from(tenant.id.0)) == item.int("tenantid"))?;
            let text = |column| item.text(column).map(str::to_owned);
            Some(journal::NewItem {
                parameters: text("parameters").unwrap_or_default(),
                // What has begun goes on with its own image: the numbers in it name what is done already.
                image: text("beforeimage")
                    .filter(|_| keep_image || item.int("steps").is_some_and(|steps| steps > 0))
                    .or_else(|| Some("[]".to_owned()).filter(|_| keep_image)),
                // What an item has done already is not done again.
                memory: text("memory").filter(|_| !undo),
                ..journal::NewItem::of(tenant, &Map::new())
            })
        })
        .collect();
    let options = object(&job, "options");
    let new = journal::NewJob {
        operation: &name,
        parameters: &object(&job, "parameters"),
        targets: serde_json::from_str(job.text("targets").unwrap_or("[]")).unwrap_or_default(),
        options: &options,
        mode: if keep_image { "undo" } else { "run" },
        undoes: if undo { id } else { job.int("undoes").unwrap_or(0) },
        retries: if undo { 0 } else { id },
        userid: userid(&options)?,
    };
    create(db, &new, &items).await
}

/// Runs or resumes a job and publishes what it changes; gives the counts.
///
/// The job ends only after the publication, so that a killed run is resumed until it is out.
pub(crate) async fn run(
    db: &mut Db,
    control: &ControlSite,
    keyring: Keyring,
    publisher: &dyn Publisher,
    id: i64,
    progress: &mut dyn FnMut(&Map<String, Value>),
) -> Result<Map<String, Value>> {
    let job = journal::job(db, id).await?;
    if job.int("timefinished").unwrap_or(0) > 0 {
        return journal::counts(db, id).await;
    }
    let sql = "UPDATE {local_vmoodle_job} SET status = 'running', timestarted = ? WHERE id = ? AND status = 'queued'";
    db.execute(sql, &[crate::registry::farm::now().into(), id.into()]).await?;
    let operation = operation::find(job.text("operation").unwrap_or_default())?;
    let options = object(&job, "options");
    let random = tempfile::Builder::new().rand_bytes(12).prefix("").tempfile();
    let random = random.ok().and_then(|f| f.path().file_name().map(|n| n.to_string_lossy().into_owned()));
    let keyring = Rc::new(keyring);
    let run = executor::Run {
        keyring: keyring.clone(),
        operation,
        // What is made has its own part of the parameters.
        long: if operation.meta().makes { Map::new() } else { parameter::split(&object(&job, "parameters"), true) },
        job: id,
        undo: job.text("mode") == Some("undo"),
        owner: format!(
            "{}-{}-{}",
            std::process::id(),
            RUNS.fetch_add(1, Ordering::Relaxed),
            random.unwrap_or_default()
        ),
        concurrency: concurrency(&options)?,
        stop_after: stop_after(&options)?,
        waves: waves_of(&options, &journal::items(db, id).await?)?,
        takes: takes(&options),
    };
    if operation.meta().makes && job.text("mode") == Some("run") {
        // Moodle's scripts find the new sites by the index.
        publisher.publish(db, &keyring).await?;
    }
    let counts = Box::pin(executor::run(run, Pool::new(control.clone()), publisher, progress)).await?;
    if operation.meta().publishes {
        publisher.publish(db, &keyring).await?;
    }
    journal::close(db, id).await?;
    Ok(counts)
}

/// Stops a job; gives it.
pub(crate) async fn cancel(db: &mut Db, id: i64) -> Result<Map<String, Value>> {
    if journal::job(db, id).await?.int("timefinished").unwrap_or(0) == 0 {
        journal::cancel(db, id).await?;
    }
    read(db, id).await
}

/// A job with its counts and items, and how many new passwords nobody has been told yet.
pub(crate) async fn read(db: &mut Db, id: i64) -> Result<Map<String, Value>> {
    let mut job = shown(&journal::job(db, id).await?);
    job.insert("counts".into(), Value::Object(journal::counts(db, id).await?));
    let items = journal::items(db, id).await?;
    job.insert("untold".into(), json!(passwords::untold(&items)));
    let options = job.get("options").and_then(Value::as_object).cloned().unwrap_or_default();
    let bounds = waves_of(&options, &items).unwrap_or_default();
    let items = items.iter().map(|item| {
        let mut told = shown(item);
        if let Some(wave) = bounds.iter().position(|bound| item.int("id").unwrap_or(0) <= *bound) {
            told.insert("wave".into(), json!(wave + 1));
        }
        Value::Object(told)
    });
    job.insert("items".into(), items.collect());
    Ok(job)
}

/// The last item of each wave; none where the job has no waves.
fn waves_of(options: &Map<String, Value>, items: &[Row]) -> Result<Vec<i64>> {
    let items: Vec<i64> = items.iter().filter_map(|item| item.int("id")).collect();
    Ok(waves::bounds(&waves::sizes(options)?, &items))
}

/// Which jobs are listed.
pub(crate) struct Wanted {
    pub(crate) id: Option<i64>,
    pub(crate) operation: Option<String>,
    pub(crate) status: Option<String>,
    pub(crate) limit: i64,
}

/// The jobs, the newest first, with their counts; of one that is asked for by its number also what nobody was told yet.
pub(crate) async fn list(db: &mut Db, wanted: Wanted) -> Result<Vec<Map<String, Value>>> {
    let mut parts = vec!["SELECT * FROM {local_vmoodle_job} WHERE id > 0"];
    let mut params = Vec::new();
    for (column, value) in [(" AND operation = ?", wanted.operation), (" AND status = ?", wanted.status)] {
        if let Some(value) = value {
            parts.push(column);
            params.push(value.into());
        }
    }
    if let Some(id) = wanted.id {
        parts.push(" AND id = ?");
        params.push(id.into());
    }
    parts.push(" ORDER BY id DESC LIMIT ?");
    params.push(wanted.limit.into());
    let rows = db.fetch(Sql::joined(&parts), &params).await?;
    let mut jobs = Vec::with_capacity(rows.len());
    for row in &rows {
        let (mut job, id) = (shown(row), row.int("id").unwrap_or(0));
        job.insert("counts".into(), Value::Object(journal::counts(db, id).await?));
        if wanted.id.is_some() {
            job.insert("untold".into(), json!(passwords::untold(&journal::keepers(db, id).await?)));
        }
        jobs.push(job);
    }
    Ok(jobs)
}

async fn create(db: &mut Db, new: &journal::NewJob<'_>, items: &[journal::NewItem]) -> Result<i64> {
    if items.is_empty() {
        return Err(nobody_meant());
    }
    let mut db = db.begin().await?;
    let job = journal::create(&mut db, new, items).await?;
    db.commit().await?;
    Ok(job)
}

fn check_options(options: &Map<String, Value>) -> Result<()> {
    const KNOWN: [&str; 7] = ["concurrency", "on_error", "waves", "confirm", "userid", "delay", "spread"];
    let known = |name: &str| KNOWN.contains(&name) || (cfg!(feature = "testing") && name == TAKES_OPTION);
    if let Some(name) = options.keys().find(|name| !known(name)) {
        return Err(Error::new(Kind::BadParameter, format!("a job has no option `{}`", crate::host::escape(name)))
            .hint(format!("it has: {}", KNOWN.join(", "))));
    }
    concurrency(options)?;
    stop_after(options)?;
    spread::over_time(&mut [], options)?;
    waves::sizes(options)?;
    userid(options).map(drop)
}

/// A job's option, known to tests only: how many milliseconds a run takes new items.
const TAKES_OPTION: &str = "testing_takes";

fn takes(options: &Map<String, Value>) -> Duration {
    let asked = options.get(TAKES_OPTION).and_then(Value::as_u64).filter(|_| cfg!(feature = "testing"));
    asked.map_or(executor::TAKES, Duration::from_millis)
}

fn userid(options: &Map<String, Value>) -> Result<i64> {
    match options.get("userid").map(Value::as_i64) {
        None => Ok(0),
        Some(Some(id)) if id >= 0 => Ok(id),
        Some(_) => Err(Error::new(Kind::BadParameter, "`userid` must be the number of a user of the control site")),
    }
}

async fn all(db: &mut Db) -> Result<Vec<Tenant>> {
    let mut all = Vec::new();
    tenants::each(db, |row| {
        all.extend(row::tenant(row).ok());
        ControlFlow::Continue(())
    })
    .await?;
    Ok(all)
}

/// The tenants that words mean; refused where they mean none.
pub(crate) async fn chosen(db: &mut Db, words: &[String]) -> Result<Vec<Tenant>> {
    let tenants = meant(db, words).await?;
    if tenants.is_empty() { Err(nobody_meant()) } else { Ok(tenants) }
}

/// The tenants that words mean, which may be none.
pub(crate) async fn meant(db: &mut Db, words: &[String]) -> Result<Vec<Tenant>> {
    let targets = Targets::parse(words)?;
    Ok(targets.select(&all(db).await?).into_iter().cloned().collect())
}

fn nobody_meant() -> Error {
    refused("no tenant is meant").hint("list the tenants: `php local/vmoodle/cli/tenants.php`")
}

fn concurrency(options: &Map<String, Value>) -> Result<usize> {
    match options.get("concurrency").map(Value::as_u64) {
        None => Ok(4),
        Some(Some(number @ 1..=64)) => Ok(usize::try_from(number).unwrap_or(4)),
        Some(_) => Err(Error::new(Kind::BadParameter, "`concurrency` must be a number from 1 to 64")),
    }
}

/// After how many failures a job stops, or one of its waves with it.
fn stop_after(options: &Map<String, Value>) -> Result<Option<u64>> {
    match options.get("on_error") {
        // Who asks for waves wants the first failure to hold back the others.
        None => Ok((!waves::sizes(options)?.is_empty()).then_some(1)),
        Some(Value::String(word)) if word == "continue" => Ok(None),
        Some(Value::Number(most)) if most.as_u64().is_some_and(|most| most > 0) => Ok(most.as_u64()),
        Some(_) => {
            Err(Error::new(Kind::BadParameter, "`on_error` must be `continue` or the number of failures to stop after"))
        }
    }
}

fn object(row: &Row, column: &str) -> Map<String, Value> {
    serde_json::from_str(row.text(column).unwrap_or("{}")).unwrap_or_default()
}

fn refused(message: &str) -> Error {
    Error::new(Kind::JobRefused, message)
}

fn shown(row: &Row) -> Map<String, Value> {
    let json = ["parameters", "targets", "options", "warnings", "beforeimage", "afterimage", "output"];
    let value = |column: &str, cell: &Cell| match cell {
        Cell::Null => Value::Null,
        Cell::Int(number) => json!(number),
        Cell::Text(text) if json.contains(&column) => masked(serde_json::from_str(text).unwrap_or(Value::Null)),
        Cell::Text(text) => json!(text),
    };
    let hidden = |column: &str| matches!(column, "memory" | "leaseowner");
    row.cells().filter(|(c, _)| !hidden(c)).map(|(c, cell)| (c.to_owned(), value(c, cell))).collect()
}

/// The longest text that is shown whole, in octets.
const SHOWN: usize = 64 << 10;

/// Sealed and packed values are not shown, long ones by their beginning.
fn masked(value: Value) -> Value {
    match value {
        Value::String(text) if text.starts_with("enc:v1:") || text.starts_with("zst:v1:") => json!("_"),
        Value::String(text) if text.len() > SHOWN => {
            let begin: String = text.chars().take(1000).collect();
            json!(format!("{begin}… ({} octets)", text.len()))
        }
        Value::Object(map) => Value::Object(map.into_iter().map(|(name, value)| (name, masked(value))).collect()),
        Value::Array(list) => list.into_iter().map(masked).collect(),
        other => other,
    }
}
