//! The site's identifier in its cache settings, which every key of its caches is made with.

use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use super::definition::md5;
use super::purge::delete;
use crate::error::{Error, Kind, Result};

/// Puts the site's identifier into its cache settings, which keep an MD5 of it apart from the database
/// (`cache/classes/config_writer.php`, `update_site_identifier`); stores and mappings stay. A site without the file, or one
/// whose file has another form, makes it anew: then it is deleted.
pub fn rename_in_cache_settings(dataroot: &Path, siteidentifier: &str) -> Result<()> {
    let path = dataroot.join("muc/config.php");
    let failed = |error: io::Error| {
        Error::new(Kind::TenantUnreachable, format!("`{}` cannot be written", path.display())).because(error)
    };
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    match with_identifier(&text, &md5(siteidentifier)) {
        None => delete(&path).map_err(failed),
        Some(new) if new == text => Ok(()),
        Some(new) => replace_file(&path, &new).map_err(failed),
    }
}

/// The settings with another identifier.
fn with_identifier(text: &[u8], digest: &str) -> Option<Vec<u8>> {
    let place = place(text)?;
    Some([&text[..place.start], digest.as_bytes(), &text[place.end..]].concat())
}

/// Where the identifier stands in the settings: `'siteidentifier' => '…'`.
pub(super) fn place(text: &[u8]) -> Option<Range<usize>> {
    const BEFORE: &[u8] = b"'siteidentifier' => '";
    let at = text.windows(BEFORE.len()).position(|window| window == BEFORE)? + BEFORE.len();
    let end = at + text[at..].iter().position(|octet| *octet == b'\'')?;
    Some(at..end)
}

fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let old = fs::metadata(path)?;
    let mut fresh = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new("/")))?;
    io::Write::write_all(&mut fresh, content)?;
    fs::set_permissions(fresh.path(), old.permissions())?;
    if fs::metadata(fresh.path())?.uid() != old.uid() {
        chown(fresh.path(), Some(old.uid()), Some(old.gid()))?;
    }
    fresh.as_file().sync_all()?;
    fresh.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cache_settings_keep_their_stores() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("muc/config.php");
        rename_in_cache_settings(root.path(), "x").unwrap();
        fs::create_dir(root.path().join("muc")).unwrap();
        let text =
            |id: &str| format!("<?php\n $configuration = array (\n  'siteidentifier' => '{id}',\n  'stores' => 1\n);");
        fs::write(&file, text("8a11")).unwrap();
        rename_in_cache_settings(root.path(), "abc").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), text("900150983cd24fb0d6963f7d28e17f72"));
        fs::write(&file, "<?php").unwrap();
        rename_in_cache_settings(root.path(), "abc").unwrap();
        assert!(!file.exists());
    }
}
