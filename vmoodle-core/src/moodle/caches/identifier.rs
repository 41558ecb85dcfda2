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
/// (`cache/classes/config_writer.php`, `update_site_identifier`), and a prefix of its own into every store that has one;
/// stores and mappings stay. A site without the file, or one whose file has another form, makes it anew: then it is deleted.
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
    let digest = md5(siteidentifier);
    match with_identifier(&text, &digest).map(|text| with_prefix(&text, &digest[..12])) {
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

/// The settings with this prefix, letters and digits only, in every store that has one or should have.
///
/// A store's key names the cache and not the site (`cache/classes/definition.php`, `generate_definition_hash`;
/// `cache/stores/redis/lib.php`, `purge`): with one prefix, a purge of the copy would empty its source's caches as well.
fn with_prefix(text: &[u8], prefix: &str) -> Vec<u8> {
    const STORE: &[u8] = b"'configuration' => ";
    const NAME: &[u8] = b"'prefix' => ";
    let own = format!("'{prefix}'");
    let (mut new, mut rest) = (Vec::with_capacity(text.len() + 64), text);
    while let Some(at) = position(rest, STORE) {
        let (before, store) = rest.split_at(at + STORE.len());
        let Some(opening) = position(store, b"(") else { break };
        let (opened, inside) = store.split_at(opening + 1);
        let (inside, after) = inside.split_at(end_of_array(inside));
        new.extend_from_slice(before);
        new.extend_from_slice(opened);
        match position(inside, NAME) {
            Some(at) => {
                let (name, value) = inside.split_at(at + NAME.len());
                new.extend_from_slice(&[name, own.as_bytes(), &value[end_of_value(value)..]].concat());
            }
            // Redis takes none for an empty one.
            None if position(inside, b"'server' => ").is_some() => {
                new.extend_from_slice(&[b"\n        ", NAME, own.as_bytes(), b",", inside].concat());
            }
            None => new.extend_from_slice(inside),
        }
        rest = after;
    }
    new.extend_from_slice(rest);
    new
}

fn position(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

/// Where the array ends, behind whose opening bracket `text` begins, as `var_export` writes it.
fn end_of_array(text: &[u8]) -> usize {
    let (mut depth, mut at) = (1, 0);
    while at < text.len() {
        match text[at] {
            b'\'' => {
                at += end_of_value(&text[at..]);
                continue;
            }
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        at += 1;
    }
    at
}

/// Where a text in quotes ends, or another plain value.
fn end_of_value(text: &[u8]) -> usize {
    if text.first() != Some(&b'\'') {
        return text.iter().position(|octet| matches!(octet, b',' | b')' | b'\n')).unwrap_or(text.len());
    }
    let mut at = 1;
    while at < text.len() && text[at] != b'\'' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
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
        let stores = |prefix: &str, added: &str| {
            let odd = r"array ( 'password' => 'it\'s ) (', )";
            format!(
                "{},\n 'stores' => array (\n 'a' => array (\n 'configuration' => \n      array (\n        'server' => 'r', 'prefix' => {prefix}\n      ),\n ),\n \
                 'b' => array ( 'configuration' => array ({added} 'server' => 'r', 'x' => {odd}, ), ), 'c' => array ( 'configuration' => array ( ), ) ) );",
                text("900150983cd24fb0d6963f7d28e17f72")
            )
        };
        for old in ["'t\\'ow)n'", "''", "NULL"] {
            fs::write(&file, stores(&format!("{old},"), "")).unwrap();
            rename_in_cache_settings(root.path(), "abc").unwrap();
            let new = stores("'900150983cd2',", "\n        'prefix' => '900150983cd2',");
            assert_eq!(fs::read_to_string(&file).unwrap(), new);
            rename_in_cache_settings(root.path(), "abc").unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), new, "and it stays so");
        }
        fs::write(&file, "<?php").unwrap();
        rename_in_cache_settings(root.path(), "abc").unwrap();
        assert!(!file.exists());
    }
}
