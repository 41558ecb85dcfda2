//! Passwords at rest: sealed with XChaCha20-Poly1305 under the key of a file that only the farm's OS user can read.

use std::fmt;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use chacha20poly1305::aead::{Aead, Generate, Key, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rustix::process::geteuid;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::{Error, Kind, Result};

/// What a sealed password begins with, in the registry and in the index.
const SEALED: &str = "enc:v1:";
/// What a line of a key file begins with.
const KEY_LINE: &str = "vmoodle-key:v1:";
/// The nonce's length in octets.
const NONCE_LEN: usize = 24;

/// A password in clear. It prints as `_` and is wiped from memory when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Takes a clear text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A new password of 32 random octets, in 43 letters, digits, `-` and `_`.
    pub fn random() -> Self {
        let mut bytes: [u8; 32] = random_bytes();
        let text = URL_SAFE_NO_PAD.encode(bytes);
        bytes.zeroize();
        Self(text)
    }

    /// Reads the first line of a password file. Refuses with [`Kind::BadConfiguration`] one that others than its owner can
    /// read.
    pub fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let bad = |what: &str| Error::new(Kind::BadConfiguration, format!("password file `{shown}` {what}"));
        let meta = std::fs::metadata(path).map_err(|e| bad("cannot be read").because(e))?;
        if meta.mode() & 0o077 != 0 {
            return Err(bad("can be read by others than its owner").hint(format!("run `chmod 600 {shown}`")));
        }
        let text = Self(std::fs::read_to_string(path).map_err(|e| bad("cannot be read").because(e))?);
        Ok(Self(text.0.lines().next().unwrap_or_default().to_owned()))
    }

    /// The clear text, for the one place that hands it to a server or to Moodle.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

/// Random octets of the operating system's.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    for part in bytes.chunks_mut(NONCE_LEN) {
        part.copy_from_slice(&XNonce::generate()[..part.len()]);
    }
    bytes
}

/// A password as it is stored: sealed, or in clear where the farm has no key file.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Stored(String);

impl Stored {
    /// Takes a value of the registry or of the index as it stands there.
    pub fn from_column(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text of the column.
    pub fn column(&self) -> &str {
        &self.0
    }

    /// Whether it is sealed.
    pub fn is_sealed(&self) -> bool {
        Self::is_sealed_text(&self.0)
    }

    /// Whether a column's text is sealed.
    pub(crate) fn is_sealed_text(column: &str) -> bool {
        column.starts_with(SEALED)
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("_")
    }
}

/// The keys of a farm: the first seals, all of them open. Without a key passwords are stored in clear.
#[derive(Default)]
pub struct Keyring {
    path: Option<PathBuf>,
    keys: Vec<Key<XChaCha20Poly1305>>,
}

impl Keyring {
    /// No key: stores in clear and opens only what is in clear.
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads a key file: one key a line, the current one first, older ones below it for what they sealed.
    ///
    /// Refuses with [`Kind::KeyfileUnreadable`] a file that others than its owner can read.
    pub fn open(path: &Path) -> Result<Self> {
        let shown = path.display();
        let unreadable = |what: &str| Error::new(Kind::KeyfileUnreadable, format!("key file `{shown}` {what}"));
        let meta = std::fs::metadata(path).map_err(|e| {
            unreadable("cannot be read").because(e).hint("check `$CFG->vmoodle['keyfile']` and the file's owner")
        })?;
        if meta.mode() & 0o077 != 0 {
            return Err(unreadable("can be read by others than its owner").hint(format!("run `chmod 600 {shown}`")));
        }
        let mut text = std::fs::read_to_string(path).map_err(|e| unreadable("cannot be read").because(e))?;
        let keys: Option<Vec<_>> =
            text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).map(parse_key).collect();
        text.zeroize();
        match keys {
            Some(keys) if !keys.is_empty() => Ok(Self { path: Some(path.to_owned()), keys }),
            _ => Err(unreadable("holds no key, or a line that is none")
                .hint("let `php local/vmoodle/cli/key.php --create=PATH` make one")),
        }
    }

    /// Makes a key file with a new key, mode 0600. Never replaces one: a lost key loses every sealed password.
    pub fn create(path: &Path) -> Result<Self> {
        let key = Key::<XChaCha20Poly1305>::generate();
        let mut line = key_line(&key);
        let written = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| file.write_all(line.as_bytes()).and_then(|()| file.sync_all()));
        line.zeroize();
        written.map_err(|e| unmade(path, e))?;
        Ok(Self { path: Some(path.to_owned()), keys: vec![key] })
    }

    /// Puts a new key above those of a key file, in one step; the older ones stay for what they sealed.
    pub fn renew(path: &Path) -> Result<Self> {
        let mut ring = Self::open(path)?;
        ring.keys.insert(0, Key::<XChaCha20Poly1305>::generate());
        let mut text: String = ring.keys.iter().map(key_line).collect();
        let written = std::fs::metadata(path).and_then(|old| {
            let mut fresh = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new("/")))?;
            fresh.write_all(text.as_bytes())?;
            if geteuid().is_root() {
                fchown(fresh.as_file(), Some(old.uid()), Some(old.gid()))?;
            }
            fresh.as_file().sync_all()?;
            fresh.persist(path).map_err(|e| e.error)
        });
        text.zeroize();
        written.map_err(|e| unmade(path, e))?;
        Ok(ring)
    }

    /// Whether passwords are sealed.
    pub fn seals(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Makes a password fit to be stored: sealed when there is a key.
    pub fn seal(&self, secret: &Secret) -> Result<Stored> {
        let Some(key) = self.keys.first() else { return Ok(Stored(secret.reveal().to_owned())) };
        let nonce = XNonce::generate();
        let sealed = XChaCha20Poly1305::new(key)
            .encrypt(&nonce, secret.reveal().as_bytes())
            .map_err(|_| Error::new(Kind::Internal, "a password could not be sealed"))?;
        Ok(Stored(format!("{SEALED}{}", BASE64.encode([nonce.as_slice(), &sealed].concat()))))
    }

    /// Gives the clear text back. Refuses with [`Kind::SecretUndecryptable`] what none of the keys sealed.
    pub fn open_stored(&self, stored: &Stored) -> Result<Secret> {
        let Some(text) = stored.0.strip_prefix(SEALED) else { return Ok(Secret(stored.0.clone())) };
        let bytes = BASE64.decode(text).ok().filter(|bytes| bytes.len() > NONCE_LEN);
        let opened = bytes.and_then(|bytes| {
            let (nonce, sealed) = bytes.split_at(NONCE_LEN);
            let nonce = XNonce::try_from(nonce).ok()?;
            let clear = self.keys.iter().find_map(|key| XChaCha20Poly1305::new(key).decrypt(&nonce, sealed).ok())?;
            String::from_utf8(clear).ok()
        });
        opened.map(Secret).ok_or_else(|| {
            let keyfile = self.path.as_deref().map_or("no key file is set".into(), |p| format!("`{}`", p.display()));
            Error::new(Kind::SecretUndecryptable, format!("a stored password cannot be opened ({keyfile})"))
                .hint("set `$CFG->vmoodle['keyfile']` to the file whose key sealed it, or give the password again")
        })
    }

    /// The same password under the current key, where it is not; `None` when nothing is to be changed.
    pub fn reseal(&self, stored: &Stored) -> Result<Option<Stored>> {
        let Some(current) = self.keys.first() else { return Ok(None) };
        let only_current = Self { path: self.path.clone(), keys: vec![*current] };
        if stored.is_sealed() && only_current.open_stored(stored).is_ok() {
            return Ok(None);
        }
        self.seal(&self.open_stored(stored)?).map(Some)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({} keys)", self.keys.len())
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        self.keys.iter_mut().for_each(|key| key.as_mut_slice().zeroize());
    }
}

fn unmade(path: &Path, cause: std::io::Error) -> Error {
    Error::new(Kind::KeyfileUnreadable, format!("key file `{}` cannot be made", path.display())).because(cause)
}

fn key_line(key: &Key<XChaCha20Poly1305>) -> String {
    format!("{KEY_LINE}{}\n", BASE64.encode(key))
}

fn parse_key(line: &str) -> Option<Key<XChaCha20Poly1305>> {
    let bytes = BASE64.decode(line.strip_prefix(KEY_LINE)?).ok()?;
    Key::<XChaCha20Poly1305>::try_from(bytes.as_slice()).ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_sealed_password_opens_with_its_key_only() {
        let dir = tempfile::tempdir().unwrap();
        let ring = Keyring::create(&dir.path().join("a")).unwrap();
        let other = Keyring::create(&dir.path().join("b")).unwrap();
        let stored = ring.seal(&Secret::new("l'été 🌞")).unwrap();
        assert!(stored.is_sealed() && !stored.column().contains("été"));
        assert_eq!(Keyring::open(&dir.path().join("a")).unwrap().open_stored(&stored).unwrap().reveal(), "l'été 🌞");
        assert_eq!(other.open_stored(&stored).unwrap_err().kind(), Kind::SecretUndecryptable);
        assert_eq!(Keyring::none().open_stored(&stored).unwrap_err().kind(), Kind::SecretUndecryptable);
        assert_eq!(format!("{:?} {stored:?}", Secret::new("x")), "_ _");
    }

    #[test]
    fn a_new_key_above_the_old_one_opens_and_seals_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        let stored = Keyring::create(&path).unwrap().seal(&Secret::new("p")).unwrap();
        Keyring::renew(&path).unwrap();
        let ring = Keyring::open(&path).unwrap();
        let again = ring.reseal(&stored).unwrap().unwrap();
        assert_eq!(ring.open_stored(&again).unwrap().reveal(), "p");
        assert!(ring.reseal(&again).unwrap().is_none());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_random_password_is_long_plain_and_never_the_same() {
        let (one, other) = (Secret::random(), Secret::random());
        assert!(one != other && one.reveal().len() == 43);
        assert!(one.reveal().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    }

    #[test]
    fn a_password_file_is_read_to_its_first_line_end_and_only_when_it_is_its_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        std::fs::write(&path, "l'été 🌞 \n\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(Secret::read(&path).unwrap().reveal(), "l'été 🌞 ");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o604)).unwrap();
        assert_eq!(Secret::read(&path).unwrap_err().kind(), Kind::BadConfiguration);
        assert_eq!(Secret::read(&dir.path().join("nothing")).unwrap_err().kind(), Kind::BadConfiguration);
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        Keyring::create(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(Keyring::open(&path).unwrap_err().kind(), Kind::KeyfileUnreadable);
        assert_eq!(Keyring::create(&path).unwrap_err().kind(), Kind::KeyfileUnreadable);
    }
}
