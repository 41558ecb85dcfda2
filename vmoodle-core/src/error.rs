//! One error type for the crate: a stable code, whose fault it is, whether to try again, and the way out.
//!
//! This file holds codes and plain text only; it knows no other room of the house.

use std::error::Error as StdError;
use std::fmt;

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who has to act for the error to go away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// Whoever made the call: a parameter is wrong. Nothing was changed.
    Caller,
    /// The tenant: its database or files.
    Tenant,
    /// The control site: registry, index, settings.
    Control,
    /// vmoodle itself.
    Internal,
}

impl Blame {
    /// The word used in the extension and in journals: `caller`, `tenant`, `control` or `internal`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Tenant => "tenant",
            Self::Control => "control",
            Self::Internal => "internal",
        }
    }
}

/// How an error shows itself in PHP: the child of `Vmoodle\Exception` that is thrown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// `boot` refused the request.
    Refused,
    /// A value given by the caller is not valid.
    Invalid,
    /// What was named does not exist.
    NotFound,
    /// What was asked for belongs to somebody else.
    Conflict,
    /// A tenant's database or files do not answer.
    Tenant,
    /// The registry, the index or the settings are at fault.
    Control,
    /// A defect of vmoodle.
    Internal,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $blame:ident, $class:ident, $retry:literal;)*) => {
        /// What went wrong; [`Kind::code`] is the stable word for it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Kind { $($(#[$doc])* $variant,)* }

        impl Kind {
            /// Every kind, in the order of this file.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable code, for programs: never changes its meaning.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }

            /// Who has to act.
            pub fn blame(self) -> Blame {
                match self { $(Self::$variant => Blame::$blame),* }
            }

            /// The exception it becomes in PHP.
            pub fn class(self) -> Class {
                match self { $(Self::$variant => Class::$class),* }
            }

            /// Whether the same call may succeed later without anybody acting.
            pub fn is_retryable(self) -> bool {
                match self { $(Self::$variant => $retry),* }
            }
        }
    };
}

kinds! {
    /// A host name breaks a rule of host names.
    BadHost = "bad_host", Caller, Invalid, false;
    /// A site address is not `http(s)://host[:port][/path]`.
    BadWwwroot = "bad_wwwroot", Caller, Invalid, false;
    /// A database name, prefix or other identifier breaks its rule.
    BadIdentifier = "bad_identifier", Caller, Invalid, false;
    /// A parameter is missing, of the wrong type or out of range.
    BadParameter = "bad_parameter", Caller, Invalid, false;
    /// An override or policy names a setting that may not be set.
    BadSetting = "bad_setting", Caller, Invalid, false;
    /// `$CFG->vmoodle` or php.ini holds a value that cannot be used.
    BadConfiguration = "bad_configuration", Control, Control, false;
    /// A file of nodes has faults; nothing was made.
    NodesInvalid = "nodes_invalid", Caller, Invalid, false;
    /// The description of a fleet has faults; nothing was changed.
    FleetInvalid = "fleet_invalid", Caller, Invalid, false;
    /// A `config.php` cannot be read, or is no PHP file.
    ConfigUnreadable = "config_unreadable", Caller, Invalid, false;
    /// The host belongs to another tenant, to an alias or to the control site.
    HostTaken = "host_taken", Caller, Conflict, false;
    /// The database and prefix belong to another tenant.
    DatabaseTaken = "database_taken", Caller, Conflict, false;
    /// The dataroot belongs to, or lies in or around that of, another tenant.
    DatarootTaken = "dataroot_taken", Caller, Conflict, false;
    /// A policy, server or account of that name exists.
    NameTaken = "name_taken", Caller, Conflict, false;
    /// No tenant has that address.
    TenantNotFound = "tenant_not_found", Caller, NotFound, false;
    /// No alias has that host.
    AliasNotFound = "alias_not_found", Caller, NotFound, false;
    /// No policy has that name.
    PolicyNotFound = "policy_not_found", Caller, NotFound, false;
    /// No server has that name.
    ServerNotFound = "server_not_found", Caller, NotFound, false;
    /// A site has no role of that short name.
    RoleNotFound = "role_not_found", Caller, NotFound, false;
    /// No role sheet has that name.
    SheetNotFound = "sheet_not_found", Caller, NotFound, false;
    /// A site has no such category of courses.
    CategoryNotFound = "category_not_found", Caller, NotFound, false;
    /// A site has no such course.
    CourseNotFound = "course_not_found", Caller, NotFound, false;
    /// No operation has that name.
    OperationNotFound = "operation_not_found", Caller, NotFound, false;
    /// No job has that number.
    JobNotFound = "job_not_found", Caller, NotFound, false;
    /// The job cannot be made: not confirmed, not undoable, or nothing to do.
    JobRefused = "job_refused", Caller, Conflict, false;
    /// Somebody cancelled the job.
    JobCancelled = "job_cancelled", Caller, Conflict, false;
    /// Another runner has taken the item over, or its runners died too often.
    LeaseLost = "lease_lost", Control, Control, false;
    /// The tenant's state does not allow the move, or has changed meanwhile.
    StateRefused = "state_refused", Caller, Conflict, false;
    /// A database that must be empty, or not be there, holds tables.
    NotEmpty = "not_empty", Caller, Conflict, false;
    /// The request's host belongs to no tenant.
    HostUnknown = "host_unknown", Caller, Refused, false;
    /// The request's host belongs to a tenant that is not serving.
    TenantUnavailable = "tenant_unavailable", Tenant, Refused, true;
    /// The request's host is an alias; the tenant's own address is in the location.
    AliasRedirect = "alias_redirect", Caller, Refused, false;
    /// No index can be read, so only the control site is served.
    IndexUnreadable = "index_unreadable", Control, Refused, true;
    /// A load balancer asked for the node's health; no fault.
    NodeHealth = "node_health", Control, Refused, true;
    /// The control database does not answer.
    ControlUnreachable = "control_unreachable", Control, Control, true;
    /// `Vmoodle\boot` did not run in this process.
    NotBooted = "not_booted", Caller, Control, false;
    /// This process serves a tenant; only the control site pilots the farm.
    NotControlSite = "not_control_site", Caller, Control, false;
    /// The registry's tables are not in the control database.
    RegistryMissing = "registry_missing", Control, Control, false;
    /// The registry contradicts itself, so no index can be made of it.
    RegistryInvalid = "registry_invalid", Control, Control, false;
    /// The key file is missing, malformed or readable by others.
    KeyfileUnreadable = "keyfile_unreadable", Control, Control, false;
    /// A stored password cannot be decrypted with the key at hand.
    SecretUndecryptable = "secret_undecryptable", Control, Control, false;
    /// A publication would go back to an older generation, or runs as another OS user.
    PublishRefused = "publish_refused", Control, Control, false;
    /// The index cannot be written.
    IndexWriteFailed = "index_write_failed", Control, Control, true;
    /// A database server does not answer.
    ServerUnreachable = "server_unreachable", Control, Control, true;
    /// A database server refuses its administrator's login or a statement, mostly for want of a right.
    ServerRefused = "server_refused", Control, Control, false;
    /// A program that is needed is not installed.
    ProgramMissing = "program_missing", Control, Control, false;
    /// A tenant's database does not answer.
    TenantUnreachable = "tenant_unreachable", Tenant, Tenant, true;
    /// Somebody works in a database that must be left alone for a moment.
    DatabaseBusy = "database_busy", Tenant, Tenant, true;
    /// A database could not be written out, read in or copied.
    TransferFailed = "transfer_failed", Tenant, Tenant, false;
    /// A tenant's database holds no Moodle.
    NoMoodle = "no_moodle", Tenant, Tenant, false;
    /// A tenant's Moodle is of a version that is not supported, or newer than the code.
    MoodleUnfit = "moodle_unfit", Tenant, Tenant, false;
    /// Files cannot be read or written.
    FilesFailed = "files_failed", Tenant, Tenant, false;
    /// A script of Moodle, run as the tenant, has failed.
    ScriptFailed = "script_failed", Tenant, Tenant, false;
    /// A site is not well after the work on it.
    Unhealthy = "unhealthy", Tenant, Tenant, false;
    /// A statement is not run: it is not understood, or not allowed. Nothing was changed.
    SqlRefused = "sql_refused", Caller, Invalid, false;
    /// A tenant's server has refused a statement, or took too long for it.
    SqlFailed = "sql_failed", Tenant, Tenant, false;
    /// A run was cut off, and nobody can tell what it did.
    OutcomeUnknown = "outcome_unknown", Tenant, Tenant, false;
    /// No snapshot has that number or name.
    SnapshotNotFound = "snapshot_not_found", Caller, NotFound, false;
    /// A snapshot's files are not what its manifest says.
    SnapshotDamaged = "snapshot_damaged", Caller, Invalid, false;
    /// A snapshot is sound, but not for here: of a newer Moodle or format, or of another prefix.
    SnapshotUnfit = "snapshot_unfit", Caller, Conflict, false;
    /// A defect of vmoodle: please report it.
    Internal = "internal", Internal, Internal, false;
}

/// An error: what was asked, what was found, whose fault it is and the way out.
///
/// The text never holds a password or a connection string.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    message: String,
    hint: Option<String>,
    tenant: Option<String>,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of a kind with its sentence: lower case, no final dot, literals in back-ticks.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), hint: None, tenant: None, cause: None }))
    }

    /// Adds the way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the tenant it happened to, by its address.
    #[must_use]
    pub fn of_tenant(mut self, wwwroot: impl Into<String>) -> Self {
        self.0.tenant = Some(wwwroot.into());
        self
    }

    /// Adds what brought it about.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The stable code of the kind.
    pub fn code(&self) -> &'static str {
        self.0.kind.code()
    }

    /// The way out, if there is one.
    pub fn way_out(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The tenant it happened to, by its address.
    pub fn tenant(&self) -> Option<&str> {
        self.0.tenant.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        let mut said = self.0.message.clone();
        let mut cause = self.0.cause.as_deref().map(|c| c as &(dyn StdError + 'static));
        while let Some(error) = cause {
            let text = error.to_string();
            if !said.contains(&text) {
                write!(f, ": {text}")?;
                said.push_str(&text);
            }
            cause = error.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.cause.as_deref().map(|c| c as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_unique_and_one_lower_case_word() {
        let mut codes: Vec<_> = Kind::ALL.iter().map(|k| k.code()).collect();
        assert!(codes.iter().all(|c| c.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Kind::ALL.len());
    }

    #[test]
    fn the_cause_is_told_once() {
        let io = std::io::Error::other("disk full");
        let error = Error::new(Kind::IndexWriteFailed, "cannot write `/x`: disk full").because(io);
        assert_eq!(error.to_string(), "cannot write `/x`: disk full");
        let error = Error::new(Kind::IndexWriteFailed, "cannot write `/x`").because(std::io::Error::other("disk full"));
        assert_eq!(error.to_string(), "cannot write `/x`: disk full");
    }
}
