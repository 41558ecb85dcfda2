//! Whole databases written out, read in, and poured from one server to another.
//!
//! What goes out is written by the engine's own program, which knows how to take a picture of a live database. What comes
//! in is read here, statement by statement, over the site's own account: a client program would run shell commands that
//! stand in a dump, and a dump may come from anywhere.

mod archive;
mod loader;
mod program;
mod rows;
mod script;

use std::path::Path;
use std::time::Duration;

use super::fault::{Cause, Fault};
use super::place::Place;
use super::{Connection, connect};
use crate::control::ControlSite;
use crate::error::{Error, Kind, Result};
use crate::secret::Keyring;
use crate::settings::Settings;
use crate::tenant::{Engine, Tenant};
use archive::{Packed, Packing};
use loader::Loader;
use program::Program;
use script::{Piece, Script};

/// How long a transfer may take.
const LIMIT: Duration = Duration::from_hours(4);
/// How much is read at once.
const CHUNK: usize = 256 * 1024;

/// All that is needed to write out a site's database, or to read it in, with the site's own account.
#[derive(Debug)]
pub struct Door {
    place: Place,
    tenant: Option<String>,
}

impl Door {
    /// A tenant's database, entered with its own account or with the farm's.
    pub fn of_tenant(tenant: &Tenant, settings: &Settings, keyring: &Keyring) -> Result<Self> {
        let wwwroot = tenant.address.to_string();
        let place = Place::of_tenant(tenant, settings, keyring).map_err(|e| e.of_tenant(&wwwroot))?;
        Ok(Self { place, tenant: Some(wwwroot) })
    }

    /// The control site's database.
    pub fn of_control(site: &ControlSite) -> Result<Self> {
        Ok(Self { place: Place::of_control(site)?, tenant: None })
    }

    /// The database's engine.
    pub fn engine(&self) -> Engine {
        self.place.engine
    }

    async fn open(&self) -> Result<Connection, Fault> {
        connect(&self.place, self.tenant.as_deref()).await
    }

    fn failed(&self, message: impl Into<String>) -> Error {
        self.told(Error::new(Kind::TransferFailed, message))
    }

    fn told(&self, error: Error) -> Error {
        match &self.tenant {
            Some(tenant) => error.of_tenant(tenant),
            None => error,
        }
    }

    /// A server that does not answer is that; any other refusal makes the transfer fail.
    fn refused(&self, fault: Fault, message: String) -> Error {
        if fault.cause() == Cause::Unreachable { fault.into() } else { self.failed(message).because(fault) }
    }
}

/// Writes a database as it stands at one moment to a file, packed by zstd; gives the file's size in bytes.
///
/// The file is there whole or not at all. Sites may go on working meanwhile. Fails with `transfer_failed`,
/// `program_missing`, `tenant_unreachable` or `control_unreachable`.
pub async fn dump(door: &Door, path: &Path) -> Result<u64> {
    bounded(door, async {
        let mut source = Source::Program(start(door).await?);
        let mut packing = Packing::create(path).map_err(|e| unwritten(door, path, e))?;
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = source.read(door, &mut chunk).await?;
            if read == 0 {
                break;
            }
            packing.write(&chunk[..read]).map_err(|e| unwritten(door, path, e))?;
        }
        packing.finish().map_err(|e| unwritten(door, path, e))
    })
    .await
}

/// Reads a dump (packed by zstd or gzip, or plain SQL) into an empty database.
///
/// Refuses with [`Kind::NotEmpty`] a database with tables, and with [`Kind::TransferFailed`] a dump that holds commands of
/// a client, that leaves its database, or that a statement of which is refused: what was read until then stays.
pub async fn load(door: &Door, path: &Path) -> Result<()> {
    bounded(door, async {
        let packed = Packed::open(path).map_err(|e| unread(door, path, e))?;
        read_in(door, Source::File(packed, path)).await
    })
    .await
}

/// Copies a database into an empty one of the same engine, with no file in between; the source may be live.
pub async fn pour(source: &Door, target: &Door) -> Result<()> {
    if source.engine().is_mysql() != target.engine().is_mysql() {
        let words = (source.engine().word(), target.engine().word());
        return Err(target.failed(format!("a database of `{}` cannot become one of `{}`", words.0, words.1)));
    }
    bounded(target, async {
        let program = start(source).await?;
        read_in(target, Source::Program(program)).await
    })
    .await
}

/// Where a dump comes from.
enum Source<'a> {
    File(Packed, &'a Path),
    Program(Box<Program>),
}

impl Source<'_> {
    /// Reads some; 0 only after all was read and is known to be whole.
    async fn read(&mut self, door: &Door, chunk: &mut [u8]) -> Result<usize> {
        match self {
            Self::File(packed, path) => {
                // Others of this thread have their turn between two reads of a file, too.
                tokio::task::yield_now().await;
                packed.read(chunk).map_err(|e| unread(door, path, e))
            }
            Self::Program(program) => program.read(chunk).await,
        }
    }
}

/// Starts the program that writes a database out, once the server lets its account in.
async fn start(door: &Door) -> Result<Box<Program>> {
    door.open().await?.close().await;
    Program::start(&door.place).map(Box::new).map_err(|e| door.told(e))
}

async fn read_in(door: &Door, mut source: Source<'_>) -> Result<()> {
    let mut loader = Loader::open(door).await?;
    let mut script = Script::new(door.engine());
    let mut chunk = vec![0; CHUNK];
    loop {
        match script.next().map_err(|e| door.told(e))? {
            Some(Piece::Statement(statement)) => loader.run(statement).await?,
            Some(Piece::Copy(statement)) => loader.copy(&statement, &mut script, &mut source, &mut chunk).await?,
            Some(Piece::Rows(_) | Piece::RowsEnd) => return Err(door.failed("the dump has rows outside of `COPY`")),
            None if script.has_ended() => return loader.finish().await,
            None => fill(door, &mut script, &mut source, &mut chunk).await?,
        }
    }
}

/// Reads some more of a script.
async fn fill(door: &Door, script: &mut Script, source: &mut Source<'_>, chunk: &mut [u8]) -> Result<()> {
    let read = source.read(door, chunk).await?;
    script.feed(&chunk[..read]).map_err(|e| door.told(e))
}

async fn bounded<T>(door: &Door, work: impl Future<Output = Result<T>>) -> Result<T> {
    // On the heap: a driver's futures are large, and jobs keep several of them.
    tokio::time::timeout(LIMIT, Box::pin(work))
        .await
        .unwrap_or_else(|_| Err(door.failed(format!("no end within {} hours", LIMIT.as_secs() / 3600))))
}

fn unwritten(door: &Door, path: &Path, cause: std::io::Error) -> Error {
    let hint = match cause.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            "free some space there, or choose another folder"
        }
        _ => "check that the folder is there and can be written to",
    };
    door.failed(format!("`{}` cannot be written", path.display())).hint(hint).because(cause)
}

fn unread(door: &Door, path: &Path, cause: std::io::Error) -> Error {
    door.failed(format!("`{}` cannot be read to its end", path.display())).because(cause)
}
