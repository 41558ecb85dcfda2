//! A dump is read into a database of its own that is dropped again: the only proof that it can be.
//!
//! The database is written down in a file before it is made, and the file is locked while the trial lasts: what a killed
//! trial has left is dropped by the next one, or by the daily task.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde_json::Map;

use super::server;
use crate::control::ControlSite;
use crate::db::admin::ServerAdmin;
use crate::db::transfer::{self, Door};
use crate::db::{Db, Part, Sql};
use crate::error::{Error, Kind, Result};
use crate::files::failed;
use crate::host::SiteAddress;
use crate::ident::{AccountName, DbName, Prefix};
use crate::moodle::{site, version};
use crate::registry::farm::now;
use crate::registry::servers;
use crate::secret::{Keyring, Secret, Stored};
use crate::settings::Settings;
use crate::tenant::{Endpoint, Engine, State, Tenant, TenantId};

/// What the names of such databases, and of their accounts, begin with.
const BEGINNING: &str = "vtrial_";

/// A dump that is to be tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dump<'a> {
    pub(crate) file: &'a Path,
    pub(crate) engine: Engine,
    pub(crate) prefix: &'a Prefix,
}

/// What was found in the database.
#[derive(Debug)]
pub(crate) struct Found {
    /// The server on which it was tried.
    pub(crate) server: String,
    pub(crate) tables: u64,
    pub(crate) rows: u64,
    pub(crate) version: version::SiteVersion,
    pub(crate) plugins: Vec<(String, String)>,
    /// The site's name.
    pub(crate) site: String,
}

/// Reads a dump into a database of its own on a server, looks at it and drops it. Without a server's name the first one
/// of the dump's engine is taken.
pub(crate) async fn run(
    db: &mut Db,
    control: &ControlSite,
    keyring: &Keyring,
    dump: Dump<'_>,
    wanted: Option<&str>,
) -> Result<Found> {
    sweep(db, control, keyring).await?;
    let name = match wanted {
        Some(name) => name.to_owned(),
        None => fitting(db, control, dump.engine).await?,
    };
    let columns = server::columns(db, &name, control).await?;
    let engine = Engine::parse_vdbtype(columns.get("vdbtype").and_then(|word| word.as_str()).unwrap_or_default())?;
    if engine.is_mysql() != dump.engine.is_mysql() {
        let message = format!("a dump of `{}` cannot be read by a server of `{}`", dump.engine.word(), engine.word());
        return Err(Error::new(Kind::BadParameter, message).hint("name a server of the same engine"));
    }
    let admin = server::admin(db, &name, control, keyring).await?;
    let place = Place::note(control, &name)?;
    let tried = try_out(&admin, control, &place, &columns, dump).await;
    let dropped = place.drop(&admin).await;
    let found = tried?;
    dropped?;
    Ok(Found { server: name, ..found })
}

/// Drops what trials that were killed have left; gives how many. One whose server does not answer waits for the next time.
pub(crate) async fn sweep(db: &mut Db, control: &ControlSite, keyring: &Keyring) -> Result<u64> {
    let folder = folder(control);
    let entries = match fs::read_dir(&folder) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(0),
        read => read.map_err(failed("read", &folder))?,
    };
    let mut dropped = 0;
    for entry in entries.flatten() {
        let Some((place, server)) = Place::abandoned(&entry.path()) else { continue };
        if let Ok(admin) = server::admin(db, &server, control, keyring).await
            && place.drop(&admin).await.is_ok()
        {
            dropped += 1;
        }
    }
    Ok(dropped)
}

/// The control database's own server, or the first other one, of an engine.
async fn fitting(db: &mut Db, control: &ControlSite, engine: Engine) -> Result<String> {
    if control.database.engine.is_mysql() == engine.is_mysql() {
        return Ok(server::CONTROL.to_owned());
    }
    let servers = servers::endpoints(db, &control.database.database).await?;
    let fits = servers.into_iter().find(|(_, endpoint)| endpoint.engine.is_mysql() == engine.is_mysql());
    fits.map(|(name, _)| name).ok_or_else(|| {
        Error::new(Kind::ServerNotFound, format!("no database server of `{}` is known", engine.word()))
            .hint("enter one with a login that may make databases: `Vmoodle\\server_add`")
    })
}

async fn try_out(
    admin: &ServerAdmin,
    control: &ControlSite,
    place: &Place,
    columns: &Map<String, serde_json::Value>,
    dump: Dump<'_>,
) -> Result<Found> {
    let password = Secret::random();
    #[cfg(feature = "testing")]
    crate::steps::crash::at_boundary();
    admin.create_database(&place.database).await?;
    #[cfg(feature = "testing")]
    crate::steps::crash::at_boundary();
    admin.create_account(&place.account, &password).await?;
    admin.grant(&place.database, &place.account).await?;
    let text = |name: &str| columns.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    let tenant = Tenant {
        id: TenantId(0),
        name: String::new(),
        shortname: String::new(),
        address: SiteAddress::parse("https://trial.invalid")?,
        database: Endpoint {
            engine: dump.engine,
            host: text("vdbhost").unwrap_or_default(),
            port: columns.get("vdbport").and_then(serde_json::Value::as_u64).and_then(|port| port.try_into().ok()),
            socket: text("vdbsocket"),
            database: place.database.clone(),
            user: Some(place.account.as_str().to_owned()),
            password: Some(Stored::from_column(password.reveal())),
        },
        prefix: dump.prefix.clone(),
        persist: false,
        options: Map::new(),
        dataroot: String::new(),
        mnet: -1,
        state: State::Creating,
        settings: Map::new(),
        tags: Vec::new(),
    };
    // The trial's own account, not the farm's: a dump may come from anywhere, and must reach nothing else.
    let settings = Settings { account: None, ..control.settings.clone() };
    transfer::load(&Door::of_tenant(&tenant, &settings, &Keyring::none())?, dump.file).await?;
    #[cfg(feature = "testing")]
    crate::steps::crash::at_boundary();
    let mut site = Db::open_tenant(&tenant, &settings, &Keyring::none()).await?;
    let found = look(&mut site).await;
    site.close().await;
    found
}

async fn look(db: &mut Db) -> Result<Found> {
    let (mut rows, mut count) = (0, 0);
    for table in db.tables().await? {
        let sql = Sql::of(&[Part::Text("SELECT COUNT(*) AS number FROM "), Part::Table(&table)]);
        let row = db.fetch_one(sql, &[]).await?;
        rows += row.and_then(|row| row.int("number")).unwrap_or(0).unsigned_abs();
        count += 1;
    }
    let version = version::read(db, now()).await?;
    let plugins = version::plugins(db).await?;
    Ok(Found {
        server: String::new(),
        tables: count,
        rows,
        version,
        plugins: plugins.into_iter().map(|(name, version)| (name, version.to_string())).collect(),
        site: site::read(db).await?.fullname,
    })
}

fn folder(control: &ControlSite) -> PathBuf {
    Path::new(&control.dataroot).join("vmoodle/trials")
}

/// A database of a trial, written down in a file that is locked while the trial lasts.
struct Place {
    database: DbName,
    account: AccountName,
    path: PathBuf,
    _lock: File,
}

impl Place {
    /// Chooses a name and writes it down.
    fn note(control: &ControlSite, server: &str) -> Result<Self> {
        let folder = folder(control);
        fs::create_dir_all(&folder).map_err(failed("make", &folder))?;
        loop {
            let random: [u8; 6] = crate::secret::random_bytes();
            let name: String = random.iter().map(|octet| format!("{octet:02x}")).collect();
            let path = folder.join(format!("{BEGINNING}{name}"));
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            let file = file.as_mut().map_err(|e| failed("write", &path)(std::io::Error::from(e.kind())))?;
            // A sweep may have been quicker; then it takes the file away.
            if file.try_lock().is_err() || file.metadata().map_or(true, |meta| meta.nlink() == 0) {
                continue;
            }
            let written = file.write_all(server.as_bytes()).and_then(|()| file.sync_all());
            written.map_err(failed("write", &path))?;
            let lock = file.try_clone().map_err(failed("open", &path))?;
            return Self::of(path, lock)
                .ok_or_else(|| Error::new(Kind::Internal, "the name of a trial is no name of a database"));
        }
    }

    /// What a trial that was killed has left, and the server where it is.
    fn abandoned(path: &Path) -> Option<(Self, String)> {
        let mut file = File::open(path).ok()?;
        file.try_lock().ok()?;
        let mut server = String::new();
        Read::take(&mut file, 1000).read_to_string(&mut server).ok()?;
        if server.is_empty() {
            // Nothing was made before the server's name was written.
            let _ = fs::remove_file(path);
            return None;
        }
        Some((Self::of(path.to_owned(), file)?, server))
    }

    fn of(path: PathBuf, lock: File) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_owned();
        let is_one = name.starts_with(BEGINNING);
        let (database, account) = (DbName::parse(&name).ok()?, AccountName::parse(&name).ok()?);
        is_one.then_some(Self { database, account, path, _lock: lock })
    }

    /// Drops the database and its account, and forgets the name.
    async fn drop(&self, admin: &ServerAdmin) -> Result<()> {
        admin.drop_database(&self.database).await?;
        admin.drop_account(&self.account).await?;
        fs::remove_file(&self.path).map_err(failed("remove", &self.path))
    }
}
