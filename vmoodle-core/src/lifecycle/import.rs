//! A template of the original `VMoodle` comes onto the shelf as a named snapshot.
//!
//! The original keeps `<key>_vmoodledata` (files) and `<key>_sql` (`vmoodle_master.sql`, `manifest.php`) in the folder
//! `vmoodle` of the control site's dataroot. Its manifest names the control site's prefix, whatever the template's is, and
//! neither engine nor version: those are read from the dump itself, and from a trial of it.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use super::{build, trial};
use crate::configphp;
use crate::control::ControlSite;
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::files::failed;
use crate::host::{SiteAddress, escape};
use crate::ident::Prefix;
use crate::registry::farm::now;
use crate::secret::Keyring;
use crate::snapshot::manifest::{Facts, Manifest, Moodle};
use crate::snapshot::shelf::new_id;
use crate::steps::blocking;
use crate::tenant::Engine;

/// The table that every Moodle has and whose name tells the prefix: nothing else ends like it.
const TELLING: &str = "config_plugins";
/// How much of a line is looked at for a table's name, in octets.
const LOOKED_AT: usize = 400;

/// Brings a template in, under its key in small letters; the original's files stay.
///
/// Fails with [`Kind::SnapshotNotFound`] where there is none of this key, with [`Kind::SnapshotUnfit`] where its dump is
/// none of a Moodle, and with what a trial of it fails with.
pub(crate) async fn template(
    db: &mut Db,
    control: &ControlSite,
    keyring: &Keyring,
    key: &str,
    server: Option<&str>,
) -> Result<Manifest> {
    let original = Original::find(control, key)?;
    let wwwroot = original.wwwroot()?;
    let shelf = build::shelf_of(control);
    let host = SiteAddress::parse(&wwwroot).map(|address| address.host().as_str().to_owned());
    let draft = shelf.begin(&new_id(host.as_deref().unwrap_or(key), now()))?;
    let (dump, packed) = (original.dump.clone(), draft.database_path());
    let target = packed.clone();
    let (engine, prefix) = blocking(move || pack(&dump, &target)).await?;
    let tried = trial::run(db, control, keyring, trial::Dump { file: &packed, engine, prefix: &prefix }, server).await;
    let found = match tried {
        Ok(found) => found,
        Err(error) => {
            let _ = std::fs::remove_dir_all(packed.parent().unwrap_or(&packed));
            return Err(error);
        }
    };
    let made_at = std::fs::metadata(&original.dump).and_then(|meta| meta.modified()).ok();
    let made_at = made_at.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let facts = Facts {
        name: Some(key.to_ascii_lowercase()),
        wwwroot,
        site: found.site,
        made_at: made_at.and_then(|time| i64::try_from(time.as_secs()).ok()).unwrap_or_else(now),
        moodle: Moodle {
            version: found.version.version.to_string(),
            release: found.version.release,
            branch: found.version.branch.to_string(),
        },
        plugins: found.plugins.into_iter().collect(),
        engine: engine.word().to_owned(),
        prefix: prefix.as_str().to_owned(),
        // The original took the database first and the files later, of a site that went on.
        quiet: false,
    };
    blocking(move || {
        let mut draft = draft;
        draft.take_files(&original.files)?;
        draft.seal(facts)
    })
    .await
}

/// The keys of the original's templates that are there.
pub(crate) fn keys(control: &ControlSite) -> Vec<String> {
    let folders = std::fs::read_dir(folder(control)).into_iter().flatten().flatten();
    let key = |name: String| name.strip_suffix("_vmoodledata").map(str::to_owned);
    let mut keys: Vec<String> =
        folders.filter_map(|entry| key(entry.file_name().to_string_lossy().into_owned())).collect();
    keys.retain(|key| Original::find(control, key).is_ok());
    keys.sort();
    keys
}

fn folder(control: &ControlSite) -> PathBuf {
    Path::new(&control.dataroot).join("vmoodle")
}

/// A template of the original on disk.
struct Original {
    files: PathBuf,
    dump: PathBuf,
    manifest: PathBuf,
}

impl Original {
    fn find(control: &ControlSite, key: &str) -> Result<Self> {
        // The original makes keys of hosts, with `_` for what is neither letter nor digit.
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let folder = folder(control);
        let original = Self {
            files: folder.join(format!("{key}_vmoodledata")),
            dump: folder.join(format!("{key}_sql/vmoodle_master.sql")),
            manifest: folder.join(format!("{key}_sql/manifest.php")),
        };
        if !key.is_empty()
            && key.len() <= 90
            && key.bytes().all(plain)
            && original.files.is_dir()
            && original.dump.is_file()
        {
            return Ok(original);
        }
        let message = format!("the original VMoodle has no template of the key `{}` here", escape(key));
        Err(Error::new(Kind::SnapshotNotFound, message).hint(format!(
            "it is made of `<key>_vmoodledata` and `<key>_sql/vmoodle_master.sql` in `{}`",
            folder.display()
        )))
    }

    /// The address of the site that it was made of; the dump may hold it many times.
    fn wwwroot(&self) -> Result<String> {
        let bytes = std::fs::read(&self.manifest).map_err(failed("read", &self.manifest))?;
        let values = configphp::variables(&bytes)?;
        let address = values.get("templatewwwroot").and_then(serde_json::Value::as_str).unwrap_or_default();
        let address = SiteAddress::parse(address.trim()).map_err(|cause| {
            let message = format!("`{}` tells no `$templatewwwroot`", self.manifest.display());
            Error::new(Kind::SnapshotUnfit, message).hint("write the template's address there").because(cause)
        })?;
        Ok(address.to_string())
    }
}

/// Packs a dump, and reads on the way whose it is: its engine and the prefix of its tables.
fn pack(dump: &Path, target: &Path) -> Result<(Engine, Prefix)> {
    let mut from = BufReader::new(File::open(dump).map_err(failed("read", dump))?);
    let to = File::create(target).and_then(|file| zstd::Encoder::new(file, 3));
    let mut to = to.map_err(failed("write", target))?;
    let (mut found, mut line) = (None, Vec::new());
    loop {
        line.clear();
        // A table's whole contents may be one line: what is too long for a name is handed on in pieces.
        let read = from.take_line(&mut line).map_err(failed("read", dump))?;
        if read == 0 {
            break;
        }
        found = found.or_else(|| telling(&line));
        to.write_all(&line).map_err(failed("write", target))?;
    }
    to.finish().and_then(|file| file.sync_all()).map_err(failed("write", target))?;
    found.ok_or_else(|| {
        let message =
            format!("`{}` makes no table `…{TELLING}`: it is no dump of a Moodle in plain SQL", dump.display());
        Error::new(Kind::SnapshotUnfit, message)
            .hint("make the template again with vmoodle: `cli/snapshot.php --name=...`")
    })
}

/// Reads a line, or a piece of one that is long.
trait Lines {
    fn take_line(&mut self, line: &mut Vec<u8>) -> std::io::Result<usize>;
}

impl<R: BufRead> Lines for R {
    fn take_line(&mut self, line: &mut Vec<u8>) -> std::io::Result<usize> {
        std::io::Read::take(self, 64 * 1024).read_until(b'\n', line)
    }
}

/// The engine and the prefix, of the line that makes the telling table.
fn telling(line: &[u8]) -> Option<(Engine, Prefix)> {
    let line = std::str::from_utf8(&line[..line.len().min(LOOKED_AT)]).ok()?;
    let rest = line.trim_start().strip_prefix("CREATE TABLE ")?;
    let rest = rest.strip_prefix("IF NOT EXISTS ").unwrap_or(rest);
    let name = rest.split([' ', '(']).next()?;
    let engine = if name.starts_with('`') { Engine::MariaDb } else { Engine::Postgres };
    let table = name.rsplit('.').next()?.trim_matches(['`', '"']);
    Some((engine, Prefix::parse(table.strip_suffix(TELLING)?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_tells_its_engine_and_prefix() {
        let of = |line: &str| telling(line.as_bytes()).map(|(engine, prefix)| (engine.word(), prefix.to_string()));
        assert_eq!(of("CREATE TABLE `mdl_config_plugins` (\n"), Some(("mariadb", "mdl_".into())));
        assert_eq!(of("CREATE TABLE IF NOT EXISTS `m2_config_plugins` ("), Some(("mariadb", "m2_".into())));
        assert_eq!(of("CREATE TABLE public.mdl_config_plugins (\n"), Some(("pgsql", "mdl_".into())));
        assert_eq!(of("INSERT INTO `mdl_config_plugins` VALUES ('CREATE TABLE `x_config_plugins`')"), None);
        assert_eq!(of("CREATE TABLE `mdl_course` ("), None);
    }
}
