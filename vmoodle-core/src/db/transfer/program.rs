//! The programs that write databases out: found, started without a shell, and listened to.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::db::place::{Place, Tls};
use crate::db::{mysql, postgres};
use crate::error::{Error, Kind, Result};

/// Where programs are where `PATH` does not say: php-fpm empties it.
const FOLDERS: &[&str] = &["/usr/local/bin", "/usr/bin", "/bin"];
/// Where PostgreSQL's programs are, a folder for each version.
const VERSIONS: &[(&str, &str)] = &[("/usr/lib/postgresql", ""), ("/usr", "pgsql-")];
/// How much of what a program says is kept.
const SAID: usize = 2000;

/// A program that writes a database to its standard output. Dropped, it is killed.
pub(super) struct Program {
    name: String,
    child: Child,
    stdout: ChildStdout,
    said: Option<JoinHandle<String>>,
    password: String,
}

impl Program {
    /// Starts the program that writes the place's database out.
    pub(super) fn start(place: &Place) -> Result<Self> {
        let mut command = if place.engine.is_mysql() { of_mysql(place)? } else { of_postgres(place)? };
        let name = Path::new(command.as_std().get_program());
        let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let unstarted = |name: &str| Error::new(Kind::TransferFailed, format!("`{name}` cannot be started"));
        let mut child = command.spawn().map_err(|e| unstarted(&name).because(e))?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(unstarted(&name));
        };
        // Read beside the output: a program that nobody listens to stands still.
        let said = Some(tokio::spawn(last_of(stderr)));
        Ok(Self { name, child, stdout, said, password: place.password.reveal().to_owned() })
    }

    /// Reads some of its output; 0 only after it has ended well.
    pub(super) async fn read(&mut self, chunk: &mut [u8]) -> Result<usize> {
        let failed = |name: &str| Error::new(Kind::TransferFailed, format!("`{name}` has failed"));
        let read = self.stdout.read(chunk).await.map_err(|e| failed(&self.name).because(e))?;
        if read > 0 {
            return Ok(read);
        }
        let status = self.child.wait().await.map_err(|e| failed(&self.name).because(e))?;
        if status.success() {
            return Ok(0);
        }
        let said = match self.said.take() {
            Some(said) => said.await.unwrap_or_default(),
            None => String::new(),
        };
        let said = if self.password.is_empty() { said } else { said.replace(&self.password, "_") };
        Err(failed(&self.name).because(format!("{} ({status})", said.trim())))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.password);
    }
}

/// The last of what is said, as one line.
async fn last_of(mut stderr: impl AsyncRead + Unpin) -> String {
    let (mut last, mut chunk) = (Vec::new(), [0; 1024]);
    while let Ok(read @ 1..) = stderr.read(&mut chunk).await {
        last.extend_from_slice(&chunk[..read]);
        let excess = last.len().saturating_sub(SAID);
        last.drain(..excess);
    }
    let lines = String::from_utf8_lossy(&last).into_owned();
    lines.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" / ")
}

/// `mariadb-dump`, or MySQL's `mysqldump`, which has some options more (`--loose-`: where they are known).
fn of_mysql(place: &Place) -> Result<Command> {
    let mut command = command(&["mariadb-dump", "mysqldump"], search_path(), "MariaDB's or MySQL's client")?;
    command.arg("--no-defaults").args([
        "--single-transaction",
        "--quick",
        "--skip-lock-tables",
        "--no-tablespaces",
        "--skip-comments",
        "--hex-blob",
        "--skip-add-drop-table",
        "--skip-add-locks",
        "--skip-disable-keys",
        "--default-character-set=utf8mb4",
        "--loose-column-statistics=0",
        "--loose-set-gtid-purged=OFF",
    ]);
    command.arg(format!("--user={}", place.user)).env("MYSQL_PWD", place.password.reveal());
    if let Some(socket) = mysql::socket(place) {
        command.arg("--protocol=SOCKET").arg(format!("--socket={socket}"));
    } else {
        let port = place.port.unwrap_or(3306);
        command.args(["--protocol=TCP".to_owned(), format!("--host={}", place.tcp_host()), format!("--port={port}")]);
        command.args(match place.tls {
            Tls::Preferred => &["--loose-skip-ssl-verify-server-cert"][..],
            Tls::Required => &["--loose-ssl", "--loose-ssl-mode=REQUIRED", "--loose-skip-ssl-verify-server-cert"],
            Tls::Verified => &["--loose-ssl", "--loose-ssl-mode=VERIFY_IDENTITY", "--loose-ssl-verify-server-cert"],
        });
    }
    command.args(place.database.iter().map(ToString::to_string));
    Ok(command)
}

/// `pg_dump`: the newest one, since it refuses servers that are newer than itself.
fn of_postgres(place: &Place) -> Result<Command> {
    let folders = postgres_folders().into_iter().chain(search_path());
    let mut command = command(&["pg_dump"], folders, "PostgreSQL's client")?;
    command.args(["--format=plain", "--no-owner", "--no-privileges", "--no-password", "--encoding=UTF8"]);
    command.args(["--no-tablespaces", "--no-publications", "--no-subscriptions", "--no-security-labels"]);
    command.args(place.schema.iter().map(|schema| format!("--schema=\"{schema}\"")));
    command
        .env("PGHOST", postgres::socket(place).unwrap_or(place.tcp_host()))
        .env("PGPORT", place.port.unwrap_or(5432).to_string())
        .env("PGUSER", &place.user)
        .env("PGPASSWORD", place.password.reveal())
        .env("PGCONNECT_TIMEOUT", place.timeout.as_secs().to_string())
        .env(
            "PGSSLMODE",
            match place.tls {
                Tls::Preferred => "prefer",
                Tls::Required => "require",
                Tls::Verified => "verify-full",
            },
        );
    command.envs(place.database.iter().map(|name| ("PGDATABASE", name.as_str())));
    Ok(command)
}

/// The first of these programs that is there, with nothing of our own environment but where programs and homes are.
fn command(names: &[&str], folders: impl Iterator<Item = PathBuf>, package: &str) -> Result<Command> {
    let folders: Vec<PathBuf> = folders.collect();
    let mut candidates = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    let Some(program) = candidates.find(|path| path.is_file()) else {
        return Err(Error::new(Kind::ProgramMissing, format!("`{}` is not there", names.join("` or `")))
            .hint(format!("install {package} on this machine")));
    };
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C.UTF-8");
    for name in ["PATH", "HOME"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    Ok(command)
}

fn search_path() -> impl Iterator<Item = PathBuf> {
    let path: OsString = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
    folders.into_iter().chain(FOLDERS.iter().map(PathBuf::from))
}

/// The folders of PostgreSQL's versions, the newest first.
fn postgres_folders() -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for (folder, prefix) in VERSIONS {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let version = name.to_str().and_then(|name| name.strip_prefix(prefix)).and_then(|text| text.parse().ok());
            found.extend(version.map(|version| (version, entry.path().join("bin"))));
        }
    }
    found.sort();
    found.into_iter().rev().map(|(_, folder)| folder).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_installed_is_named_with_its_package() {
        let missing = command(&["mariadb-dump", "mysqldump"], std::iter::empty(), "the client").unwrap_err();
        assert_eq!(
            (missing.kind(), missing.way_out()),
            (Kind::ProgramMissing, Some("install the client on this machine"))
        );
        assert!(missing.to_string().contains("mysqldump"));
    }

    #[test]
    fn only_the_last_of_much_that_is_said_is_kept() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let long = format!("{}\n\n  the end \n", "warning\n".repeat(1000));
        let last = runtime.block_on(last_of(long.as_bytes()));
        assert!(last.len() < 4000 && last.ends_with("warning / the end"), "{last}");
    }
}
