//! Settings of a tenant, changed by compare-and-swap: what several operations have in common.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde_json::{Value, json};

use super::contract::{Change, Work};
use crate::error::{Error, Kind, Result};
use crate::moodle::setting::{self, Log, Setting, Swap};
use crate::overrides;
use crate::registry::farm::now;
use crate::registry::policies;
use crate::secret::{Keyring, Secret, Stored};
use crate::warning::Matter;

/// What a setting shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    /// Its value; `None` takes it away.
    pub(super) value: Option<String>,
    /// It is a secret whatever its name says.
    pub(super) hidden: bool,
}

impl From<Option<String>> for Wish {
    fn from(value: Option<String>) -> Self {
        Self { value, hidden: false }
    }
}

/// What settings shall be.
pub(super) type Wishes = BTreeMap<Setting, Wish>;

/// Refuses settings that mean nothing in a tenant's table, and without `force` those that say who the site is.
pub(super) fn check(setting: &Setting, force: bool) -> Result<()> {
    let refused =
        |why: &str, hint: &str| Err(Error::new(Kind::BadSetting, format!("`{setting}` {why}")).hint(hint.to_owned()));
    let Setting { plugin, name } = setting;
    if plugin.is_none() && name.eq_ignore_ascii_case(overrides::SITE_IDENTIFIER) {
        return refused("is never changed alone", "its caches would be those of another site");
    }
    if plugin.is_none() && overrides::is_boots(name) {
        return refused("is set by vmoodle itself", "change the tenant's row in the registry");
    }
    if setting::is_identity(plugin.as_deref(), name) && !force {
        return refused("says who the site is", "give `force` where that is meant");
    }
    Ok(())
}

/// The changes that make settings what they shall be. Without `force` a setting that the farm
/// defines is refused, as `admin/cli/cfg.php` refuses it: the change would not show.
pub(super) async fn plan(work: &mut Work<'_>, wanted: &Wishes, force: bool) -> Result<Vec<Change>> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let forced = policies::settings_of(work.db, work.tenant).await?;
    if let Some(setting) =
        wanted.keys().find(|setting| overrides::gives(&forced, setting.plugin.as_deref(), &setting.name))
    {
        let sentence = format!("`{setting}` is defined for this tenant by a policy or by its own settings");
        if !force {
            return Err(Error::new(Kind::BadSetting, sentence)
                .hint("release it first, or give `force`: the change then shows when it is released"));
        }
        if let Some(steps) = work.steps.as_mut() {
            steps.warn(Matter::Hidden, format!("{sentence}: the change does not show"));
        }
    }
    let mut site = work.open_site().await?;
    let current = setting::current(&mut site, &wanted.keys().collect::<Vec<_>>()).await;
    work.leave_site(site, &current).await;
    let current = current?;
    let mut changes = Vec::new();
    for (setting, Wish { value: after, hidden }) in wanted {
        let before = current.get(setting).cloned();
        if before != *after {
            let show = |value: Option<String>| {
                if *hidden { sealed(setting, value, work.keyring) } else { shown(setting, value, work.keyring) }
            };
            changes.push(Change { what: setting.to_string(), before: show(before)?, after: show(after.clone())? });
        }
    }
    if changes.is_empty() {
        // What made them so may have ended before it dropped the entries: a Redis that was down.
        work.stale.extend(wanted.keys().map(Setting::stale));
    }
    Ok(changes)
}

/// Makes the planned changes in one transaction of the tenant's database.
pub(super) async fn apply(work: &mut Work<'_>, changes: &[Change], log: Log) -> Result<()> {
    let swaps = swaps(changes, work.keyring)?;
    make(work, &swaps, log).await
}

/// Puts them back.
pub(super) async fn undo(work: &mut Work<'_>, changes: &[Change], log: Log) -> Result<()> {
    let mut swaps = swaps(changes, work.keyring)?;
    for swap in &mut swaps {
        std::mem::swap(&mut swap.from, &mut swap.to);
    }
    make(work, &swaps, log).await
}

async fn make(work: &mut Work<'_>, swaps: &[Swap], log: Log) -> Result<()> {
    let mut site = work.open_site().await?;
    let done = async {
        let mut transaction = site.begin().await?;
        setting::swap(&mut transaction, swaps, log, now()).await?;
        Ok(transaction.commit().await?)
    }
    .await;
    work.leave_site(site, &done).await;
    work.stale.extend(swaps.iter().map(|swap| swap.setting.stale()));
    done
}

fn swaps(changes: &[Change], keyring: &Keyring) -> Result<Vec<Swap>> {
    let one = |change: &Change| {
        Ok(Swap {
            setting: Setting::parse(&change.what, None)?,
            from: read(&change.before, keyring)?,
            to: read(&change.after, keyring)?,
            hidden: is_sealed(&change.before) || is_sealed(&change.after),
        })
    };
    changes.iter().map(one).collect()
}

/// A value as the journal may hold it: `{"sealed": ...}` for a secret, which is refused without a key file.
pub(super) fn shown(setting: &Setting, value: Option<String>, keyring: &Keyring) -> Result<Value> {
    match value {
        Some(value) if !setting.is_secret(&value) => Ok(json!(value)),
        value => sealed(setting, value, keyring),
    }
}

/// As [`shown`], of a setting that is a secret whatever its name says.
pub(super) fn sealed(setting: &dyn Display, value: Option<String>, keyring: &Keyring) -> Result<Value> {
    match value {
        None => Ok(Value::Null),
        Some(value) => {
            let stored = keyring.seal(&Secret::new(value))?;
            if !stored.is_sealed() {
                let message = format!("`{setting}` is given a secret, which the journal holds encrypted only");
                return Err(Error::new(Kind::BadParameter, message)
                    .hint("make a key file: `php local/vmoodle/cli/key.php --create=PATH`"));
            }
            Ok(json!({ "sealed": stored.column() }))
        }
    }
}

/// Whether a value is one that [`sealed`] has written.
pub(super) fn is_sealed(value: &Value) -> bool {
    value.is_object()
}

/// What [`shown`] has written.
pub(super) fn read(value: &Value, keyring: &Keyring) -> Result<Option<String>> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Object(map) => {
            let sealed = map.get("sealed").and_then(Value::as_str).unwrap_or_default();
            Ok(Some(keyring.open_stored(&Stored::from_column(sealed))?.reveal().to_owned()))
        }
        _ => Err(Error::new(Kind::Internal, "a change of a setting has no text")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_boot_sets_and_who_the_site_is_are_not_set_by_a_slip() {
        let checked = |name: &str, force| check(&Setting::parse(name, None).unwrap(), force).is_ok();
        for never in ["dbname", "wwwroot", "dataroot", "pathtophp", "siteidentifier", "SITEIDENTIFIER"] {
            assert!(!checked(never, true), "{never}");
        }
        for forced in ["version", "SiteAdmins", "mod_quiz/Version"] {
            assert!(!checked(forced, false) && checked(forced, true), "{forced}");
        }
        assert!(checked("theme", false) && checked("auth_db/dbname", false));
    }

    #[test]
    fn a_secret_is_shown_sealed_or_not_at_all() {
        let setting = Setting::parse("smtppass", None).unwrap();
        let error = shown(&setting, Some("hidden!".into()), &Keyring::none()).unwrap_err();
        assert!(!error.to_string().contains("hidden!"));
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(&folder.path().join("key")).unwrap();
        let value = shown(&setting, Some("hidden!".into()), &keyring).unwrap();
        assert!(!value.to_string().contains("hidden!"));
        assert_eq!(read(&value, &keyring).unwrap().as_deref(), Some("hidden!"));
        assert_eq!(read(&json!("enc:v1:x"), &keyring).unwrap().as_deref(), Some("enc:v1:x"), "a text is never opened");
    }
}
