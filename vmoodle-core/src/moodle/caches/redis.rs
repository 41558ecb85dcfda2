//! Redis, as Moodle's cache store and its sessions use it: one connection to a server for as long as a job lasts.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, Pipeline, RedisConnectionInfo, RedisError,
    TlsCertificates,
};
use tokio::sync::OnceCell;

use super::settings::Store;
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;

/// How long a server may take to connect, and to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// For how long a server that did not answer is not asked again: a job has many tenants.
const SHUNNED: Duration = Duration::from_secs(2);

/// A server, and how one enters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    address: Address,
    password: Option<Secret>,
    database: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Address {
    Socket(PathBuf),
    Tcp(String, u16),
    /// The file with the authorities; without one Moodle takes any certificate.
    Tls(String, u16, Option<PathBuf>),
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            Address::Socket(path) => write!(f, "{}", path.display()),
            Address::Tcp(host, port) | Address::Tls(host, port, _) => write!(f, "{host}:{port}"),
        }
    }
}

impl Server {
    /// Reads `host`, `host:port` or the path of a socket, as Moodle does (`cache/stores/redis/lib.php`, `new_redis`).
    pub fn parse(text: &str, port: u16, password: Option<Secret>, database: i64) -> Option<Self> {
        let text = text.lines().map(str::trim).find(|line| !line.is_empty())?.to_lowercase();
        let path = text.strip_prefix("unix://").or_else(|| text.starts_with('/').then_some(text.as_str()));
        let address = if let Some(path) = path {
            Address::Socket(PathBuf::from(path))
        } else {
            let (host, port) = match text.split_once(':') {
                Some((host, number)) => (host, number.parse().ok()?),
                None => (text.as_str(), port),
            };
            Address::Tcp(host.to_owned(), port)
        };
        Some(Self { address, password: password.filter(|password| !password.reveal().is_empty()), database })
    }

    /// The server of a cache store; `None` where only PHP can reach it: a cluster, or a name that cannot be read.
    pub(super) fn of_store(store: &Store) -> Option<Self> {
        if store.is_set("clustermode") {
            return None;
        }
        let mut server = Self::parse(&store.text("server"), 6379, Some(Secret::new(store.text("password"))), 0)?;
        if let (true, Address::Tcp(host, port)) = (store.is_set("encryption"), &server.address) {
            let authorities = Some(store.text("cafile")).filter(|path| !path.is_empty()).map(PathBuf::from);
            server.address = Address::Tls(host.clone(), *port, authorities);
        }
        Some(server)
    }

    async fn connect(&self) -> Result<MultiplexedConnection> {
        let failed = |error: RedisError| self.failed(&error);
        let (address, authorities) = match &self.address {
            Address::Socket(path) => (ConnectionAddr::Unix(path.clone()), None),
            Address::Tcp(host, port) => (ConnectionAddr::Tcp(host.clone(), *port), None),
            Address::Tls(host, port, authorities) => {
                let insecure = authorities.is_none();
                let address = ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure, tls_params: None };
                (address, authorities.as_ref())
            }
        };
        let mut entering = RedisConnectionInfo::default().set_db(self.database).set_skip_set_lib_name();
        if let Some(password) = &self.password {
            entering = entering.set_password(password.reveal());
        }
        let info = address.into_connection_info().map_err(failed)?.set_redis_settings(entering);
        let client = match authorities {
            None => Client::open(info),
            Some(path) => {
                let root_cert = std::fs::read(path).map_err(|error| {
                    Error::new(Kind::TenantUnreachable, format!("`{}` cannot be read", path.display())).because(error)
                })?;
                Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: Some(root_cert) })
            }
        };
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(PATIENCE)).set_response_timeout(Some(PATIENCE));
        client.map_err(failed)?.get_multiplexed_async_connection_with_config(&config).await.map_err(failed)
    }

    /// What a person is told; an answer of the server never holds the password.
    fn failed(&self, error: &RedisError) -> Error {
        let what = error.code().map_or_else(|| error.to_string(), |code| format!("it says {code}"));
        Error::new(Kind::TenantUnreachable, format!("the Redis server `{self}` cannot be used: {what}"))
            .hint("what was written is in place; when the server answers again, retry the job to drop what it holds")
    }
}

/// Connections of a job.
#[derive(Debug, Default)]
pub struct Pool(RefCell<Vec<Rc<Line>>>);

struct Line {
    server: Server,
    connection: OnceCell<MultiplexedConnection>,
    failed: Cell<Option<Instant>>,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.server)
    }
}

impl Pool {
    /// Sends commands in one go and reads their answers. Fails with `tenant_unreachable`.
    pub async fn send<T: redis::FromRedisValue>(&self, server: &Server, commands: &Pipeline) -> Result<T> {
        let line = self.line(server);
        if line.failed.get().is_some_and(|at| at.elapsed() < SHUNNED) {
            return Err(Error::new(Kind::TenantUnreachable, format!("the Redis server `{server}` does not answer")));
        }
        let done = async {
            let mut connection = line.connection.get_or_try_init(|| server.connect()).await?.clone();
            commands.query_async(&mut connection).await.map_err(|error: RedisError| server.failed(&error))
        }
        .await;
        if done.is_err() {
            line.failed.set(Some(Instant::now()));
            // The next one connects anew.
            self.0.borrow_mut().retain(|other| !Rc::ptr_eq(other, &line) || line.connection.get().is_none());
        }
        done
    }

    fn line(&self, server: &Server) -> Rc<Line> {
        let mut lines = self.0.borrow_mut();
        if let Some(line) = lines.iter().find(|line| line.server == *server) {
            return line.clone();
        }
        let line = Rc::new(Line { server: server.clone(), connection: OnceCell::new(), failed: Cell::new(None) });
        lines.push(line.clone());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_as_moodle_reads_them() {
        let shown = |text: &str| Server::parse(text, 6379, None, 0).map(|server| server.to_string());
        for (text, expected) in [
            ("\n Cache.Example.org:6380 \nother", "cache.example.org:6380"),
            ("cache", "cache:6379"),
            ("/run/redis.sock", "/run/redis.sock"),
            ("unix:///run/redis.sock", "/run/redis.sock"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!((shown(""), shown("a:b")), (None, None));
        let server = Server::parse("a", 6379, Some(Secret::new("hidden")), 0).unwrap();
        assert!(!format!("{server:?} {server}").contains("hidden"));
    }

    #[tokio::test]
    async fn a_server_that_is_down_is_said_and_may_be_retried() {
        let server = Server::parse("127.0.0.1:1", 6379, Some(Secret::new("hidden")), 0).unwrap();
        let pool = Pool::default();
        for _ in 0..2 {
            let error = pool.send::<()>(&server, redis::pipe().cmd("PING")).await.unwrap_err();
            assert!(error.kind().is_retryable() && !error.to_string().contains("hidden"), "{error}");
        }
    }
}
