//! Moodle's own upgrade of a tenant: whether one is pending, whether it may begin, and whether the site is well after it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::process::{self, End, Task};
use crate::control::ControlSite;
use crate::db::{Db, Fault};
use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::moodle::plugins::versions;
use crate::moodle::status::Wanted;
use crate::steps::blocking;
use crate::tenant::Tenant;

/// Moodle's script.
pub(crate) const SCRIPT: &str = "admin/cli/upgrade.php";
/// Ours, which asks Moodle whether it would upgrade a site, and for the hash of all versions.
const CHECK: &str = "local/vmoodle/cli/upgrade_check.php";
/// Moodle's Check API.
const CHECKS: &str = "admin/cli/checks.php";
/// How long a check may take.
const CHECK_LIMIT: Duration = Duration::from_mins(5);
/// How many new complaints are asked for one by one.
const ASKED: usize = 20;

/// What the code asks of a site.
///
/// The hash of all versions is found without PHP; where the control site does not bear it out, because it is of another code
/// itself or because `config.php` moves plugins, PHP is asked, once for all tenants.
pub(crate) async fn wanted(control_db: &mut Db, control: &ControlSite) -> Result<Wanted> {
    let dirroot = PathBuf::from(&control.dirroot);
    let mut wanted = Wanted::read(control_db, &dirroot).await?;
    let found = blocking(move || Ok(versions::hash(&dirroot).ok().flatten())).await?;
    if found.is_some() && found == wanted.hash {
        return Ok(wanted);
    }
    match asked_of_php(control).await {
        Ok(hash) => wanted.hash = Some(hash),
        Err(_) => wanted.hash = found.or(wanted.hash),
    }
    Ok(wanted)
}

async fn asked_of_php(control: &ControlSite) -> Result<String> {
    let ended = run_script(control, None, CHECK, &["--hash"], CHECK_LIMIT).await?;
    let is_hash = |line: &&str| line.len() == 40 && line.bytes().all(|b| b.is_ascii_hexdigit());
    let hash = ended.said().lines().map(str::trim).find(is_hash).filter(|_| ended.code() == Some(0));
    hash.map(str::to_owned).ok_or_else(|| ended.failed())
}

/// Asks Moodle whether it would upgrade the site: its environment test, files left over, what plugins need. Changes nothing;
/// fails with `moodle_unfit` and what Moodle says.
pub(crate) async fn require_fit(control: &ControlSite, tenant: &Tenant) -> Result<()> {
    let ended = run_script(control, Some(tenant), CHECK, &[], CHECK_LIMIT).await?;
    if ended.code() == Some(0) {
        return Ok(());
    }
    let said = ended.words();
    Err(Error::new(Kind::MoodleUnfit, format!("Moodle would not upgrade the site: {}", said.trim()))
        .hint("nothing was changed; put right what Moodle names, then retry the job"))
}

/// Runs Moodle's upgrade.
pub(crate) async fn run(control: &ControlSite, tenant: &Tenant, unstable: bool, limit: Duration) -> Result<End> {
    let mut arguments = vec!["--non-interactive", "--lang=en"];
    if unstable {
        arguments.push("--allow-unstable");
    }
    run_script(control, Some(tenant), SCRIPT, &arguments, limit).await
}

async fn run_script(
    control: &ControlSite,
    tenant: Option<&Tenant>,
    script: &str,
    arguments: &[&str],
    limit: Duration,
) -> Result<End> {
    process::run(control, tenant, &Task { script, arguments, input: b"", limit, goes_on: script == SCRIPT }).await
}

/// The number of the last entry of the site's upgrade log; 0 for none.
pub(crate) async fn log_end(site: &mut Db) -> Result<i64, Fault> {
    let row = site.fetch_one("SELECT MAX(id) AS last FROM {upgrade_log}", &[]).await?;
    Ok(row.and_then(|row| row.int("last")).unwrap_or(0))
}

/// The first error in the site's upgrade log behind an entry (lib/upgradelib.php, `UPGRADE_LOG_ERROR`).
pub(crate) async fn logged_error(site: &mut Db, behind: i64) -> Result<Option<String>, Fault> {
    let sql = "SELECT plugin, info, details FROM {upgrade_log} WHERE id > ? AND type = 2 ORDER BY id LIMIT 1";
    let row = site.fetch_one(sql, &[behind.into()]).await?;
    Ok(row.map(|row| {
        let text = |column| row.text(column).unwrap_or_default().to_owned();
        let all = format!("{}: {} {}", text("plugin"), text("info"), text("details"));
        escape(&all.chars().take(500).collect::<String>()).into_owned()
    }))
}

/// The checks that are not content, by Moodle's references. Fails where the site does not even boot.
pub(crate) async fn complaints(control: &ControlSite, tenant: &Tenant) -> Result<BTreeSet<String>> {
    let ended = checks(control, tenant, &[]).await?;
    Ok(ended.said().lines().filter_map(reference).collect())
}

/// Whether a check says that something is broken, not only that something should be looked at.
pub(crate) async fn is_error(control: &ControlSite, tenant: &Tenant, check: &str) -> Result<bool> {
    let filter = format!("--filter={check}");
    let ended = checks(control, tenant, &[&filter]).await?;
    Ok(ended.said().lines().any(|line| line.starts_with("CRITICAL: ")))
}

/// The complaints that were not there before, and are errors; and those that only warn.
pub(crate) async fn new_complaints(
    control: &ControlSite,
    tenant: &Tenant,
    before: &BTreeSet<String>,
) -> Result<(Vec<String>, Vec<String>)> {
    let (mut errors, mut warnings) = (Vec::new(), Vec::new());
    for check in complaints(control, tenant).await?.difference(before).take(ASKED) {
        let list = if is_error(control, tenant, check).await? { &mut errors } else { &mut warnings };
        list.push(check.clone());
    }
    Ok((errors, warnings))
}

/// The HTTP status that the site's login page answers from here; 0 where nobody answers. It is asked by Moodle's own client, on
/// this node: a farm whose nodes do not reach their own addresses hears nothing, before the upgrade as after it.
pub(crate) async fn answer(control: &ControlSite, tenant: &Tenant) -> Result<u16> {
    let ended = run_script(control, Some(tenant), CHECK, &["--answers"], CHECK_LIMIT).await?;
    let status = ended.said().lines().rev().find_map(|line| line.trim().parse().ok());
    status.filter(|_| ended.code() == Some(0)).ok_or_else(|| ended.failed())
}

/// Whether a page came with this status: Moodle's maintenance and error pages say otherwise.
pub(crate) fn is_well(status: u16) -> bool {
    (200..400).contains(&status)
}

async fn checks(control: &ControlSite, tenant: &Tenant, arguments: &[&str]) -> Result<End> {
    let ended = run_script(control, Some(tenant), CHECKS, arguments, CHECK_LIMIT).await?;
    // Words of NRPE, in no other language (admin/cli/checks.php). A site that does not boot says none of them.
    let speaks =
        |line: &str| ["OK: ", "WARNING: ", "CRITICAL: ", "UNKNOWN: "].iter().any(|word| line.starts_with(word));
    if matches!(ended.code(), Some(0..=3)) && ended.said().lines().any(speaks) {
        return Ok(ended);
    }
    Err(ended.failed())
}

/// The reference of a check in a line of its table: `  Warning| Cron running (tool_task_cronrunning)`.
fn reference(line: &str) -> Option<String> {
    let (status, check) = line.split_once('|')?;
    if status.trim().is_empty() {
        return None;
    }
    let (_, reference) = check.trim_end().strip_suffix(')')?.rsplit_once('(')?;
    let is_reference = !reference.is_empty() && reference.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    is_reference.then(|| reference.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_references_of_checks_are_read_from_their_table() {
        let table = "CRITICAL: Cron running (tool_task_cronrunning)\n   Status | Check                    \n----------+---\n\
            \x20    Error| Cron running (tool_task_cronrunning)                          \n\
            \x20         |     The cron has not run (ever)\n\
            \x1b[33mAttention\x1b[0m| Médias (sûrs) (core_x1)   \n     Erreur| nothing in brackets\n";
        let found: Vec<String> = table.lines().filter_map(reference).collect();
        assert_eq!(found, ["tool_task_cronrunning", "core_x1"]);
    }
}
