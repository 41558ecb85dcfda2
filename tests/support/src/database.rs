//! A throw-away database, named by its test.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::mariadb::{self, MariaDb};
use crate::postgres::{self, Postgres};

/// The engines that tenants and control sites may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// MariaDB.
    MariaDb,
    /// PostgreSQL.
    Postgres,
}

impl Engine {
    /// Both, for tests that run once on each.
    pub const ALL: [Self; 2] = [Self::MariaDb, Self::Postgres];

    /// Moodle's word for the driver.
    pub fn dbtype(self) -> &'static str {
        match self {
            Self::MariaDb => "mariadb",
            Self::Postgres => "pgsql",
        }
    }
}

/// An empty database, and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// Its engine.
    pub engine: Engine,
    /// Its name.
    pub name: String,
    /// MariaDB: the unix socket. PostgreSQL: the folder of the unix socket.
    pub socket: PathBuf,
    /// The TCP port on 127.0.0.1.
    pub port: u16,
}

impl Database {
    /// Makes an empty database on the shared server of `engine`; `None` (said on stderr) where it is not installed.
    pub fn shared(engine: Engine, name: &str) -> Option<Self> {
        Some(match engine {
            Engine::MariaDb => MariaDb::shared()?.database(name),
            Engine::Postgres => Postgres::shared()?.database(name),
        })
    }

    /// As [`Self::shared`], on the server that writes as the engine does by itself: for benches.
    pub fn durable(engine: Engine, name: &str) -> Option<Self> {
        Some(match engine {
            Engine::MariaDb => MariaDb::durable()?.database(name),
            Engine::Postgres => Postgres::durable()?.database(name),
        })
    }

    /// The account that PHP is given.
    pub fn user(&self) -> &'static str {
        match self.engine {
            Engine::MariaDb => mariadb::USER,
            Engine::Postgres => postgres::USER,
        }
    }

    /// Its password.
    pub fn password(&self) -> &'static str {
        match self.engine {
            Engine::MariaDb => mariadb::PASSWORD,
            Engine::Postgres => postgres::PASSWORD,
        }
    }

    /// Runs SQL; rows as tab-separated lines, without a heading.
    pub fn run(&self, sql: &str) -> String {
        match self.engine {
            Engine::MariaDb => mariadb::run(&self.socket, &self.name, sql),
            Engine::Postgres => postgres::run(&self.socket, self.port, &self.name, sql),
        }
    }

    /// Loads a dump compressed by zstd.
    pub fn load(&self, dump: &Path) {
        match self.engine {
            Engine::MariaDb => mariadb::load(&self.socket, &self.name, dump),
            Engine::Postgres => postgres::load(&self.socket, self.port, &self.name, dump),
        }
    }

    /// The columns of a registry row that say where this database is: MariaDB by socket, PostgreSQL by TCP.
    pub fn registry_columns(&self) -> Value {
        let mut row = json!({
            "vdbtype": self.engine.dbtype(), "vdbhost": "localhost", "vdbname": self.name,
            "vdblogin": self.user(), "vdbpass": self.password(), "vdbprefix": "mdl_",
        });
        match self.engine {
            Engine::MariaDb => {
                row["vdbsocket"] = json!(self.socket);
                row["vdboptions"] = json!({"dbcollation": "utf8mb4_unicode_ci"});
            }
            Engine::Postgres => {
                row["vdbhost"] = json!("127.0.0.1");
                row["vdbport"] = json!(self.port);
            }
        }
        row
    }

    /// The settings of a `config.php` that say where this database is.
    pub fn config(&self) -> Value {
        let (host, options) = match self.engine {
            Engine::MariaDb => {
                ("localhost", json!({"dbpersist": 0, "dbsocket": self.socket, "dbcollation": "utf8mb4_unicode_ci"}))
            }
            Engine::Postgres => ("127.0.0.1", json!({"dbpersist": 0, "dbport": self.port})),
        };
        json!({
            "dbtype": self.engine.dbtype(), "dblibrary": "native", "dbhost": host, "dbname": self.name,
            "dbuser": self.user(), "dbpass": self.password(), "prefix": "mdl_", "dboptions": options,
        })
    }
}

impl MariaDb {
    /// Makes an empty database of this name, in place of one that is there.
    pub fn database(&self, name: &str) -> Database {
        assert!(name.len() <= 63, "`{name}` is too long for a database");
        self.run("", &format!("DROP DATABASE IF EXISTS `{name}`; CREATE DATABASE `{name}`"));
        Database { engine: Engine::MariaDb, name: name.to_owned(), socket: self.socket(), port: self.port() }
    }
}

impl Postgres {
    /// Makes an empty database of this name, in place of one that is there.
    pub fn database(&self, name: &str) -> Database {
        assert!(name.len() <= 63, "`{name}` is too long for a database");
        self.run("", &format!("DROP DATABASE IF EXISTS \"{name}\""));
        self.run("", &format!("CREATE DATABASE \"{name}\" TEMPLATE template0"));
        Database { engine: Engine::Postgres, name: name.to_owned(), socket: self.socket(), port: self.port() }
    }
}
