//! Taking a tenant's snapshot, and putting one in its place.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Ground, build, server, stale};
use crate::control::ControlSite;
use crate::db::transfer::{self, Door};
use crate::db::{Cause, Db, Fault};
use crate::error::{Error, Kind, Result};
use crate::files;
use crate::host::SiteAddress;
use crate::moodle::identity::{self, Identity, Mail};
use crate::moodle::{caches, code, version};
use crate::registry::farm::now;
use crate::secret::Keyring;
use crate::snapshot::manifest::{Facts, Moodle};
use crate::snapshot::shelf::require_fits;
use crate::steps::blocking;
use crate::tenant::Tenant;
use crate::warning::Matter;

/// Moodle answers 503 with this page while it is there (lib/setup.php).
const CLOSED: &str = "climaintenance.html";
/// What it says while a site is restored.
const RESTORED: &str =
    "<!DOCTYPE html><title>503</title><p>This site is being restored. Ce site est en cours de restauration.</p>";

/// Takes a snapshot under an id that was chosen before, so that a repeated run goes on with its own.
pub(crate) async fn take(ground: &mut Ground<'_>, id: &str, name: Option<&str>, step: &str) -> Result<()> {
    let shelf = build::shelf(ground);
    let Ground { control, keyring, db, tenant, steps } = ground;
    let quiet = build::is_quiet(db, tenant, control, keyring).await?;
    steps
        .step(step, async || {
            if shelf.open(id).is_ok() {
                return Ok(());
            }
            let (begun, own) = (shelf.clone(), id.to_owned());
            let draft = blocking(move || begun.begin(&own)).await?;
            let door = Door::of_tenant(tenant, &control.settings, keyring)?;
            transfer::dump(&door, &draft.database_path()).await?;
            let mut site = Db::open_tenant(tenant, &control.settings, keyring).await?;
            let read =
                async { Ok::<_, Error>((version::read(&mut site, now()).await?, version::plugins(&mut site).await?)) }
                    .await;
            site.close().await;
            let (moodle, plugins) = read?;
            let facts = Facts {
                name: name.map(str::to_owned),
                wwwroot: tenant.address.to_string(),
                site: tenant.name.clone(),
                made_at: now(),
                moodle: Moodle {
                    version: moodle.version.to_string(),
                    release: moodle.release,
                    branch: moodle.branch.to_string(),
                },
                plugins: plugins.into_iter().map(|(name, version)| (name, version.to_string())).collect(),
                engine: tenant.database.engine.word().to_owned(),
                prefix: tenant.prefix.as_str().to_owned(),
                quiet,
            };
            let dataroot = PathBuf::from(&tenant.dataroot);
            blocking(move || {
                let mut draft = draft;
                draft.take_files(&dataroot)?;
                draft.seal(facts).map(drop)
            })
            .await
        })
        .await
}

/// Refuses, before anything is touched, what cannot be put in the tenant's place.
pub(crate) fn check(control: &ControlSite, tenant: &Tenant, id: &str) -> Result<()> {
    let manifest = build::shelf_of(control).open(id)?;
    build::require_engine(tenant, &manifest.facts.engine)?;
    if manifest.facts.prefix != tenant.prefix.as_str() {
        let message = format!(
            "the snapshot's tables begin with `{}`, the tenant's with `{}`",
            manifest.facts.prefix, tenant.prefix
        );
        return Err(Error::new(Kind::SnapshotUnfit, message).hint("make a new tenant of it with that `vdbprefix`"));
    }
    if control.dirroot.is_empty() {
        return Ok(());
    }
    require_fits(&manifest, &code::Code::read(control.dirroot.as_ref())?)
}

/// Refuses a database in which somebody else lives: it is replaced as a whole.
pub(crate) async fn require_alone(
    db: &mut Db,
    tenant: &Tenant,
    control: &ControlSite,
    keyring: &Keyring,
) -> Result<()> {
    let Some(other) = server::neighbour(db, tenant, control, keyring).await? else { return Ok(()) };
    let message =
        format!("the database `{}` holds {other} too, and a snapshot replaces all of it", tenant.database.database);
    Err(Error::new(Kind::DatabaseTaken, message)
        .hint("make a new tenant of the snapshot, or give each of them a database of its own")
        .of_tenant(tenant.address.to_string()))
}

/// Puts a snapshot in the tenant's place. `safety` is the id of the snapshot that is taken of what is there, where it is a
/// Moodle: to bring back one that is broken is what snapshots are for.
pub(crate) async fn restore(ground: &mut Ground<'_>, id: &str, safety: &str) -> Result<()> {
    check(ground.control, ground.tenant, id)?;
    if !ground.steps.is_done("contents") {
        require_alone(ground.db, ground.tenant, ground.control, ground.keyring).await?;
    }
    let shelf = build::shelf(ground);
    let wwwroot = SiteAddress::parse(&shelf.open(id)?.facts.wwwroot).ok();
    let (verified, wanted) = (build::shelf(ground), id.to_owned());
    ground.steps.step("verified", async || blocking(move || verified.verify(&wanted).map(drop)).await).await?;
    let dataroot = PathBuf::from(&ground.tenant.dataroot);
    // From then on the database may be half emptied: what is there is nothing to keep.
    if !ground.steps.is_done("closed") {
        if !dataroot.exists() {
            files::make_folder(&dataroot)?;
        }
        match take(ground, safety, None, "safety").await {
            Err(error) if holds_no_moodle(&error) => ground.steps.warn(
                Matter::SnapshotMissing,
                format!("what was there is in no snapshot, for its database holds no whole Moodle: {error}"),
            ),
            taken => taken?,
        }
    }
    ground.steps.step("closed", async || close(&dataroot)).await?;
    stale::end_sessions(ground).await?;
    let Ground { control, keyring, db, tenant, steps } = ground;
    steps
        .step("contents", async || {
            let file = shelf.database_of(id)?;
            build::empty(db, tenant, control, keyring).await?;
            transfer::load(&Door::of_tenant(tenant, &control.settings, keyring)?, &file).await?;
            build::give(db, tenant, control, keyring).await
        })
        .await?;
    let label = format!("{}-before-{safety}", tenant.id);
    let old = files::place_aside(&dataroot, &label)?;
    let whole = dataroot.clone();
    let mut told = Vec::new();
    let move_aside = async || {
        // The settings of the caches go with the files: what they lead to is dropped before.
        told = stale::drop_now(control, keyring, tenant).await;
        blocking(move || files::move_aside(&whole, &label).map(drop)).await
    };
    steps.step("aside", move_aside).await?;
    steps.pass_on(told);
    steps
        .step("files", async || {
            let (id, dataroot) = (id.to_owned(), dataroot.clone());
            blocking(move || {
                // A killed run may have unpacked half of it.
                if !dataroot.is_dir() {
                    files::make_folder(&dataroot)?;
                }
                close(&dataroot)?;
                shelf.unpack_files(&id, &dataroot).map(drop)
            })
            .await
        })
        .await?;
    steps
        .step("identity", async || {
            let mut site = Db::open_tenant(tenant, &control.settings, keyring).await?;
            let done = settle(&mut site, &dataroot, &tenant.address, wwwroot).await;
            site.close().await;
            done?;
            stale::empty_folders(control, tenant).await?;
            // The runner drops them again once the site is open, and tells what could not be.
            stale::drop_now(control, keyring, tenant).await;
            Ok(())
        })
        .await?;
    steps
        .step("opened", async || {
            reopen(&dataroot, &old)?;
            blocking(move || files::remove(&old)).await
        })
        .await
}

/// Whether a tenant's database is not there, or lacks tables that every Moodle has.
fn holds_no_moodle(error: &Error) -> bool {
    error.kind() == Kind::NoMoodle || Fault::of(error).is_some_and(|fault| fault.cause() == Cause::NoDatabase)
}

/// The same site at the same address keeps who it is; another one becomes this one.
async fn settle(site: &mut Db, dataroot: &Path, own: &SiteAddress, from: Option<SiteAddress>) -> Result<()> {
    if from.as_ref().is_none_or(|from| from == own) {
        let mut rows = site.begin().await?;
        rows.execute("DELETE FROM {sessions}", &[]).await?;
        caches::raise_revisions(&mut rows, now()).await?;
        return Ok(rows.commit().await?);
    }
    let lti_keys = build::lti_keys(site).await?;
    // Nobody wants it to write to the people of the other site.
    let identity = Identity { rewrite_from: from, lti_keys, mail: Mail::Off, ..Identity::at(own.clone()) };
    identity::reset(site, dataroot, &identity).await.map(drop)
}

/// Closes the site. The page of somebody who has closed it before stays: it closes as well.
fn close(dataroot: &Path) -> Result<()> {
    let page = dataroot.join(CLOSED);
    if is_somebodys(&page) {
        return Ok(());
    }
    let written = || {
        let mut file = tempfile::NamedTempFile::new_in(dataroot)?;
        file.write_all(RESTORED.as_bytes())?;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
        file.persist(&page).map(drop).map_err(|error| error.error)
    };
    written().map_err(files::failed("write", &page))
}

/// Opens the site again, unless somebody had closed it before: that page waits with the files that were there.
fn reopen(dataroot: &Path, old: &Path) -> Result<()> {
    let (page, before) = (dataroot.join(CLOSED), old.join(CLOSED));
    if is_somebodys(&before) {
        return std::fs::rename(&before, &page).map_err(files::failed("put back", &page));
    }
    // A run before this one may have put it back already.
    if is_somebodys(&page) {
        return Ok(());
    }
    match std::fs::remove_file(&page) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(files::failed("remove", &page)(error)),
        _ => Ok(()),
    }
}

/// Whether a page closes the site that is not the one of a restoration.
fn is_somebodys(page: &Path) -> bool {
    std::fs::read(page).is_ok_and(|text| text != RESTORED.as_bytes())
}
