//! Gives a tenant's main administrator a new password, and lets a locked account in again.

use serde_json::{Value, json};

use super::contract::{Change, Meta, Operation, Work};
use super::source::flag;
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::moodle::account::{self, LOCK, MUST_CHANGE, Swap};
use crate::moodle::users;
use crate::parameter::{Param, Type};
use crate::registry::farm::now;
use crate::secret::{Keyring, Secret, Stored};
use crate::steps::Doing;

/// Gives the main administrator, the first of `siteadmins`, a new password: `password`, or one that is made for each tenant
/// and told once, to whoever asks for the job's passwords. The account then signs in by it (`auth` = `manual`), is no longer locked, and with
/// `must_change` asks for another password first. Sessions stay: see `kill_sessions`.
///
/// It can be undone where the farm has a key file: the journal holds hashes encrypted only.
pub(super) struct ResetAdmin;

static META: Meta = Meta {
    name: "reset_admin",
    parameters: &[
        Param { name: "password", kind: Type::Secret, required: false, default: None },
        Param { name: "must_change", kind: Type::Flag, required: false, default: Some("1") },
        Param { name: "unlock", kind: Type::Flag, required: false, default: Some("1") },
    ],
    dangerous: true,
    idempotent: true,
    undoable: true,
    reads_only: false,
    publishes: false,
    makes: false,
};

const PASSWORD: &str = "password";

impl Operation for ResetAdmin {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(plan(work))
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(apply(work, changes))
    }

    fn undo<'a>(&'a self, work: &'a mut Work<'_>, changes: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(undo(work, changes))
    }
}

fn given(work: &Work<'_>) -> Result<Option<Secret>> {
    let stored = work.parameters.get(PASSWORD).and_then(Value::as_str);
    stored.map(|stored| work.keyring.open_stored(&Stored::from_column(stored))).transpose()
}

async fn plan(work: &mut Work<'_>) -> Result<Vec<Change>> {
    let wanted = given(work)?;
    let mut site = work.open_site().await?;
    let read = async {
        let admin = account::administrator(&mut site).await?;
        account::read(&mut site, admin.id).await
    }
    .await;
    work.leave_site(site, &read).await;
    let old = read?;
    let mut changes = Vec::new();
    let mut change = |part: &str, after: Option<&str>| {
        let before = old.get(part).map(String::as_str);
        if before != after {
            changes.push(Change { what: part.into(), before: json!(before), after: json!(after) });
        }
    };
    change("auth", Some("manual"));
    if flag(work, "must_change") {
        change(MUST_CHANGE, Some("1"));
    }
    if flag(work, "unlock") {
        for part in LOCK {
            change(part, None);
        }
    }
    let hash = &old[PASSWORD];
    if wanted.as_ref().is_none_or(|wanted| !account::verifies(wanted, hash)) {
        let (before, after) = if work.keyring.seals() {
            let new = match (wanted, work.steps.as_mut()) {
                (Some(wanted), _) => wanted,
                (None, Some(steps)) => steps.password(work.keyring, account::generate).await?,
                (None, None) => account::generate()?,
            };
            let sealed = |hash: &Secret| Ok::<_, Error>(json!({ "sealed": work.keyring.seal(hash)?.column() }));
            (sealed(&Secret::new(hash.clone()))?, sealed(&users::hash(&new)?)?)
        } else {
            (json!("the old one"), json!("a new one"))
        };
        changes.insert(0, Change { what: PASSWORD.into(), before, after });
    }
    Ok(changes)
}

async fn apply(work: &mut Work<'_>, changes: &[Change]) -> Result<()> {
    let mut swaps = Vec::new();
    let mut unsealed = None;
    for change in changes {
        if change.what != PASSWORD {
            swaps.push(swap(change)?);
        } else if change.after.is_object() {
            let (from, to) =
                (open(&change.before["sealed"], work.keyring)?, open(&change.after["sealed"], work.keyring)?);
            swaps.push(Swap { part: PASSWORD, from: Some(from.reveal().to_owned()), to: Some(to.reveal().to_owned()) });
        } else {
            // Without a key file nothing of it is kept: a run that was killed makes another one.
            unsealed = Some(account::generate()?);
        }
    }
    make(work, swaps, unsealed.as_ref().map(users::hash).transpose()?).await?;
    if let (Some(told), Some(steps)) = (unsealed, work.steps.as_mut()) {
        steps.tell(told);
    }
    Ok(())
}

async fn undo(work: &mut Work<'_>, changes: &[Change]) -> Result<()> {
    let mut swaps = Vec::new();
    for change in changes {
        let Swap { part, from, to } = if change.what == PASSWORD {
            if !change.before.is_object() {
                return Err(Error::new(Kind::JobRefused, "the old password was not kept: the farm has no key file"));
            }
            let (from, to) =
                (open(&change.before["sealed"], work.keyring)?, open(&change.after["sealed"], work.keyring)?);
            Swap { part: PASSWORD, from: Some(from.reveal().to_owned()), to: Some(to.reveal().to_owned()) }
        } else {
            swap(change)?
        };
        swaps.push(Swap { part, from: to, to: from });
    }
    make(work, swaps, None).await
}

fn swap(change: &Change) -> Result<Swap> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    Ok(Swap { part: account::part(&change.what)?, from: text(&change.before), to: text(&change.after) })
}

fn open(sealed: &Value, keyring: &Keyring) -> Result<Secret> {
    keyring.open_stored(&Stored::from_column(sealed.as_str().unwrap_or_default()))
}

async fn make(work: &Work<'_>, mut swaps: Vec<Swap>, unsealed: Option<Secret>) -> Result<()> {
    let mut site = work.open_site().await?;
    let done = async {
        let mut transaction = site.begin().await?;
        let user = account::administrator(&mut transaction).await?.id;
        if let Some(hash) = unsealed {
            let from = account::read(&mut transaction, user).await?.remove(PASSWORD);
            swaps.push(Swap { part: PASSWORD, from, to: Some(hash.reveal().to_owned()) });
        }
        let db: &mut Db = &mut transaction;
        account::swap(db, user, &swaps, now()).await?;
        Ok(transaction.commit().await?)
    }
    .await;
    work.leave_site(site, &done).await;
    done
}
