//! Operations, jobs and the farm cron from PHP: one short function per method of the console, under the same name.

use std::panic::AssertUnwindSafe;

use ext_php_rs::boxed::ZBox;
use ext_php_rs::prelude::*;
use ext_php_rs::types::{ZendCallable, ZendHashTable, Zval};
use ext_php_rs::zend::{ExecutorGlobals, bailout, try_catch};
use serde_json::{Map, Value};
use vmoodle_core::console::{Console, Heard};
use vmoodle_core::{Error, Kind};

use crate::boot::with_console;
use crate::error::thrown;
use crate::parameter::{Bytes, Entries};
use crate::shape::{list, map, plain, to_map, value};

type Table = ZBox<ZendHashTable>;

pub(crate) fn given(table: &ZendHashTable) -> PhpResult<Map<String, Value>> {
    to_map(table).map_err(|e| thrown(&e))
}

pub(crate) fn words(table: &ZendHashTable) -> PhpResult<Vec<String>> {
    let word = |one: &Zval| one.dereference().string();
    let bad = || thrown(&Error::new(Kind::BadParameter, "targets and names must be lists of words"));
    table.values().map(word).collect::<Option<_>>().ok_or_else(bad)
}

/// Every operation's description.
#[php_function]
#[php(name = "Vmoodle\\operations")]
pub(crate) fn vmoodle_operations() -> PhpResult<Table> {
    with_console(|console| Ok(console.operations())).map(|all| list(all.iter().map(|one| value(map(one)))))
}

/// For each tenant the changes that a run would make.
#[php_function]
#[php(name = "Vmoodle\\plan")]
pub(crate) fn vmoodle_plan(operation: &str, parameters: &ZendHashTable, targets: &ZendHashTable) -> PhpResult<Table> {
    let (parameters, targets) = (given(parameters)?, words(targets)?);
    with_console(|console| console.plan(operation, &parameters, &targets)).map(|plans| list(plans.iter().map(plain)))
}

/// Writes a job and its items down; gives its number.
#[php_function]
#[php(name = "Vmoodle\\job_submit", optional = "options", defaults(options = Entries::NONE))]
pub(crate) fn vmoodle_job_submit(
    operation: &str,
    parameters: &ZendHashTable,
    targets: &ZendHashTable,
    options: Entries<'_>,
) -> PhpResult<i64> {
    let (parameters, targets) = (given(parameters)?, words(targets)?);
    let options = options.0.map(given).transpose()?.unwrap_or_default();
    with_console(|console| console.job_submit(operation, &parameters, &targets, &options))
}

/// Runs or resumes a job.
#[php_function]
#[php(name = "Vmoodle\\job_run", optional = "progress")]
pub(crate) fn vmoodle_job_run(job: i64, progress: Option<ZendCallable<'_>>) -> PhpResult<Table> {
    let mut listener = Listener::new(progress);
    let done = with_console(|console| {
        console.job_run(job, &mut |counts| {
            listener.hear(counts);
        })
    });
    listener.let_it_end();
    done.map(|counts| map(&counts))
}

/// Runs the crons of the tenants that have due work.
#[php_function]
#[php(name = "Vmoodle\\cron", optional = "options", defaults(options = Entries::NONE))]
pub(crate) fn vmoodle_cron(options: Entries<'_>, progress: Option<ZendCallable<'_>>) -> PhpResult<Table> {
    let options = options.0.map(given).transpose()?.unwrap_or_default();
    let mut listener = Listener::new(progress);
    let done = with_console(|console| console.cron(&options, &mut |event| listener.hear(event)));
    listener.let_it_end();
    done.map(|report| map(&report))
}

/// A callback that hears how a run goes on. What it throws is thrown when the run is over: no tenant is left alone for it.
struct Listener<'a> {
    callback: Option<ZendCallable<'a>>,
    /// The callback has ended the script; our own frames come first.
    ended: bool,
}

impl<'a> Listener<'a> {
    fn new(callback: Option<ZendCallable<'a>>) -> Self {
        Self { callback, ended: false }
    }

    /// Tells it; false where it gave that, threw or has ended the script.
    fn hear(&mut self, told: &Map<String, Value>) -> bool {
        let Some(callback) = self.callback.as_ref() else { return true };
        if self.ended || ExecutorGlobals::has_exception() {
            return false;
        }
        let told = value(map(told));
        let mut goes_on = false;
        let called = AssertUnwindSafe(|| goes_on = callback.try_call(vec![&told]).is_ok_and(|said| !said.is_false()));
        self.ended = try_catch(called).is_err();
        goes_on && !self.ended && !ExecutorGlobals::has_exception()
    }

    fn let_it_end(self) {
        if self.ended {
            drop(self);
            // SAFETY: nothing of ours is left on the stack but what owns no memory.
            unsafe { bailout() }
        }
    }
}

/// Asks one read-only `SELECT` of many tenants.
#[php_function]
#[php(name = "Vmoodle\\query", optional = "options", defaults(options = Entries::NONE))]
pub(crate) fn vmoodle_query(
    sql: &str,
    parameters: &ZendHashTable,
    targets: &ZendHashTable,
    options: Entries<'_>,
    row: Option<ZendCallable<'_>>,
) -> PhpResult<Table> {
    let (parameters, targets) = (given(parameters)?, words(targets)?);
    let options = options.0.map(given).transpose()?.unwrap_or_default();
    if row.is_none() {
        return with_console(|console| console.query(sql, &parameters, &targets, &options)).map(|answer| map(&answer));
    }
    let mut listener = Listener::new(row);
    let (mut errors, mut truncated) = (Vec::new(), Vec::new());
    let done = with_console(|console| {
        console.query_each(sql, &parameters, &targets, &options, &mut |heard| {
            match heard {
                Heard::Row(row) => return listener.hear(&row),
                Heard::Failed(error) => errors.push(Value::Object(error)),
                Heard::Cut(host) => truncated.push(Value::String(host)),
            }
            true
        })
    });
    let answer = done.map(|counts| {
        let mut answer = Map::new();
        answer.insert("rows".to_owned(), Value::Array(Vec::new()));
        answer.insert("errors".to_owned(), Value::Array(std::mem::take(&mut errors)));
        answer.insert("truncated".to_owned(), Value::Array(std::mem::take(&mut truncated)));
        answer.extend(counts);
        map(&answer)
    });
    drop((errors, truncated));
    listener.let_it_end();
    answer
}

/// One job with its items.
#[php_function]
#[php(name = "Vmoodle\\job")]
pub(crate) fn vmoodle_job(job: i64) -> PhpResult<Table> {
    with_console(|console| console.job(job)).map(|job| map(&job))
}

/// Tells the new passwords that a job has made, once.
#[php_function]
#[php(name = "Vmoodle\\job_passwords")]
pub(crate) fn vmoodle_job_passwords(job: i64) -> PhpResult<Table> {
    with_console(|console| console.job_passwords(job)).map(|told| map(&told))
}

/// The jobs.
#[php_function]
#[php(name = "Vmoodle\\jobs", optional = "filter", defaults(filter = Entries::NONE))]
pub(crate) fn vmoodle_jobs(filter: Entries<'_>) -> PhpResult<Table> {
    let filter = filter.0.map(given).transpose()?.unwrap_or_default();
    with_console(|console| console.jobs(&filter)).map(|jobs| list(jobs.iter().map(|job| value(map(job)))))
}

/// Stops a job before its next item.
#[php_function]
#[php(name = "Vmoodle\\job_cancel")]
pub(crate) fn vmoodle_job_cancel(job: i64) -> PhpResult<Table> {
    with_console(|console| console.job_cancel(job)).map(|job| map(&job))
}

/// Writes a new job over the failed items of a job; gives its number.
#[php_function]
#[php(name = "Vmoodle\\job_retry")]
pub(crate) fn vmoodle_job_retry(job: i64) -> PhpResult<i64> {
    with_console(|console| console.job_retry(job))
}

/// Writes a new job that puts back what a job changed; gives its number.
#[php_function]
#[php(name = "Vmoodle\\job_undo")]
pub(crate) fn vmoodle_job_undo(job: i64) -> PhpResult<i64> {
    with_console(|console| console.job_undo(job))
}

/// Removes old jobs from the journal.
#[php_function]
#[php(name = "Vmoodle\\jobs_purge")]
pub(crate) fn vmoodle_jobs_purge(age: i64) -> PhpResult<i64> {
    with_console(|console| console.jobs_purge(age)).map(|gone| i64::try_from(gone).unwrap_or(i64::MAX))
}

/// What was collected of each tenant.
#[php_function]
#[php(name = "Vmoodle\\status", optional = "targets", defaults(targets = Entries::NONE))]
pub(crate) fn vmoodle_status(targets: Entries<'_>) -> PhpResult<Table> {
    let targets = targets.0.map(words).transpose()?.unwrap_or_default();
    with_console(|console| console.status(&targets)).map(|all| list(all.iter().map(|one| value(map(one)))))
}

/// The plugins of many tenants side by side.
#[php_function]
#[php(name = "Vmoodle\\plugin_compare", optional = "filter", defaults(filter = Entries::NONE))]
pub(crate) fn vmoodle_plugin_compare(targets: &ZendHashTable, filter: Entries<'_>) -> PhpResult<Table> {
    let (targets, filter) = (words(targets)?, filter.0.map(given).transpose()?.unwrap_or_default());
    with_console(|console| console.plugin_compare(&targets, &filter)).map(|compared| map(&compared))
}

/// Settings of many tenants side by side.
#[php_function]
#[php(name = "Vmoodle\\config_compare")]
pub(crate) fn vmoodle_config_compare(targets: &ZendHashTable, names: &ZendHashTable) -> PhpResult<Table> {
    let (targets, names) = (words(targets)?, words(names)?);
    with_console(|console| console.config_compare(&targets, &names)).map(|compared| map(&compared))
}

/// Reads and checks a file of nodes.
#[php_function]
#[php(name = "Vmoodle\\nodes", optional = "defaults", defaults(defaults = Entries::NONE))]
pub(crate) fn vmoodle_nodes(contents: Bytes<'_>, defaults: Entries<'_>) -> PhpResult<Table> {
    let defaults = defaults.0.map(given).transpose()?.unwrap_or_default();
    with_console(|console| Ok(console.nodes(contents.0, &defaults))).map(|read| map(&read))
}

/// The snapshots.
#[php_function]
#[php(name = "Vmoodle\\snapshots")]
pub(crate) fn vmoodle_snapshots() -> PhpResult<Table> {
    with_console(Console::snapshots).map(|all| list(all.iter().map(|one| value(map(one)))))
}

/// Checks every octet of a snapshot.
#[php_function]
#[php(name = "Vmoodle\\snapshot_verify")]
pub(crate) fn vmoodle_snapshot_verify(snapshot: &str) -> PhpResult<Table> {
    with_console(|console| console.snapshot_verify(snapshot)).map(|one| map(&one))
}

/// Checks every octet of a snapshot and reads its database into one of its own, which is dropped again.
#[php_function]
#[php(name = "Vmoodle\\snapshot_trial")]
pub(crate) fn vmoodle_snapshot_trial(snapshot: &str, server: &str) -> PhpResult<Table> {
    with_console(|console| console.snapshot_trial(snapshot, named(server))).map(|one| map(&one))
}

/// Makes a snapshot a template, or takes its name away.
#[php_function]
#[php(name = "Vmoodle\\snapshot_name")]
pub(crate) fn vmoodle_snapshot_name(snapshot: &str, name: &str) -> PhpResult<Table> {
    with_console(|console| console.snapshot_name(snapshot, name)).map(|one| map(&one))
}

/// Brings a template of the original onto the shelf.
#[php_function]
#[php(name = "Vmoodle\\snapshot_import")]
pub(crate) fn vmoodle_snapshot_import(key: &str, server: &str) -> PhpResult<Table> {
    with_console(|console| console.snapshot_import(key, named(server))).map(|one| map(&one))
}

/// The keys of the original's templates.
#[php_function]
#[php(name = "Vmoodle\\snapshot_originals")]
pub(crate) fn vmoodle_snapshot_originals() -> PhpResult<Table> {
    with_console(|console| Ok(console.snapshot_originals())).map(|keys| list(keys.into_iter().map(value)))
}

/// Removes what killed runs have left on the shelf and on the servers.
#[php_function]
#[php(name = "Vmoodle\\snapshot_sweep")]
pub(crate) fn vmoodle_snapshot_sweep() -> PhpResult<Table> {
    with_console(Console::snapshot_sweep).map(|one| map(&one))
}

/// A server's name; empty for none.
fn named(server: &str) -> Option<&str> {
    Some(server).filter(|server| !server.is_empty())
}

/// Deletes a snapshot.
#[php_function]
#[php(name = "Vmoodle\\snapshot_delete")]
pub(crate) fn vmoodle_snapshot_delete(snapshot: &str) -> PhpResult<Table> {
    with_console(|console| console.snapshot_delete(snapshot)).map(|one| map(&one))
}

pub(crate) fn register(module: ModuleBuilder<'_>) -> ModuleBuilder<'_> {
    module
        .function(wrap_function!(vmoodle_operations))
        .function(wrap_function!(vmoodle_plan))
        .function(wrap_function!(vmoodle_job_submit))
        .function(wrap_function!(vmoodle_job_run))
        .function(wrap_function!(vmoodle_cron))
        .function(wrap_function!(vmoodle_query))
        .function(wrap_function!(vmoodle_job))
        .function(wrap_function!(vmoodle_job_passwords))
        .function(wrap_function!(vmoodle_jobs))
        .function(wrap_function!(vmoodle_job_cancel))
        .function(wrap_function!(vmoodle_job_retry))
        .function(wrap_function!(vmoodle_job_undo))
        .function(wrap_function!(vmoodle_jobs_purge))
        .function(wrap_function!(vmoodle_status))
        .function(wrap_function!(vmoodle_plugin_compare))
        .function(wrap_function!(vmoodle_config_compare))
        .function(wrap_function!(vmoodle_nodes))
        .function(wrap_function!(vmoodle_snapshots))
        .function(wrap_function!(vmoodle_snapshot_verify))
        .function(wrap_function!(vmoodle_snapshot_trial))
        .function(wrap_function!(vmoodle_snapshot_name))
        .function(wrap_function!(vmoodle_snapshot_import))
        .function(wrap_function!(vmoodle_snapshot_originals))
        .function(wrap_function!(vmoodle_snapshot_sweep))
        .function(wrap_function!(vmoodle_snapshot_delete))
}
