//! The main administrator's account: password, sign-in and lock, changed only where they still are what they were.

use std::collections::BTreeMap;

use sha_crypt::{Sha512Params, sha512_crypt_b64};

use super::caches::mark_preferences_changed;
use super::users::User;
use super::{random, users};
use crate::db::{Db, Param, Sql};
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;

/// The preference that asks for another password at the next sign-in.
pub const MUST_CHANGE: &str = "auth_forcepasswordchange";

/// The preferences of an account that was locked after too many failed sign-ins (lib/authlib.php,
/// `login_unlock_account`).
pub const LOCK: [&str; 3] = ["login_lockout", "login_failed_count", "login_failed_last"];

/// Parts of an account by name: the columns `auth` and `password`, and preferences; a preference that is not set is not in
/// it.
pub type Account = BTreeMap<&'static str, String>;

/// The parts that may be changed.
const PARTS: [&str; 6] = ["auth", "password", MUST_CHANGE, LOCK[0], LOCK[1], LOCK[2]];

/// Reads an account.
pub async fn read(db: &mut Db, user: i64) -> Result<Account> {
    let mut account = Account::new();
    let row = db.fetch_one("SELECT auth, password FROM {user} WHERE id = ?", &[user.into()]).await?;
    for column in ["auth", "password"] {
        let text = row.as_ref().and_then(|row| row.text(column)).unwrap_or_default();
        account.insert(column, text.to_owned());
    }
    let select = "SELECT name, value FROM {user_preferences} WHERE userid = ? AND name IN (?, ?, ?, ?)";
    let names = [user.into(), MUST_CHANGE.into(), LOCK[0].into(), LOCK[1].into(), LOCK[2].into()];
    for row in db.fetch(select, &names).await? {
        if let Some(part) = PARTS.iter().find(|part| row.text("name") == Some(part)) {
            account.insert(part, row.text("value").unwrap_or_default().to_owned());
        }
    }
    Ok(account)
}

/// A change of a part; `None` is a preference that is not set.
pub struct Swap {
    /// Its name.
    pub part: &'static str,
    /// What it must be, or be already `to`.
    pub from: Option<String>,
    /// What it becomes.
    pub to: Option<String>,
}

/// The part of a name.
pub fn part(name: &str) -> Result<&'static str> {
    let found = PARTS.iter().copied().find(|part| *part == name);
    found.ok_or_else(|| Error::new(Kind::Internal, "an account has no such part"))
}

/// Makes changes inside the caller's transaction; refuses all of them with [`Kind::StateRefused`] where a part is neither
/// `from` nor `to`. Sessions of the user see new preferences at their next request.
pub async fn swap(db: &mut Db, user: i64, swaps: &[Swap], now: i64) -> Result<()> {
    db.fetch("SELECT id FROM {user} WHERE id = ? FOR UPDATE", &[user.into()]).await?;
    let account = read(db, user).await?;
    let due: Vec<&Swap> = swaps.iter().filter(|swap| account.get(swap.part) != swap.to.as_ref()).collect();
    if let Some(swap) = due.iter().find(|swap| account.get(swap.part) != swap.from.as_ref()) {
        let message = format!("the administrator's `{}` was changed by somebody else meanwhile", swap.part);
        return Err(Error::new(Kind::StateRefused, message).hint("plan the change anew"));
    }
    let mut preferences = false;
    for Swap { part, to, .. } in due {
        match (*part, to) {
            ("auth" | "password", to) => {
                let value = to.as_deref().unwrap_or_default();
                db.execute(Sql::update("user", &[part]), &[value.into(), user.into()]).await?;
                continue;
            }
            (part, Some(value)) => users::set_preference(db, user, part, value).await?,
            (part, None) => {
                let params: [Param; 2] = [user.into(), part.into()];
                db.execute("DELETE FROM {user_preferences} WHERE userid = ? AND name = ?", &params).await?;
            }
        }
        preferences = true;
    }
    if preferences {
        mark_preferences_changed(db, user, now).await?;
    }
    Ok(())
}

/// Whether a hash as Moodle 4.5 makes it is that of a password; a hash of another kind is said to be of another one.
pub fn verifies(password: &Secret, hash: &str) -> bool {
    let Some((rounds, rest)) = hash.strip_prefix("$6$rounds=").and_then(|rest| rest.split_once('$')) else {
        return false;
    };
    let Some((salt, hashed)) = rest.split_once('$') else { return false };
    // A site's own table says how often; a number out of range would keep us here.
    let params =
        rounds.parse().ok().filter(|rounds| *rounds <= 100_000).and_then(|rounds| Sha512Params::new(rounds).ok());
    params.is_some_and(|params| {
        sha512_crypt_b64(password.reveal().as_bytes(), salt.as_bytes(), &params).is_ok_and(|again| again == hashed)
    })
}

/// A new password that Moodle's usual policy accepts: capital and small letters, digits, a sign.
pub fn generate() -> Result<Secret> {
    Ok(Secret::new(format!("{}-{}a7Z", random::text(8)?, random::text(8)?)))
}

/// The account to work on. Fails with [`Kind::StateRefused`] where the site has no administrator.
pub async fn administrator(db: &mut Db) -> Result<User> {
    users::main_admin(db).await?.ok_or_else(|| {
        Error::new(Kind::StateRefused, "the site has no administrator: `siteadmins` names nobody who is there")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_by_its_hash() {
        let password = Secret::new("Été #1234");
        let hash = users::hash(&password).unwrap();
        assert!(verifies(&password, hash.reveal()) && !verifies(&Secret::new("x"), hash.reveal()));
        for other in ["", "$2y$10$abc", "$6$rounds=999999999$a$b", "$6$rounds=10000$a"] {
            assert!(!verifies(&password, other), "{other}");
        }
    }

    #[test]
    fn a_new_password_has_all_that_a_policy_asks_for() {
        let password = generate().unwrap();
        let text = password.reveal();
        assert_eq!(text.len(), 20);
        assert!(text.contains('-') && text.contains(|c: char| c.is_ascii_digit()));
        assert!(text.contains(|c: char| c.is_ascii_uppercase()) && text.contains(|c: char| c.is_ascii_lowercase()));
    }
}
