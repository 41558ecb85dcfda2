//! Moodle's own scripts, run as a tenant: without a shell, without secrets that count in their arguments.

use std::collections::VecDeque;
use std::os::unix::fs::MetadataExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::control::ControlSite;
use crate::error::{Error, Kind, Result};
use crate::secret::Secret;
use crate::tenant::Tenant;

/// How long Moodle's installer may take.
const INSTALL_LIMIT: Duration = Duration::from_mins(20);
/// How much of what a script says is kept, in octets: the last of it.
const KEPT: usize = 64 << 10;
/// How much of a script's last words is told with an error.
const LAST_WORDS: usize = 2000;
/// What Moodle's environment test asks for (admin/environment.xml).
const LIMITS: [&str; 2] = ["-d", "max_input_vars=5000"];

/// How a script ended.
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    /// The last of what it printed, then of what it complained.
    pub(crate) said: String,
}

/// Installs a site into the tenant's empty database.
///
/// The installer takes the administrator's password as an argument only, which every user of the machine can read: it gets
/// one that is thrown away, and the identity gives the real one before the site is served.
pub(crate) async fn install(control: &ControlSite, tenant: &Tenant) -> Result<()> {
    let throwaway = format!("--adminpass={}-aA1", Secret::random().reveal());
    let (name, short) = (format!("--fullname={}", tenant.name), format!("--shortname={}", tenant.shortname));
    let email = format!("--adminemail=admin@{}", tenant.address.host());
    let arguments = ["--lang=en", "--adminuser=admin", &throwaway, &email, &name, &short, "--agree-license"];
    run(control, tenant, "admin/cli/install_database.php", &arguments, INSTALL_LIMIT).await
}

/// Runs a script of the code base as a tenant; fails with `script_failed` and its last words.
pub(crate) async fn run(
    control: &ControlSite,
    tenant: &Tenant,
    script: &str,
    arguments: &[&str],
    limit: Duration,
) -> Result<()> {
    let ended = end(control, Some(tenant), script, arguments, limit).await?;
    if ended.status.success() { Ok(()) } else { Err(ended.failed(script).of_tenant(tenant.address.to_string())) }
}

impl Ended {
    /// The error that it is, with its last words.
    pub(crate) fn failed(&self, script: &str) -> Error {
        let text = format!("`{script}` ended with {}: {}", self.status, last_words(&self.said));
        Error::new(Kind::ScriptFailed, text)
    }
}

/// Runs a script of the code base to its end, as a tenant or on the control site. Fails with `script_failed` only where it
/// could not be started or did not end in time.
pub(crate) async fn end(
    control: &ControlSite,
    tenant: Option<&Tenant>,
    script: &str,
    arguments: &[&str],
    limit: Duration,
) -> Result<Ended> {
    let wwwroot = tenant.map_or(&control.address, |tenant| &tenant.address).to_string();
    let failed = |what: String| Error::new(Kind::ScriptFailed, format!("`{script}` {what}")).of_tenant(&wwwroot);
    let mut command = Command::new(&control.php);
    command
        .args(LIMITS)
        .arg(script)
        .args(arguments)
        .current_dir(&control.dirroot)
        .env_remove("VMOODLE_HOST")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    if tenant.is_some() {
        command.env("VMOODLE_HOST", &wwwroot);
    }
    // Files that root leaves in a dataroot could not be written by the farm's OS user afterwards.
    let dataroot = tenant.map_or(&control.dataroot, |tenant| &tenant.dataroot);
    if rustix::process::getuid().is_root()
        && let Ok(owner) = std::fs::metadata(dataroot)
        && owner.uid() != 0
    {
        command.uid(owner.uid()).gid(owner.gid());
    }
    let mut child =
        command.spawn().map_err(|e| failed(format!("cannot be started with `{}`", control.php)).because(e))?;
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let (mut said, mut complained) = (VecDeque::new(), VecDeque::new());
    let ended = tokio::time::timeout(limit, async {
        let ((), (), status) = tokio::join!(read(&mut out, &mut said), read(&mut err, &mut complained), child.wait());
        status
    })
    .await;
    said.append(&mut complained);
    let bytes: Vec<u8> = said.into();
    let said = String::from_utf8_lossy(&bytes).into_owned();
    match ended {
        Err(_) => Err(failed(format!("did not end within {} seconds: {}", limit.as_secs(), last_words(&said)))),
        Ok(Err(e)) => Err(failed("was lost".to_owned()).because(e)),
        Ok(Ok(status)) => Ok(Ended { status, said }),
    }
}

fn last_words(said: &str) -> String {
    let said = said.trim();
    said.chars().skip(said.chars().count().saturating_sub(LAST_WORDS)).collect()
}

/// Reads to the end and keeps the last of it.
async fn read(from: &mut Option<impl tokio::io::AsyncRead + Unpin>, into: &mut VecDeque<u8>) {
    let mut bytes = vec![0; 8192];
    while let Some(from) = from
        && let Ok(read @ 1..) = from.read(&mut bytes).await
    {
        into.extend(&bytes[..read]);
        let over = into.len().saturating_sub(KEPT);
        into.drain(..over);
    }
}
