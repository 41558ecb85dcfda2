//! Ends sessions of a tenant's users: they must sign in again.

use serde_json::{Map, Value, json};

use super::contract::{Change, Meta, Operation, Work};
use crate::error::{Error, Kind, Result};
use crate::moodle::session::{self, Keeper, Whose};
use crate::parameter::{Param, Type};
use crate::registry::policies;
use crate::secret::Keyring;
use crate::steps::{Doing, blocking};

/// Ends sessions: everybody's, those of users who sign in by a method (`auth`), or those of one user (`user`, its name).
/// Of everybody's also the files of visitors who are not signed in.
pub(super) struct KillSessions;

static META: Meta = Meta {
    name: "kill_sessions",
    parameters: &[
        Param { name: "auth", kind: Type::Text, required: false, default: None },
        Param { name: "user", kind: Type::Text, required: false, default: None },
    ],
    dangerous: false,
    idempotent: true,
    undoable: false,
    reads_only: false,
    publishes: false,
    makes: false,
};

impl Operation for KillSessions {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn prepare(&self, parameters: &mut Map<String, Value>, _: &Keyring) -> Result<()> {
        whose(parameters).map(|_| ())
    }

    /// How many sessions there are to end.
    fn plan<'a>(&'a self, work: &'a mut Work<'_>) -> Doing<'a, Vec<Change>> {
        Box::pin(async move {
            let found = find(work).await?;
            if found.is_empty() {
                return Ok(Vec::new());
            }
            Ok(vec![Change { what: "sessions".into(), before: json!(found.count()), after: json!(0) }])
        })
    }

    fn apply<'a>(&'a self, work: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async move {
            let found = find(work).await?;
            end(work, found).await
        })
    }

    fn undo<'a>(&'a self, _: &'a mut Work<'_>, _: &'a [Change]) -> Doing<'a, ()> {
        Box::pin(async { Err(Error::new(Kind::JobRefused, "a session that was ended cannot be brought back")) })
    }
}

fn whose(parameters: &Map<String, Value>) -> Result<Whose> {
    let text = |name: &str| parameters.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    match (text("auth"), text("user")) {
        (None, None) => Ok(Whose::All),
        (Some(auth), None) => Ok(Whose::Auth(auth.to_owned())),
        (None, Some(user)) => Ok(Whose::User(user.to_owned())),
        _ => Err(Error::new(Kind::BadParameter, "`auth` and `user` exclude each other")),
    }
}

/// The sessions meant.
struct Found {
    keeper: Keeper,
    is_all: bool,
    rows: Vec<String>,
    in_redis: Vec<(i64, Vec<String>)>,
}

impl Found {
    fn count(&self) -> usize {
        self.rows.len() + self.in_redis.iter().map(|(_, sids)| sids.len()).sum::<usize>()
    }

    fn is_empty(&self) -> bool {
        self.count() == 0
    }
}

async fn find(work: &mut Work<'_>) -> Result<Found> {
    let whose = whose(work.parameters)?;
    let settings = policies::settings_of(work.db, work.tenant).await?;
    let keeper = Keeper::of(&work.control.settings.shared, work.control.farm(), work.tenant, &settings);
    let mut site = work.open_site().await?;
    let read = async {
        let users = session::users(&mut site, &whose).await?;
        let rows = session::sids(&mut site, users.as_deref()).await?;
        let users = match (&keeper, users) {
            (Keeper::Redis(..), None) => session::everybody(&mut site).await?,
            (_, users) => users.unwrap_or_default(),
        };
        Ok::<_, Error>((rows, users))
    }
    .await;
    work.leave_site(site, &read).await;
    let (rows, users) = read?;
    let in_redis = match &keeper {
        Keeper::Redis(server, prefix) => session::sids_in_redis(server, prefix, &users).await?,
        _ => Vec::new(),
    };
    Ok(Found { keeper, is_all: whose == Whose::All, rows, in_redis })
}

async fn end(work: &mut Work<'_>, found: Found) -> Result<()> {
    let Found { keeper, is_all, rows, in_redis } = found;
    let mut site = work.open_site().await?;
    let deleted = async {
        let mut transaction = site.begin().await?;
        session::delete(&mut transaction, &rows).await?;
        Ok::<_, Error>(transaction.commit().await?)
    }
    .await;
    work.leave_site(site, &deleted).await;
    deleted?;
    match keeper {
        Keeper::Folder(folder) => {
            blocking(move || {
                let sids = if is_all { None } else { Some(rows.as_slice()) };
                session::delete_files(&folder, sids).map_err(|error| session::failed(&folder, error))
            })
            .await
        }
        Keeper::Redis(server, prefix) => session::delete_in_redis(&server, &prefix, &in_redis).await,
        Keeper::Other(class) => {
            if let Some(steps) = work.steps.as_mut() {
                steps.pass_on([session::stay(&class)]);
            }
            Ok(())
        }
    }
}
