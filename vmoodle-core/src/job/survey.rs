//! Reads many tenants at once, for comparisons: nothing is written, in their databases or in the journal.

use std::rc::Rc;

use tokio::sync::Semaphore;
use tokio::task::{LocalSet, spawn_local};

use super::meant;
use crate::control::ControlSite;
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::secret::Keyring;

/// How many tenants are read at once.
const AT_ONCE: usize = 8;

/// What each tenant meant says, by address, in the registry's order. One that does not answer costs the others nothing.
pub(crate) async fn survey<T: 'static>(
    db: &mut Db,
    control: &ControlSite,
    keyring: Keyring,
    words: &[String],
    read: impl AsyncFn(&mut Db) -> Result<T> + 'static,
) -> Result<Vec<(String, Result<T>)>> {
    let tenants = meant(db, words).await?;
    let gate = Rc::new(Semaphore::new(AT_ONCE));
    let shared = Rc::new((control.clone(), keyring, read));
    let local = LocalSet::new();
    local
        .run_until(async {
            let mut readers = Vec::new();
            for tenant in tenants {
                let (gate, shared) = (gate.clone(), shared.clone());
                let wwwroot = tenant.address.to_string();
                let reader = spawn_local(async move {
                    let _permit =
                        gate.acquire().await.map_err(|e| Error::new(Kind::Internal, "the gate is shut").because(e))?;
                    let (control, keyring, read) = &*shared;
                    let mut site = Db::open_tenant(&tenant, &control.settings, keyring).await?;
                    let said = read(&mut site).await;
                    site.close().await;
                    said
                });
                readers.push((wwwroot, reader));
            }
            let mut said = Vec::with_capacity(readers.len());
            for (wwwroot, reader) in readers {
                let lost = |e| Err(Error::new(Kind::Internal, "a reader has ended early").because(e));
                let read = reader.await.unwrap_or_else(lost).map_err(|error| error.of_tenant(&wwwroot));
                said.push((wwwroot, read));
            }
            Ok(said)
        })
        .await
}
