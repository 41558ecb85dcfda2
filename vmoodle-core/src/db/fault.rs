//! What a database server refuses, in one vocabulary for both engines.

use std::error::Error as StdError;
use std::fmt;

use crate::error::{Error, Kind};

/// Why a statement or a connection failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The server does not answer, or takes no more connections: try again.
    Unreachable,
    /// The account, its password or its rights.
    BadCredentials,
    /// The account's way of proving itself is not supported (ed25519).
    UnsupportedLogin,
    /// No database of that name.
    NoDatabase,
    /// No table of that name.
    NoTable,
    /// A value that must be unique is there already.
    DuplicateKey,
    /// Somebody else holds the lock, or a deadlock was broken: try again.
    Locked,
    /// Anything else.
    Other,
}

/// A server's refusal, with the site whose database it was.
#[derive(Debug)]
pub struct Fault {
    cause: Cause,
    message: String,
    tenant: Option<String>,
}

impl Fault {
    pub(super) fn new(cause: Cause, message: impl Into<String>, tenant: Option<&str>) -> Self {
        Self { cause, message: message.into(), tenant: tenant.map(str::to_owned) }
    }

    /// Reads a driver's error; `of_server` knows the server's own codes.
    pub(super) fn of_driver(
        error: &sqlx::Error,
        of_server: fn(&dyn sqlx::error::DatabaseError) -> (Cause, String),
        tenant: Option<&str>,
    ) -> Self {
        let (cause, message) = match error {
            sqlx::Error::Database(refusal) => of_server(refusal.as_ref()),
            sqlx::Error::Io(io) => (Cause::Unreachable, io.to_string()),
            sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => (Cause::Unreachable, error.to_string()),
            // An ed25519 account and the like.
            _ if error.to_string().contains("authentication plugin") => (Cause::UnsupportedLogin, error.to_string()),
            sqlx::Error::Protocol(text) => (Cause::Unreachable, text.clone()),
            _ => (Cause::Other, error.to_string()),
        };
        Self::new(cause, message, tenant)
    }

    /// Why it failed.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// The fault that an error was made of, if it was.
    pub fn of(error: &Error) -> Option<&Self> {
        error.source()?.downcast_ref()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Fault {}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let whose =
            fault.tenant.as_ref().map_or_else(|| "the control database".into(), |w| format!("the database of `{w}`"));
        let control = fault.tenant.is_none();
        let (kind, what) = match fault.cause {
            Cause::Unreachable => (Kind::ControlUnreachable, "does not answer"),
            Cause::BadCredentials => (Kind::BadConfiguration, "refuses the account"),
            Cause::UnsupportedLogin => (Kind::BadConfiguration, "wants a login that is not supported"),
            Cause::NoDatabase => (Kind::BadConfiguration, "is not there"),
            Cause::NoTable => (Kind::RegistryMissing, "lacks a table"),
            Cause::Locked => (Kind::ControlUnreachable, "is locked by somebody else"),
            Cause::DuplicateKey | Cause::Other => (Kind::Internal, "refuses a statement"),
        };
        let kind = match fault.cause {
            _ if control => kind,
            Cause::NoTable => Kind::NoMoodle,
            _ => Kind::TenantUnreachable,
        };
        let hint = match fault.cause {
            Cause::Unreachable => Some("check that the server runs and takes connections"),
            Cause::BadCredentials => Some("check the account, its password and its rights"),
            Cause::UnsupportedLogin => Some("give the account a native password (ed25519 is not supported)"),
            Cause::NoTable if control => Some("install or upgrade the plugin: `php admin/cli/upgrade.php`"),
            Cause::NoTable => {
                Some("an upgrade may have stopped half-way; or `vdbname` and `vdbprefix` are not the site's")
            }
            Cause::Locked => Some("another administrator is publishing: try again"),
            _ => None,
        };
        let tenant = fault.tenant.clone();
        let mut error = Self::new(kind, format!("{whose} {what}")).because(fault);
        if let Some(hint) = hint {
            error = error.hint(hint);
        }
        match tenant {
            Some(tenant) => error.of_tenant(tenant),
            None => error,
        }
    }
}
