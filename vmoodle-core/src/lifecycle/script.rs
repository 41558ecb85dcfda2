//! Moodle's own scripts, run as a tenant: without a shell, without secrets that count in their arguments.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;

use crate::control::ControlSite;
use crate::error::{Error, Kind, Result};
use crate::moodle::php;
use crate::secret::Secret;
use crate::tenant::Tenant;

/// How long Moodle's installer may take.
const INSTALL_LIMIT: Duration = Duration::from_mins(20);
/// How much of a script's last words is told.
const LAST_WORDS: usize = 2000;

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
    let wwwroot = tenant.address.to_string();
    let failed = |what: String| Error::new(Kind::ScriptFailed, format!("`{script}` {what}")).of_tenant(&wwwroot);
    let mut child = php::command(&control.php)
        .arg(script)
        .args(arguments)
        .current_dir(&control.dirroot)
        .env("VMOODLE_HOST", &wwwroot)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| failed(format!("cannot be started with `{}`", control.php)).because(e))?;
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let (mut said, mut complained) = (Vec::new(), Vec::new());
    let ended = tokio::time::timeout(limit, async {
        let ((), (), status) = tokio::join!(read(&mut out, &mut said), read(&mut err, &mut complained), child.wait());
        status
    })
    .await;
    said.extend_from_slice(&complained);
    let words = String::from_utf8_lossy(&said).into_owned();
    let last: String = words.chars().skip(words.chars().count().saturating_sub(LAST_WORDS)).collect();
    match ended {
        Err(_) => Err(failed(format!("did not end within {} seconds: {}", limit.as_secs(), last.trim()))),
        Ok(Err(e)) => Err(failed("was lost".to_owned()).because(e)),
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(failed(format!("ended with {status}: {}", last.trim()))),
    }
}

async fn read(from: &mut Option<impl tokio::io::AsyncRead + Unpin>, into: &mut Vec<u8>) {
    if let Some(from) = from {
        let _ = from.read_to_end(into).await;
    }
}
