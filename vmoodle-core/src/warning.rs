//! What a person should know of work that was done all the same: a stable code, and a sentence.

use serde::{Deserialize, Serialize};

macro_rules! matters {
    ($($(#[$doc:meta])* $variant:ident = $code:literal;)*) => {
        /// What a warning is about; its code never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Matter { $($(#[$doc])* #[serde(rename = $code)] $variant,)* }

        impl Matter {
            /// Every one, in the order of this file.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable code, for programs.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code),* }
            }
        }
    };
}

matters! {
    /// The tenant's own row in its MNET tables is not there.
    NoNetworkRow = "no_network_row";
    /// A setting or stored text still names the site's old address.
    OldAddress = "old_address";
    /// What a `config.php` says was not understood, or not taken over.
    NotTaken = "not_taken";
    /// A cache lives in the web server's own processes.
    CacheInProcesses = "cache_in_processes";
    /// A cache is reached only by PHP, which has emptied it.
    CacheByPhp = "cache_by_php";
    /// Stale entries of a cache could not be dropped.
    CacheStays = "cache_stays";
    /// A cache is shared with other sites, so that not all of it could be emptied.
    CacheShared = "cache_shared";
    /// Sessions are kept where only PHP can reach.
    SessionsStay = "sessions_stay";
    /// People were signed out, since their way to log in was turned off.
    SignedOut = "signed_out";
    /// Secrets of the source were not copied.
    SecretsLeft = "secrets_left";
    /// What the tenant does not know was left out.
    LeftOut = "left_out";
    /// A plugin is not installed on the tenant, and stays so.
    PluginMissing = "plugin_missing";
    /// A plugin is uninstalled, and its code still there.
    CodeStays = "code_stays";
    /// Moodle's own code made the change, run as the tenant.
    ByMoodle = "by_moodle";
    /// A policy or the tenant's own overrides hide the change.
    Hidden = "hidden";
    /// Stored values could not be read, so they were left as they are.
    Damaged = "damaged";
    /// Somebody changed values meanwhile: they were left as they are.
    ChangedMeanwhile = "changed_meanwhile";
    /// Facts of the tenant could not be read.
    FactsMissing = "facts_missing";
    /// Moodle's own checks warn.
    ChecksWarn = "checks_warn";
    /// Older snapshots went, and do not come back.
    SnapshotsGone = "snapshots_gone";
    /// What was in a tenant's place before is in a snapshot.
    SnapshotKept = "snapshot_kept";
    /// What was in a tenant's place before could not be put in a snapshot.
    SnapshotMissing = "snapshot_missing";
    /// Something that was not made for the tenant was left where it is.
    NotRemoved = "not_removed";
    /// An earlier run has done the work; what it gave was lost with its runner.
    AnswerLost = "answer_lost";
    /// The administrator's new password was told once, and is kept nowhere.
    PasswordUntold = "password_untold";
}

/// A warning, as the journal keeps it: `{"code": …, "message": …}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Warning {
    /// What it is about.
    pub code: Matter,
    /// The sentence, in English; never a secret.
    pub message: String,
}

impl Warning {
    /// Makes one.
    pub fn new(code: Matter, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_keeps_the_code_of_a_program_and_the_sentence_of_a_person() {
        for matter in Matter::ALL {
            let warning = Warning::new(*matter, "it stays");
            let kept = serde_json::to_string(&warning).unwrap();
            assert_eq!(kept, format!(r#"{{"code":"{}","message":"it stays"}}"#, matter.code()));
            assert_eq!(serde_json::from_str::<Warning>(&kept).unwrap(), warning);
        }
    }
}
