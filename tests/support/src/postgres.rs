//! A private PostgreSQL server.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use crate::need::{self, Need, program};
use crate::process::{Server, Stop, free_port, is_root, output, output_of_dump, output_of_input};
use crate::scratch::Scratch;
use crate::wait;

/// The superuser that tests hand to PHP.
pub const USER: &str = "vmoodle";
/// Its password, asked for over TCP.
pub const PASSWORD: &str = "pass'word \\ with \"quotes\"";

/// A server with a folder, a unix socket and a TCP port of its own, without any fsync unless it is [`Self::durable`].
#[derive(Debug)]
pub struct Postgres {
    // Ends before the folder goes.
    server: Server,
    folder: Scratch,
    port: u16,
}

impl Postgres {
    /// Starts one; `None` (said on stderr) where PostgreSQL is not installed.
    pub fn start() -> Option<Self> {
        Self::begin(false)
    }

    fn begin(durable: bool) -> Option<Self> {
        need::all(&[Need::PostgreSql])?;
        let folder = Scratch::new("postgres");
        install(&folder);
        for _ in 0..3 {
            let port = free_port();
            let mut server = launch(&folder, port, durable);
            if wait::holds_within(Duration::from_mins(1), || !server.runs() || answers(&folder, port)) && server.runs()
            {
                return Some(Self { server, folder, port });
            }
        }
        panic!("postgres did not start:\n{}", std::fs::read_to_string(folder.join("log")).unwrap_or_default());
    }

    /// The one server of this test program.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// The one server of this program that writes as PostgreSQL does by itself, so that a bench counts what a commit costs.
    pub fn durable() -> Option<&'static Self> {
        static DURABLE: OnceLock<Option<Postgres>> = OnceLock::new();
        DURABLE.get_or_init(|| Self::begin(true)).as_ref()
    }

    /// The folder of the unix socket, as libpq wants it.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// The TCP port on 127.0.0.1, which also names the socket.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs SQL in `database` (empty: `postgres`); rows as tab-separated lines, without a heading.
    pub fn run(&self, database: &str, sql: &str) -> String {
        run(self.folder.path(), self.port, database, sql)
    }

    /// Kills the server: from now on nobody reaches it.
    pub fn kill(&mut self) {
        self.server.end();
    }
}

/// Runs SQL in `database` (empty: `postgres`) of the server behind the socket in `folder`.
pub(crate) fn run(folder: &Path, port: u16, database: &str, sql: &str) -> String {
    output_of_input(&mut client(folder, port, database), sql.as_bytes())
}

/// Loads a dump compressed by zstd into `database`.
pub(crate) fn load(folder: &Path, port: u16, database: &str, dump: &Path) {
    output_of_dump(&mut client(folder, port, database), dump);
}

fn install(folder: &Scratch) {
    if let Some(user) = owner() {
        output(Command::new("chown").arg(user).arg(folder.path()));
    }
    // initdb wants the password in a file, and would otherwise ask for it.
    std::fs::write(folder.join("password"), PASSWORD).unwrap();
    if let Some(user) = owner() {
        output(Command::new("chown").arg(user).arg(folder.join("password")));
    }
    let mut command = as_owner(&program("initdb").expect("needed"));
    command
        .args(["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--auth-local=trust"])
        .args(["--auth-host=scram-sha-256", "--username", USER, "--pwfile"])
        .arg(folder.join("password"))
        .arg("--pgdata")
        .arg(folder.join("data"));
    output(&mut command);
}

fn launch(folder: &Scratch, port: u16, durable: bool) -> Server {
    let mut arguments = vec![
        "-D".to_owned(),
        folder.join("data").display().to_string(),
        "-k".to_owned(),
        folder.path().display().to_string(),
        "-p".to_owned(),
        port.to_string(),
    ];
    let cached =
        ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_wal_senders=0", "wal_level=minimal"];
    let settings = ["listen_addresses=127.0.0.1", "max_connections=200"];
    for setting in settings.iter().chain(cached.iter().filter(|_| !durable)) {
        arguments.extend(["-c".to_owned(), (*setting).to_owned()]);
    }
    Server::start(&program("postgres").expect("needed"), arguments, owner(), &folder.join("log"), Stop::Quit)
}

/// PostgreSQL refuses to run as root.
fn owner() -> Option<&'static str> {
    is_root().then_some("postgres")
}

fn as_owner(program: &Path) -> Command {
    let Some(user) = owner() else {
        return Command::new(program);
    };
    let mut command = Command::new("setpriv");
    command
        .args([&format!("--reuid={user}"), &format!("--regid={user}")])
        .args(["--init-groups", "--"])
        .arg(program)
        .current_dir("/");
    command
}

fn client(folder: &Path, port: u16, database: &str) -> Command {
    let mut command = Command::new(program("psql").expect("needed"));
    command
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--field-separator=\t"])
        .args(["-v", "ON_ERROR_STOP=1", "-U", USER, "-p", &port.to_string(), "-h"])
        .arg(folder)
        .args(["-d", if database.is_empty() { "postgres" } else { database }])
        .env("PGOPTIONS", "-c client_min_messages=warning")
        .stdin(Stdio::null());
    command
}

fn answers(folder: &Scratch, port: u16) -> bool {
    folder.join(format!(".s.PGSQL.{port}")).exists()
        && client(folder.path(), port, "").args(["-c", "SELECT 1"]).output().is_ok_and(|result| result.status.success())
}
