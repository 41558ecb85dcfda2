//! A private MariaDB server.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use crate::need::{self, Need, program};
use crate::process::{Server, Stop, free_port, is_root, output, output_of_dump, output_of_input};
use crate::scratch::Scratch;
use crate::wait;

/// The account that tests hand to PHP: all rights, and the right to give them on.
pub const USER: &str = "vmoodle";
/// Its password.
pub const PASSWORD: &str = "pass'word \\ with \"quotes\"";

/// A server with a folder, a unix socket and a TCP port of its own, without any fsync unless it is [`Self::durable`].
#[derive(Debug)]
pub struct MariaDb {
    // Ends before the folder goes.
    server: Server,
    folder: Scratch,
    port: u16,
    durable: bool,
}

impl MariaDb {
    /// Starts one; `None` (said on stderr) where MariaDB is not installed.
    pub fn start() -> Option<Self> {
        Self::begin(false)
    }

    fn begin(durable: bool) -> Option<Self> {
        need::all(&[Need::MariaDb])?;
        let folder = Scratch::new("mariadb");
        install(&folder);
        // Between our look at the port and the server's bind somebody else may take it.
        for _ in 0..3 {
            let port = free_port();
            let mut server = launch(&folder, port, durable);
            if wait::holds_within(Duration::from_mins(1), || !server.runs() || answers(&folder)) && server.runs() {
                return Some(Self { server, folder, port, durable });
            }
        }
        panic!("mariadbd did not start:\n{}", log(&folder));
    }

    /// The one server of this test program.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<MariaDb>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// The one server of this program that writes as MariaDB does by itself, so that a bench counts what a commit costs, with
    /// memory as a farm's server has.
    pub fn durable() -> Option<&'static Self> {
        static DURABLE: OnceLock<Option<MariaDb>> = OnceLock::new();
        DURABLE.get_or_init(|| Self::begin(true)).as_ref()
    }

    /// The unix socket.
    pub fn socket(&self) -> PathBuf {
        socket(&self.folder)
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs SQL in `database` (may be empty) as root; rows as tab-separated lines, without a heading.
    pub fn run(&self, database: &str, sql: &str) -> String {
        run(&self.socket(), database, sql)
    }

    /// Kills the server: from now on nobody reaches it.
    pub fn kill(&mut self) {
        self.server.end();
    }

    /// Starts it again on the same socket, port and data.
    pub fn restart(&mut self) {
        self.server.end();
        self.server = launch(&self.folder, self.port, self.durable);
        wait::until(Duration::from_mins(1), "mariadbd", || answers(&self.folder));
    }
}

/// Runs SQL in `database` (may be empty) of the server behind `socket`, as root.
pub(crate) fn run(socket: &Path, database: &str, sql: &str) -> String {
    // A command line has room for 128 kB only, and is for everybody to see.
    output_of_input(client(socket).args(["-D", database]), sql.as_bytes())
}

/// Loads a dump compressed by zstd into `database`.
pub(crate) fn load(socket: &Path, database: &str, dump: &Path) {
    output_of_dump(client(socket).args(["-D", database]), dump);
}

fn install(folder: &Scratch) {
    let mut command = Command::new(program("mariadb-install-db").expect("needed"));
    command
        .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
        .arg("--skip-name-resolve")
        .arg(format!("--datadir={}", folder.join("data").display()))
        .args(is_root().then_some("--user=root"))
        .env("TMPDIR", folder.folder("tmp"));
    // On a machine that is short of memory for a moment the script's own server may be refused it.
    if !command.output().is_ok_and(|made| made.status.success()) {
        std::fs::remove_dir_all(folder.join("data")).unwrap();
        output(&mut command);
    }
    let accounts = ["localhost", "%"]
        .map(|host| {
            let password = PASSWORD.replace('\\', "\\\\").replace('\'', "''");
            format!("GRANT ALL ON *.* TO '{USER}'@'{host}' IDENTIFIED BY '{password}' WITH GRANT OPTION;\n")
        })
        .concat();
    std::fs::write(folder.join("init.sql"), accounts).unwrap();
}

fn launch(folder: &Scratch, port: u16, durable: bool) -> Server {
    let mut arguments = vec![
        "--no-defaults".to_owned(),
        format!("--datadir={}", folder.join("data").display()),
        format!("--socket={}", socket(folder).display()),
        format!("--pid-file={}", folder.join("pid").display()),
        format!("--init-file={}", folder.join("init.sql").display()),
        format!("--port={port}"),
        // A server that starts deletes what others of its kind have in a folder that they share.
        format!("--tmpdir={}", folder.folder("tmp").display()),
    ];
    arguments.extend(
        [
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
            "--collation-server=utf8mb4_unicode_ci",
            "--innodb-log-file-size=64M",
            "--aria-log-purge-type=immediate",
            "--max-connections=200",
            "--max-allowed-packet=64M",
        ]
        .map(str::to_owned),
    );
    let kind: &[&str] = if durable {
        // It reads past the system's page cache: as on a farm's server, the tables in use have room in its memory.
        &[
            "--innodb-buffer-pool-size=4G",
            "--table-open-cache=12000",
            "--table-definition-cache=12000",
            "--innodb-open-files=12000",
        ]
    } else {
        // Written to the page cache at each commit: outlives a killed server.
        &[
            "--innodb-flush-log-at-trx-commit=2",
            "--innodb-flush-method=nosync",
            "--innodb-doublewrite=0",
            "--innodb-buffer-pool-size=256M",
            "--table-open-cache=4000",
        ]
    };
    arguments.extend(kind.iter().map(|argument| (*argument).to_owned()));
    arguments.extend(is_root().then(|| "--user=root".to_owned()));
    Server::start(&program("mariadbd").expect("needed"), arguments, None, &folder.join("log"), Stop::Kill)
}

fn socket(folder: &Scratch) -> PathBuf {
    folder.join("socket")
}

fn client(socket: &Path) -> Command {
    let mut command = Command::new(program("mariadb").expect("needed"));
    command
        .args(["--no-defaults", "--batch", "--skip-column-names", "--user=root"])
        .args(["--default-character-set=utf8mb4", "--socket"])
        .arg(socket)
        .stdin(Stdio::null());
    command
}

fn answers(folder: &Scratch) -> bool {
    socket(folder).exists()
        && client(&socket(folder))
            .args(["-e", &format!("SHOW GRANTS FOR '{USER}'@'%'")])
            .output()
            .is_ok_and(|result| result.status.success())
}

fn log(folder: &Scratch) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}
