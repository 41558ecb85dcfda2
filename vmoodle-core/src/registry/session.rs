//! A session of writing: one transaction that holds the registry's lock from its first statement to its last.

use super::farm::{Finding, Loaded};
use super::shape::Shape;
use super::{generation, policies, servers, upgrade};
use crate::control::ControlSite;
use crate::db::{Db, Transaction};
use crate::error::Result;
use crate::farm::{Components, Farm};
use crate::secret::Keyring;

/// The registry, locked, upgraded and read. Dropped without [`commit`](Self::commit), nothing was changed.
#[derive(Debug)]
pub struct Session<'a> {
    pub(super) db: Transaction<'a>,
    pub(super) control: &'a ControlSite,
    pub(super) keyring: &'a Keyring,
    /// What was read, kept in step with what is written.
    pub loaded: Loaded,
    pub(super) shape: Shape,
    generation: u64,
}

impl<'a> Session<'a> {
    /// Waits for the lock, upgrades an original's rows, seals passwords, reads all rows.
    ///
    /// A registry without today's columns is only read, and there is no lock to wait for.
    pub async fn open(db: &'a mut Db, control: &'a ControlSite, keyring: &'a Keyring) -> Result<Self> {
        let shape = Shape::read(db).await?;
        let current = shape.is_current();
        if current {
            generation::ensure(db).await?;
        }
        let mut db = db.begin().await?;
        let generation = if current { generation::lock(&mut db).await? } else { 0 };
        let (mut loaded, fixes) = Loaded::read(&mut db, &shape, control, keyring).await?;
        if current {
            upgrade::apply(&mut db, "local_vmoodle", fixes).await?;
            loaded.findings.extend(servers::reseal(&mut db, keyring).await?);
        }
        Ok(Self { db, control, keyring, loaded, shape, generation })
    }

    /// The locked transaction, for what must stand or fall with the rows.
    pub fn db(&mut self) -> &mut Db {
        &mut self.db
    }

    /// Refuses to go on where the registry can only be read.
    pub fn require_current(&self) -> Result<()> {
        self.shape.require_current()
    }

    /// The generation as it stands in the registry; 0 for one never published.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Raises the generation above `floor` and its own.
    pub async fn raise(&mut self, floor: u64) -> Result<()> {
        self.generation = self.generation.max(floor) + 1;
        if self.shape.is_current() {
            generation::raise(&mut self.db, self.generation).await?;
        }
        Ok(())
    }

    /// The farm as it stands, to compile an index from, and what was found; the session has nothing loaded afterwards.
    pub fn take_farm(&mut self, components: Option<Components>) -> (Farm, Vec<Finding>) {
        let mut loaded = std::mem::take(&mut self.loaded);
        let findings = std::mem::take(&mut loaded.findings);
        (loaded.into_farm(self.control, self.generation, components), findings)
    }

    /// Makes it last, and lets others write.
    pub async fn commit(self) -> Result<()> {
        Ok(self.db.commit().await?)
    }

    pub(super) async fn reload_policies(&mut self) -> Result<()> {
        self.loaded.policies = Vec::new();
        for row in policies::enabled(&mut self.db).await? {
            self.loaded.policies.extend(policies::policy(&row).ok());
        }
        Ok(())
    }
}
