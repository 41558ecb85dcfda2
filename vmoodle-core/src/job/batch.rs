//! What runners write of their items: many items in one transaction.

use std::collections::HashSet;

use super::journal;
use super::state::{DONE, RUNNING, may_move};
use super::statement::{Statement, ids};
use crate::db::{Db, Param, Sql};
use crate::error::Result;
use crate::registry::farm::now;
use crate::steps::{Fact, Kept};

/// What is written of one item.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) item: i64,
    pub(super) tenant: i64,
    pub(super) what: What,
}

#[derive(Clone)]
pub(super) enum What {
    /// Its work begins: the before-image, unless it stands there already.
    Begin(Option<String>),
    /// What it has done so far.
    Keep(Kept),
    /// How it ended, or that it is to be tried again; its tenant is let go.
    End(Outcome),
}

/// How an item ended.
#[derive(Clone)]
pub(super) struct Outcome {
    pub(super) status: &'static str,
    pub(super) error: Option<(&'static str, String)>,
    /// When it may be tried again; 0 for at once.
    pub(super) notbefore: i64,
    /// It was not begun at all, so it does not count as tried.
    pub(super) untried: bool,
    pub(super) kept: Kept,
    pub(super) facts: Vec<Fact>,
    /// What its work has found, as JSON.
    pub(super) output: Option<String>,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is written.
    Written,
    /// Another runner has taken the item over; nothing is written.
    Lost,
    /// The job was cancelled; nothing is written.
    Cancelled,
}

/// How many rows of facts one statement writes: four parameters each, far below what the engines take.
const PAGE: usize = 500;

/// Writes what the runner still holds, and gives the verdict on each entry. Each item may stand there once.
pub(super) async fn write(db: &mut Db, job: i64, owner: &str, entries: &[Entry]) -> Result<Vec<Verdict>> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let mut db = db.begin().await?;
    // In the order in which a claim locks: items, then tenants, each by number.
    let select = "SELECT id FROM {local_vmoodle_item} WHERE status = 'running' AND leaseowner = ? AND id IN ";
    let select = Statement::new(select, [owner.into()]).among(entries.iter().map(|entry| entry.item.into()));
    let held = select.text(" ORDER BY id FOR UPDATE").fetch(&mut db).await?;
    let held: HashSet<i64> = held.iter().filter_map(|row| row.int("id")).collect();
    let goes_on = entries.iter().any(|entry| !matches!(entry.what, What::End(_)));
    let cancelled = goes_on && is_cancelled(&mut db, job).await?;
    let verdicts: Vec<Verdict> = entries
        .iter()
        .map(|entry| match entry.what {
            _ if !held.contains(&entry.item) => Verdict::Lost,
            What::Begin(_) | What::Keep(_) if cancelled => Verdict::Cancelled,
            _ => Verdict::Written,
        })
        .collect();
    let (mut begun, mut ended) = (Vec::new(), Vec::new());
    for (entry, _) in entries.iter().zip(&verdicts).filter(|(_, verdict)| **verdict == Verdict::Written) {
        match &entry.what {
            // Long ones alone: together they might be more than a server takes in one message.
            What::Begin(Some(image)) if image.len() > journal::LONG => {
                begin(&mut db, vec![(entry.item, Param::from(image.as_str()))]).await?;
            }
            What::Begin(Some(image)) => begun.push((entry.item, Param::from(image.as_str()))),
            What::Begin(None) => {}
            What::Keep(kept) => keep(&mut db, entry.item, kept).await?,
            What::End(outcome) => ended.push((entry, outcome)),
        }
    }
    begin(&mut db, begun).await?;
    end(&mut db, &ended).await?;
    db.commit().await?;
    Ok(verdicts)
}

async fn is_cancelled(db: &mut Db, job: i64) -> Result<bool> {
    let row = db.fetch_one("SELECT cancelled FROM {local_vmoodle_job} WHERE id = ?", &[job.into()]).await?;
    Ok(row.and_then(|row| row.int("cancelled")).unwrap_or(0) > 0)
}

async fn keep(db: &mut Db, item: i64, kept: &Kept) -> Result<()> {
    let sql = "UPDATE {local_vmoodle_item} SET memory = ?, warnings = ?, steps = ? WHERE id = ?";
    let params = [kept.memory.clone().into(), kept.warnings.clone().into(), kept.steps.into(), item.into()];
    db.execute(sql, &params).await?;
    Ok(())
}

async fn begin(db: &mut Db, images: Vec<(i64, Param)>) -> Result<()> {
    if images.is_empty() {
        return Ok(());
    }
    let items: Vec<i64> = images.iter().map(|(item, _)| *item).collect();
    Statement::new("UPDATE {local_vmoodle_item} SET heartbeat = ?", [now().into()])
        .cases(", beforeimage = CASE id", images, " ELSE beforeimage END")
        .text(" WHERE id IN ")
        .among(ids(&items))
        .execute(db)
        .await?;
    Ok(())
}

async fn end(db: &mut Db, ended: &[(&Entry, &Outcome)]) -> Result<()> {
    if ended.is_empty() {
        return Ok(());
    }
    debug_assert!(ended.iter().all(|(_, outcome)| may_move(RUNNING, outcome.status)));
    let each = |value: fn(&Outcome) -> Option<Param>| {
        ended.iter().filter_map(move |(entry, outcome)| Some((entry.item, value(outcome)?)))
    };
    let of_error = |value: fn(&(&'static str, String)) -> Param| {
        ended.iter().filter_map(move |(entry, outcome)| Some((entry.item, value(outcome.error.as_ref()?))))
    };
    let items: Vec<i64> = ended.iter().map(|(entry, _)| entry.item).collect();
    let head = "UPDATE {local_vmoodle_item} SET leaseowner = NULL, leaseuntil = 0, timefinished = ?";
    let no_error = ended.iter().all(|(_, outcome)| outcome.error.is_none());
    Statement::new(head, [now().into()])
        .cases(", status = CASE id", each(|outcome| Some(outcome.status.into())), " ELSE status END")
        .cases(", notbefore = CASE id", each(|outcome| Some(outcome.notbefore.into())), " ELSE notbefore END")
        .cases(", memory = CASE id", each(|outcome| outcome.kept.memory.clone().map(Into::into)), " ELSE memory END")
        .cases(
            ", warnings = CASE id",
            each(|outcome| outcome.kept.warnings.clone().map(Into::into)),
            " ELSE warnings END",
        )
        .cases(", steps = CASE id", each(|o| (o.kept.steps > 0).then(|| o.kept.steps.into())), " ELSE steps END")
        .cases(", errorcode = CASE id", of_error(|(code, _)| (*code).into()), " ELSE NULL END")
        .cases(", error = CASE id", of_error(|(_, text)| text.as_str().into()), " ELSE NULL END")
        .text(if no_error { ", errorcode = NULL, error = NULL" } else { "" })
        .text(" WHERE id IN ")
        .among(ids(&items))
        .execute(db)
        .await?;
    let some = |wanted: fn(&Outcome) -> bool| -> Vec<i64> {
        ended.iter().filter(|(_, outcome)| wanted(outcome)).map(|(entry, _)| entry.item).collect()
    };
    for (sql, items) in [
        // What was done is what was written down before.
        (
            "UPDATE {local_vmoodle_item} SET afterimage = beforeimage WHERE id IN ",
            some(|outcome| outcome.status == DONE),
        ),
        ("UPDATE {local_vmoodle_item} SET attempts = attempts - 1 WHERE id IN ", some(|outcome| outcome.untried)),
    ] {
        if !items.is_empty() {
            Statement::new(sql, []).among(ids(&items)).execute(db).await?;
        }
    }
    // Outputs are long: together they might be more than a server takes in one message.
    for (entry, outcome) in ended {
        if let Some(output) = &outcome.output {
            let sql = "UPDATE {local_vmoodle_item} SET output = ? WHERE id = ?";
            db.execute(sql, &[output.as_str().into(), entry.item.into()]).await?;
        }
    }
    let tenants = ended.iter().map(|(entry, _)| entry.tenant.into());
    Statement::new("UPDATE {local_vmoodle} SET lockitem = NULL, lockuntil = NULL WHERE id IN ", [])
        .among(tenants)
        .text(" AND lockitem IN ")
        .among(ids(&items))
        .execute(db)
        .await?;
    facts(db, ended).await
}

/// Puts facts in the place of the same facts of the same tenants.
async fn facts(db: &mut Db, ended: &[(&Entry, &Outcome)]) -> Result<()> {
    let with: Vec<_> = ended.iter().filter(|(_, outcome)| !outcome.facts.is_empty()).collect();
    if with.is_empty() {
        return Ok(());
    }
    let names: HashSet<&str> =
        with.iter().flat_map(|(_, outcome)| outcome.facts.iter().map(|(name, _)| *name)).collect();
    let tenants: Vec<i64> = with.iter().map(|(entry, _)| entry.tenant).collect();
    Statement::new("DELETE FROM {local_vmoodle_status} WHERE tenantid IN ", [])
        .among(ids(&tenants))
        .text(" AND fact IN ")
        .among(names.into_iter().map(Into::into))
        .execute(db)
        .await?;
    let time = now();
    let rows: Vec<[Param; 4]> = with
        .iter()
        .flat_map(|(entry, outcome)| outcome.facts.iter().map(move |fact| (entry.tenant, fact)))
        .map(|(tenant, (name, value))| [tenant.into(), (*name).into(), value.clone().into(), time.into()])
        .collect();
    for page in rows.chunks(PAGE) {
        let sql = Sql::insert_rows("local_vmoodle_status", &["tenantid", "fact", "value", "collected"], page.len());
        db.execute(sql, page.as_flattened()).await?;
    }
    Ok(())
}
