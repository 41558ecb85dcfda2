//! The site's main administrator: its password, its name, its sessions.

use sha_crypt::{Sha512Params, sha512_crypt_b64};

use super::random;
use crate::db::{Db, Fault, Param, Sql};
use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::secret::Secret;

/// How often the hash is turned (lib/moodlelib.php, `hash_internal_user_password`).
const ROUNDS: usize = 10_000;
/// How long its salt is (the same function).
const SALT: usize = 16;
/// How long a password may be (lib/moodlelib.php, `MAX_PASSWORD_CHARACTERS`, counted by `strlen`).
const PASSWORD_MAX: usize = 128;

/// A user, as far as administrators need to be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its id.
    pub id: i64,
    /// Its user name.
    pub username: String,
    /// How it signs in.
    pub auth: String,
    /// Its address.
    pub email: String,
}

/// What is to change in the main administrator's account; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdminChange {
    /// A new password; the account then signs in by it (`auth` = `manual`).
    pub password: Option<Secret>,
    /// Whether the next sign-in asks for another password.
    pub must_change: bool,
    /// A new address.
    pub email: Option<String>,
    /// A new first name.
    pub firstname: Option<String>,
    /// A new last name.
    pub lastname: Option<String>,
}

impl AdminChange {
    /// Checks what Moodle's table and its sign-in allow.
    pub fn check(&self) -> Result<()> {
        for (what, text) in [("first name", &self.firstname), ("last name", &self.lastname), ("address", &self.email)] {
            if text.as_ref().is_some_and(|text| text.trim().is_empty() || text.chars().count() > 100) {
                let message = format!("the administrator's {what} must have 1 to 100 characters");
                return Err(Error::new(Kind::BadParameter, message));
            }
        }
        if let Some(email) = self.email.as_ref().filter(|email| !looks_like_email(email)) {
            return Err(Error::new(Kind::BadParameter, format!("`{}` is no e-mail address", escape(email))));
        }
        self.password.as_ref().map_or(Ok(()), check_password)
    }
}

/// The main administrator: the first of `siteadmins` who is not deleted (lib/datalib.php, `get_admin`).
pub async fn main_admin(db: &mut Db) -> Result<Option<User>> {
    let listed = super::config::value(db, "siteadmins").await?.unwrap_or_default();
    for id in listed.split(',').filter_map(|id| id.trim().parse::<i64>().ok()) {
        let select = "SELECT id, username, auth, email FROM {user} WHERE id = ? AND deleted = 0";
        if let Some(row) = db.fetch_one(select, &[id.into()]).await? {
            let text = |column| row.text(column).unwrap_or_default().to_owned();
            return Ok(Some(User { id, username: text("username"), auth: text("auth"), email: text("email") }));
        }
    }
    Ok(None)
}

/// Changes a user's account in one go. Its sessions are left: see [`end_sessions`].
pub async fn change(db: &mut Db, user: &User, change: &AdminChange, now: i64) -> Result<()> {
    change.check()?;
    let (mut columns, mut params): (Vec<&'static str>, Vec<Param>) = (Vec::new(), Vec::new());
    if let Some(password) = &change.password {
        columns.push("password");
        params.push(hash(password)?.reveal().into());
        // An account of LDAP or OAuth asks elsewhere, and of `nologin` nobody (lib/authlib.php, `is_internal`).
        if user.auth != "manual" {
            columns.push("auth");
            params.push("manual".into());
        }
    }
    for (column, value) in [("email", &change.email), ("firstname", &change.firstname), ("lastname", &change.lastname)]
    {
        if let Some(value) = value {
            columns.push(column);
            params.push(value.trim().into());
        }
    }
    if !columns.is_empty() {
        columns.push("timemodified");
        params.extend([now.into(), user.id.into()]);
        db.execute(Sql::update("user", &columns), &params).await?;
    }
    if change.must_change {
        set_preference(db, user.id, "auth_forcepasswordchange", "1").await?;
    }
    Ok(())
}

/// Sets a user's preference, as `set_user_preference` does (lib/moodlelib.php).
pub async fn set_preference(db: &mut Db, user: i64, name: &str, value: &str) -> Result<(), Fault> {
    let update = "UPDATE {user_preferences} SET value = ? WHERE userid = ? AND name = ?";
    if db.execute(update, &[value.into(), user.into(), name.into()]).await? == 0 {
        let sql = Sql::insert("user_preferences", &["userid", "name", "value"]);
        db.insert(sql, &[user.into(), name.into(), value.into()]).await?;
    }
    Ok(())
}

/// Ends the sessions of a user that the database knows of: a session without its row is refused whatever keeps its data
/// (lib/classes/session/manager.php, `session_exists` and `validate`). Gives how many there were.
pub async fn end_sessions(db: &mut Db, user: i64) -> Result<u64, Fault> {
    db.execute("DELETE FROM {sessions} WHERE userid = ?", &[user.into()]).await
}

/// The hash of a password as Moodle stores it: `$6$rounds=10000$salt$…`, which PHP's `password_verify` takes
/// (lib/moodlelib.php, `hash_internal_user_password`).
///
/// Where `$CFG->passwordpeppers` is set Moodle also accepts a hash without pepper, and puts its own in place at the next
/// sign-in (`validate_internal_user_password`).
pub fn hash(password: &Secret) -> Result<Secret> {
    check_password(password)?;
    let salt = random::salt(SALT)?;
    let failed = |_| Error::new(Kind::Internal, "a password could not be hashed");
    let params = Sha512Params::new(ROUNDS).map_err(failed)?;
    let hashed = sha512_crypt_b64(password.reveal().as_bytes(), salt.as_bytes(), &params).map_err(failed)?;
    Ok(Secret::new(format!("$6$rounds={ROUNDS}${salt}${hashed}")))
}

fn check_password(password: &Secret) -> Result<()> {
    let text = password.reveal();
    let rule = match text {
        "" => "is empty",
        _ if text.len() > PASSWORD_MAX => "is longer than 128 octets",
        // PHP's `crypt` stops at one.
        _ if text.contains('\0') => "holds a null octet",
        _ => return Ok(()),
    };
    Err(Error::new(Kind::BadParameter, format!("the administrator's password {rule}")))
}

pub(super) fn looks_like_email(text: &str) -> bool {
    text.trim()
        .rsplit_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && crate::host::HostName::parse(host).is_ok())
        && !text.trim().contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_has_moodles_form_and_another_salt_each_time() {
        let (one, two) = (hash(&Secret::new("Été#1234")).unwrap(), hash(&Secret::new("Été#1234")).unwrap());
        for hashed in [&one, &two] {
            let parts: Vec<&str> = hashed.reveal().split('$').collect();
            assert_eq!((parts[1], parts[2], parts[3].len(), parts[4].len()), ("6", "rounds=10000", 16, 86));
        }
        assert_ne!(one, two);
    }

    #[test]
    fn what_moodle_would_refuse_is_refused() {
        for password in ["", "a\0b", &"é".repeat(65)] {
            assert_eq!(hash(&Secret::new(password)).unwrap_err().kind(), Kind::BadParameter);
        }
        let with = |email: &str| AdminChange { email: Some(email.into()), ..AdminChange::default() }.check();
        for bad in ["", "a", "@b.example", "a b@c.example", "a@", "a@b c"] {
            assert!(with(bad).is_err(), "{bad}");
        }
        assert!(with("o'brien+x@mail.example.org").is_ok() && with("root@localhost").is_ok());
    }
}
