//! A tenant: one site of the farm, checked once when it is read or written.

use std::fmt;

use serde_json::{Map, Value};

use crate::error::{Error, Kind, Result};
use crate::host::{SiteAddress, escape};
use crate::ident::{DbName, Prefix};
use crate::secret::Stored;

/// The registry's number of a tenant; never used again for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(pub u32);

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// Every one, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its word in the registry.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// Reads the word; refuses another with [`Kind::BadParameter`] and the words there are.
            pub fn parse(text: &str) -> Result<Self> {
                Self::ALL.iter().copied().find(|one| one.word() == text).ok_or_else(|| {
                    let known = Self::ALL.iter().map(|one| one.word()).collect::<Vec<_>>().join("`, `");
                    Error::new(Kind::BadParameter, format!("`{}` is no {}: known are `{known}`", escape(text), $what))
                })
            }
        }
    };
}

words! {
    /// Where a tenant stands in its life.
    State, "tenant state" {
        /// Being made: not served yet.
        Creating = "creating",
        /// Served.
        Enabled = "enabled",
        /// Switched off by an administrator.
        Disabled = "disabled",
        /// On its way out: not served, ready to be destroyed.
        Retired = "retired",
        /// Its database and files lie in the trash.
        Trashed = "trashed",
        /// A pre-built site of the standby pool, nobody's yet.
        Spare = "spare",
        /// Its row cannot be served: see the registry's findings.
        Broken = "broken",
    }
}

/// What the web answers for a tenant in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// The site itself.
    Served,
    /// 503: known, but not serving.
    Unavailable,
    /// 404: as if it did not exist.
    Hidden,
}

impl State {
    /// What the web answers.
    pub fn service(self) -> Service {
        match self {
            Self::Enabled => Service::Served,
            Self::Creating | Self::Disabled | Self::Retired | Self::Broken => Service::Unavailable,
            Self::Trashed | Self::Spare => Service::Hidden,
        }
    }
}

words! {
    /// The driver Moodle uses for a tenant's database (`$CFG->dbtype`).
    Engine, "database type" {
        /// MariaDB.
        MariaDb = "mariadb",
        /// MySQL.
        MySql = "mysqli",
        /// PostgreSQL.
        Postgres = "pgsql",
    }
}

impl Engine {
    /// Reads a `vdbtype`, the original's `postgres` and `postgres7` included.
    pub fn parse_vdbtype(text: &str) -> Result<Self> {
        match text {
            "postgres" | "postgres7" => Ok(Self::Postgres),
            other => Self::parse(other),
        }
    }

    /// Whether it speaks MySQL's protocol.
    pub fn is_mysql(self) -> bool {
        !matches!(self, Self::Postgres)
    }
}

/// Where a database is and who may enter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The driver.
    pub engine: Engine,
    /// Host name or address; for the local socket `localhost`.
    pub host: String,
    /// TCP port; the engine's own when `None`.
    pub port: Option<u16>,
    /// Path of the unix socket (MariaDB) or of its folder (PostgreSQL).
    pub socket: Option<String>,
    /// The database.
    pub database: DbName,
    /// The account; `None` where the farm's `dbuser` serves all tenants.
    pub user: Option<String>,
    /// Its password as stored; `None` where the farm's `dbpass` serves all tenants.
    pub password: Option<Stored>,
}

impl Endpoint {
    /// Splits the original's `vdbhost` of the form `host:port`; a bare IPv6 address is left whole.
    pub fn split_host(vdbhost: &str) -> (&str, Option<u16>) {
        match vdbhost.rsplit_once(':') {
            Some((host, port)) if host.starts_with('[') && host.ends_with(']') || !host.contains(':') => {
                match port.parse() {
                    Ok(0) | Err(_) => (vdbhost, None),
                    Ok(port) => (host, Some(port)),
                }
            }
            _ => (vdbhost, None),
        }
    }

    /// Whether both lead to one database, as far as their text tells.
    pub fn is_same_database(&self, other: &Self) -> bool {
        let place = |e: &Self| {
            let local = matches!(e.host.as_str(), "localhost" | "127.0.0.1" | "[::1]" | "::1" | "");
            let host = if local { "localhost".to_owned() } else { e.host.to_ascii_lowercase() };
            (e.engine.is_mysql(), host, e.database.clone())
        };
        let port = |e: &Self| e.port.unwrap_or(if e.engine.is_mysql() { 3306 } else { 5432 });
        // A socket and a port may be two doors of one server, so only two differing ports tell servers apart.
        place(self) == place(other)
            && match (&self.socket, &other.socket) {
                (Some(a), Some(b)) => a == b && port(self) == port(other),
                (None, None) => port(self) == port(other),
                _ => true,
            }
    }
}

/// One site of the farm.
#[derive(Debug, Clone, PartialEq)]
pub struct Tenant {
    /// Its number in the registry.
    pub id: TenantId,
    /// Its name, for people.
    pub name: String,
    /// Its short name.
    pub shortname: String,
    /// Its address; the key in it is unique in the farm.
    pub address: SiteAddress,
    /// Its database.
    pub database: Endpoint,
    /// The prefix of its tables.
    pub prefix: Prefix,
    /// Whether connections are kept open between requests (`dboptions['dbpersist']`).
    pub persist: bool,
    /// Further entries of `$CFG->dboptions`.
    pub options: Map<String, Value>,
    /// Its dataroot: an absolute path.
    pub dataroot: String,
    /// Its MNET network: -1 none, 0 the control site only, N the sub-network N.
    pub mnet: i32,
    /// Where it stands in its life.
    pub state: State,
    /// Settings of its own, "defined in config.php" for Moodle.
    pub settings: Map<String, Value>,
    /// Words to select it by.
    pub tags: Vec<String>,
}

/// Checks a dataroot: absolute, no `..`, not the root itself. Gives it without final slashes.
pub fn check_dataroot(path: &str) -> Result<String> {
    let bad = |rule: &str| {
        Error::new(Kind::BadParameter, format!("`{}` is no dataroot: {rule}", escape(path)))
            .hint("give an absolute path such as `/var/moodledata/school1`")
    };
    let trimmed = path.trim_end_matches('/');
    if !path.starts_with('/') || trimmed.is_empty() {
        return Err(bad("it must be an absolute path below `/`"));
    }
    if trimmed.split('/').skip(1).any(|part| matches!(part, "" | "." | "..")) {
        return Err(bad("it must not have empty, `.` or `..` parts"));
    }
    if trimmed.bytes().any(|b| b.is_ascii_control()) {
        return Err(bad("it must not have control characters"));
    }
    if trimmed.len() > 255 {
        return Err(bad("it must have at most 255 octets"));
    }
    Ok(trimmed.to_owned())
}

/// Whether two dataroots are one, or one lies in the other: their files would mix.
pub fn dataroots_touch(a: &str, b: &str) -> bool {
    let inside =
        |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|r| r.is_empty() || r.starts_with('/'));
    inside(a, b) || inside(b, a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_originals_database_types_and_hosts_are_read() {
        assert_eq!(Engine::parse_vdbtype("postgres7").unwrap(), Engine::Postgres);
        assert_eq!(Engine::parse_vdbtype("mysqli").unwrap(), Engine::MySql);
        assert!(Engine::parse_vdbtype("oci").is_err());
        for (raw, expected) in [
            ("db.org:3307", ("db.org", Some(3307))),
            ("db.org", ("db.org", None)),
            ("[::1]:5433", ("[::1]", Some(5433))),
            ("2001:db8::1", ("2001:db8::1", None)),
            ("db.org:x", ("db.org:x", None)),
        ] {
            assert_eq!(Endpoint::split_host(raw), expected);
        }
    }

    #[test]
    fn a_dataroot_is_absolute_and_plain() {
        assert_eq!(check_dataroot("/var/moodledata/l'école/").unwrap(), "/var/moodledata/l'école");
        for bad in ["", "/", "var/x", "/var/../etc", "/var//x", "/var/./x", "/var/x\n"] {
            assert!(check_dataroot(bad).is_err(), "{bad:?}");
        }
        assert!(dataroots_touch("/a/b", "/a/b") && dataroots_touch("/a/b", "/a/b/c"));
        assert!(!dataroots_touch("/a/b", "/a/bc"));
    }

    #[test]
    fn only_enabled_tenants_are_served_and_the_trash_is_hidden() {
        let served: Vec<_> = State::ALL.iter().map(|s| (s.word(), s.service())).collect();
        assert_eq!(
            served.iter().filter(|(_, s)| *s == Service::Served).map(|(w, _)| *w).collect::<Vec<_>>(),
            ["enabled"]
        );
        assert_eq!(
            served.iter().filter(|(_, s)| *s == Service::Hidden).map(|(w, _)| *w).collect::<Vec<_>>(),
            ["trashed", "spare"]
        );
    }
}

#[cfg(test)]
pub(crate) mod tests_support {
    use super::*;

    /// A tenant with nothing out of the ordinary.
    pub(crate) fn tenant(id: u32, wwwroot: &str) -> Tenant {
        Tenant {
            id: TenantId(id),
            name: format!("School {id}"),
            shortname: format!("s{id}"),
            address: SiteAddress::parse(wwwroot).unwrap(),
            database: Endpoint {
                engine: Engine::MariaDb,
                host: "localhost".into(),
                port: None,
                socket: None,
                database: DbName::parse(&format!("moodle_{id}")).unwrap(),
                user: Some(format!("u{id}")),
                password: Some(Stored::from_column(format!("p{id}"))),
            },
            prefix: Prefix::parse("mdl_").unwrap(),
            persist: false,
            options: Map::new(),
            dataroot: format!("/var/moodledata/{id}"),
            mnet: 0,
            state: State::Enabled,
            settings: Map::new(),
            tags: Vec::new(),
        }
    }
}
