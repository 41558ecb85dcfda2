//! A tenant leaves the farm as a plain Moodle: a folder with its database, its files, a `config.php` and three steps.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::Ground;
use crate::configphp::{Layout, Leaver, standalone};
use crate::db::transfer::{self, Door};
use crate::error::{Error, Kind, Result};
use crate::files;
use crate::host::escape;
use crate::registry::policies;
use crate::secret::Secret;
use crate::steps::blocking;
use crate::tenant::{Tenant, dataroots_touch};

/// What the folder says to whoever opens it.
const STEPS: &str = "README.txt";

/// The tenant's own folder below the one that is given; refuses one inside the code or a dataroot.
pub(crate) fn folder_of(ground_dirroot: &str, tenant: &Tenant, given: &str) -> Result<PathBuf> {
    let bad = |rule: &str| {
        Error::new(Kind::BadParameter, format!("`{}` cannot take a site that leaves: {rule}", escape(given)))
            .hint("give an absolute path outside the code and every dataroot")
    };
    let plain = crate::tenant::check_dataroot(given).map_err(|_| bad("its path must be absolute and plain"))?;
    if dataroots_touch(ground_dirroot.trim_end_matches('/'), &plain) && !ground_dirroot.is_empty() {
        return Err(bad("it lies in the code"));
    }
    if dataroots_touch(&tenant.dataroot, &plain) {
        return Err(bad("it lies in the dataroot"));
    }
    let name: String =
        tenant.address.key().chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' }).collect();
    Ok(Path::new(&plain).join(name))
}

/// Writes the site out; the tenant itself is left as it is.
pub(crate) async fn leave(ground: &mut Ground<'_>, folder: &Path) -> Result<()> {
    let Ground { control, keyring, db, tenant, steps } = ground;
    steps
        .step("folder", async || {
            files::make_folder(folder)?;
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
            std::fs::set_permissions(folder, private).map_err(files::failed("set the mode of", folder))
        })
        .await?;
    steps
        .step("database", async || {
            let door = Door::of_tenant(tenant, &control.settings, keyring)?;
            transfer::dump(&door, &folder.join("database.sql.zst")).await.map(drop)
        })
        .await?;
    steps
        .step("files", async || {
            let (from, to) = (PathBuf::from(&tenant.dataroot), folder.join("moodledata"));
            blocking(move || {
                if !to.is_dir() {
                    files::make_folder(&to)?;
                }
                // The folder may go anywhere, and its new owner may do anything to it.
                files::copy_tree_apart(&from, &to).map(drop)
            })
            .await
        })
        .await?;
    steps
        .step("config", async || {
            let settings = policies::settings_of(db, tenant).await?;
            let (user, password) = account(tenant, control.settings.account.as_ref(), keyring)?;
            let leaver = Leaver { tenant, user: &user, password: &password, settings: &settings };
            let text = standalone(&leaver, Layout::of(control.dirroot.as_ref()))?;
            write(&folder.join("config.php"), text.reveal())?;
            write(&folder.join(STEPS), &steps_to_run(tenant))
        })
        .await
}

fn account(
    tenant: &Tenant,
    farm: Option<&(String, Option<Secret>)>,
    keyring: &crate::secret::Keyring,
) -> Result<(String, Secret)> {
    if let Some((user, password)) = farm {
        return Ok((user.clone(), password.clone().unwrap_or_else(|| Secret::new(""))));
    }
    let password = tenant.database.password.as_ref().map(|stored| keyring.open_stored(stored)).transpose()?;
    let user = tenant.database.user.clone().unwrap_or_default();
    Ok((user, password.unwrap_or_else(|| Secret::new(""))))
}

fn write(path: &Path, text: &str) -> Result<()> {
    let open = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = open.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(files::failed("write", path))
}

fn steps_to_run(tenant: &Tenant) -> String {
    let database = &tenant.database;
    let load = if database.engine.is_mysql() {
        format!("zstd -dc database.sql.zst | mariadb --default-character-set=utf8mb4 {}", database.database)
    } else {
        format!("zstd -dc database.sql.zst | psql -v ON_ERROR_STOP=1 {}", database.database)
    };
    format!(
        "{wwwroot} as a plain Moodle\n\n\
         1. Make the database `{name}` and its account, and load it:\n   {load}\n\
         2. Bring the folder `moodledata` to its place, and give it to the web server's user.\n\
         3. Put `config.php` into a Moodle of the same version; set $CFG->dataroot (and $CFG->db...) to where they are\n   \
            now, then run: php admin/cli/purge_caches.php\n",
        wwwroot = tenant.address,
        name = database.database,
    )
}
