//! Moodle's own scripts, run as a tenant: without a shell, without secrets that count in their arguments.

use std::path::{Component, Path};
use std::time::Duration;

use super::process::{self, Task};
use crate::control::ControlSite;
use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::secret::Secret;
use crate::tenant::Tenant;

/// How long Moodle's installer may take.
const INSTALL_LIMIT: Duration = Duration::from_mins(20);

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
    let task = Task { script, arguments, input: b"", limit, goes_on: false };
    process::run(control, Some(tenant), &task).await?.done()
}

/// Looks at a script's name: a PHP file below the code base, said without detours.
pub(crate) fn check_name(script: &str) -> Result<()> {
    let path = Path::new(script);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    let is_php = path.extension().is_some_and(|ending| ending == "php");
    if plain && is_php && !script.starts_with('-') && !script.contains(['\\', '\0']) && !script.contains("//") {
        return Ok(());
    }
    Err(Error::new(Kind::BadParameter, format!("`{}` is no script of the code base", escape(script)))
        .hint("give the path of a PHP file below Moodle's folder, such as `admin/cli/purge_caches.php`"))
}

/// Looks at the script itself: a file that is in the code base, also where links lead.
pub(crate) fn check_place(dirroot: &Path, script: &str) -> Result<()> {
    check_name(script)?;
    let refused = |why: &str| Error::new(Kind::BadParameter, format!("`{}` {why}", escape(script)));
    let real = dirroot.join(script).canonicalize().map_err(|error| refused("is not there").because(error))?;
    let root = dirroot.canonicalize().map_err(|error| refused("has no code base around it").because(error))?;
    if !real.starts_with(&root) {
        return Err(refused("leads out of the code base"));
    }
    if real.is_file() { Ok(()) } else { Err(refused("is no file")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_a_php_file_of_the_code_base_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("code");
        std::fs::create_dir_all(root.join("admin/folder.php")).unwrap();
        for file in ["code/admin/run.php", "outside.php"] {
            std::fs::write(folder.path().join(file), "<?php").unwrap();
        }
        std::os::unix::fs::symlink(folder.path().join("outside.php"), root.join("link.php")).unwrap();
        std::os::unix::fs::symlink("admin/run.php", root.join("inner.php")).unwrap();
        for good in ["admin/run.php", "inner.php"] {
            check_place(&root, good).unwrap();
        }
        for bad in [
            "",
            "../outside.php",
            "admin/../../outside.php",
            "/etc/x.php",
            "link.php",
            "admin/none.php",
            "admin/folder.php",
            "./admin/run.php",
            "admin//run.php",
            "-r.php",
            "admin/run.sh",
            "admin\\run.php",
            "admin/run.php\0",
        ] {
            assert_eq!(check_place(&root, bad).unwrap_err().kind(), Kind::BadParameter, "{bad:?}");
        }
    }
}
