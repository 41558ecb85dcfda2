//! The index that is made of the registry, and the key that its passwords are sealed with.

use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use rustix::process::geteuid;
use serde_json::{Map, Value, json};

use super::{Console, map};
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::index::{self, Compiled, StatusState};
use crate::registry::{Finding, Session, Shape, generation, tenants};
use crate::secret::Keyring;
use crate::tenant::{check_dataroot, dataroots_touch};

/// What a publication was made of.
pub(super) struct Published {
    pub(super) compiled: Compiled,
    findings: Vec<Finding>,
}

impl Console {
    /// Compiles the registry to the index; gives `generation`, `tenants`, `aliases`, `bytes`, `path`, `warnings`.
    ///
    /// An original's rows are upgraded in place and passwords sealed on the way. The new generation is above the registry's
    /// and above that of the index in place.
    pub fn publish(&self) -> Result<Map<String, Value>> {
        let keyring = self.keyring()?;
        let published = self.connect(async |db| self.publish_on(db, &keyring).await)?;
        Ok(self.report(&published))
    }

    /// Publishes over a connection that is there.
    pub(super) async fn publish_on(&self, db: &mut Db, keyring: &Keyring) -> Result<Published> {
        let floor = self.in_place().generation.unwrap_or(0);
        let session = Session::open(db, &self.control, keyring).await?;
        let published = self.raise_and_commit(session, floor).await?;
        self.put_in_place(&published.compiled)?;
        Ok(published)
    }

    /// Brings this node's index to the registry's generation, which stays as it is; gives as [`Self::publish`], and
    /// `changed`. A registry that was never published is published.
    pub fn index_refresh(&self) -> Result<Map<String, Value>> {
        let keyring = self.keyring()?;
        let status = self.in_place();
        let good = status.generation.filter(|_| status.state == StatusState::Good);
        let (generation, fresh) = self.connect(async |db| {
            let shape = Shape::read(db).await?;
            shape.require_current()?;
            let generation = generation::read(db).await?;
            if good.is_some_and(|good| good >= generation) {
                return Ok((generation, None));
            }
            let mut session = Session::open(db, &self.control, &keyring).await?;
            if session.generation() == 0 {
                session.raise(0).await?;
            }
            self.compile_and_commit(session).await.map(|published| (generation, Some(published)))
        })?;
        let mut report = match &fresh {
            Some(published) => {
                self.put_in_place(&published.compiled)?;
                self.report(published)
            }
            None => self.report_in_place(generation),
        };
        report.insert("changed".into(), json!(fresh.is_some()));
        Ok(report)
    }

    /// How this node's index is: `path`, `state`, `generation`, `tenants`, `bytes`, `published`, `message`.
    pub fn index_status(&self) -> Map<String, Value> {
        let status = self.in_place();
        map(json!({
            "path": self.control.settings.index.display().to_string(),
            "state": status.state.word(),
            "generation": status.generation,
            "tenants": status.tenants,
            "bytes": status.bytes,
            "published": status.published,
            "message": status.message,
        }))
    }

    /// Makes a key file for the passwords of the registry; gives its `path`, for `$CFG->vmoodle['keyfile']`.
    ///
    /// It belongs to the farm's OS user. Refuses to replace a file, and a place inside the code or a dataroot, from where
    /// it could be served or copied with a site.
    pub fn key_create(&self, path: &str) -> Result<Map<String, Value>> {
        let inside = |folder: &str| !folder.is_empty() && dataroots_touch(folder.trim_end_matches('/'), path);
        let bad = |rule: &str| {
            let message = format!("no key file can be made at `{}`: {rule}", escape(path));
            Error::new(Kind::BadParameter, message).hint("give an absolute path such as `/etc/vmoodle/key`")
        };
        if check_dataroot(path).ok().as_deref() != Some(path) {
            return Err(bad("its path must be absolute and plain"));
        }
        let mut taken = [&self.control.dataroot, &self.control.dirroot].into_iter().any(|folder| inside(folder));
        self.read(async |db, _| {
            tenants::each(db, |row| {
                taken |= row.text("vdatapath").is_some_and(inside);
                ControlFlow::Continue(())
            })
            .await
        })?;
        if taken {
            return Err(bad("it lies in the code or in a dataroot"));
        }
        Keyring::create(Path::new(path))?;
        if geteuid().is_root() {
            let owner = std::fs::metadata(&self.control.dataroot);
            let given = owner.and_then(|owner| chown(path, Some(owner.uid()), Some(owner.gid())));
            given.map_err(|e| bad("it cannot be given to the farm's OS user").because(e))?;
        }
        Ok(map(json!({ "path": path })))
    }

    /// Puts a new key above those of the key file and publishes, which seals every password again; gives as
    /// [`Self::publish`]. The older keys stay in the file until somebody takes them out.
    pub fn key_renew(&self) -> Result<Map<String, Value>> {
        let Some(path) = self.control.settings.keyfile.as_deref() else {
            return Err(Error::new(Kind::BadConfiguration, "no key file is set").hint(
                "make one with `php local/vmoodle/cli/key.php --create=PATH`, and set `$CFG->vmoodle['keyfile']`",
            ));
        };
        Keyring::renew(path)?;
        self.publish()
    }

    pub(super) async fn raise_and_commit(&self, mut session: Session<'_>, floor: u64) -> Result<Published> {
        session.raise(floor).await?;
        self.compile_and_commit(session).await
    }

    async fn compile_and_commit(&self, mut session: Session<'_>) -> Result<Published> {
        let (farm, findings) = session.take_farm(index::read_components(&self.control.settings.index));
        let compiled = index::compile(&farm)?;
        session.commit().await?;
        Ok(Published { compiled, findings })
    }

    /// Replaces the index; that somebody with a newer one was faster is as good, since it holds what we wrote.
    pub(super) fn put_in_place(&self, compiled: &Compiled) -> Result<()> {
        match index::publish(&self.control.settings.index, compiled) {
            Err(_) if self.in_place().generation.is_some_and(|newer| newer > compiled.generation) => Ok(()),
            done => done,
        }
    }

    pub(super) fn in_place(&self) -> index::Status {
        index::status(&self.control.settings.index, self.control.farm())
    }

    fn report(&self, published: &Published) -> Map<String, Value> {
        let Published { compiled, findings } = published;
        map(json!({
            "generation": compiled.generation,
            "tenants": compiled.tenants,
            "aliases": compiled.aliases,
            "bytes": compiled.bytes.len(),
            "path": self.control.settings.index.display().to_string(),
            "warnings": findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }))
    }

    fn report_in_place(&self, registry: u64) -> Map<String, Value> {
        let status = self.in_place();
        let newer = status.generation.filter(|generation| *generation > registry);
        let warning =
            newer.map(|newer| format!("the index has generation {newer}, the registry only {registry}: publish once"));
        map(json!({
            "generation": status.generation,
            "tenants": status.tenants,
            "aliases": null,
            "bytes": status.bytes,
            "path": self.control.settings.index.display().to_string(),
            "warnings": Vec::from_iter(warning),
        }))
    }
}
