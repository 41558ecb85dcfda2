//! What an undo needs and nobody reads: rows as they were and as they are to be, packed behind the changes that people see.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::contract::Change;
use crate::error::{Error, Kind, Result};
use crate::secret::{Keyring, Secret, Stored};

/// What the change is called that holds the image.
const WHAT: &str = "image";
/// What a packed image begins with.
const PACKED: &str = "zst:v1:";
/// The most that is packed, in octets.
pub(super) const MOST: usize = 64 << 20;
/// The most that an image takes in the journal, in octets: well below what a database takes in one message.
const MOST_PACKED: usize = 4 << 20;

/// Whether secrets are in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// None.
    Contents,
    /// Some, or it is not known: only a key lets the journal hold them.
    Secrets,
}

/// An image as a change, sealed where there is a key.
///
/// Fails with [`Kind::StateRefused`] where it takes more than the journal keeps, and with [`Kind::BadParameter`] where it
/// holds secrets and there is no key.
pub(super) fn change(image: &impl Serialize, holds: Holds, keyring: &Keyring) -> Result<Change> {
    let json = serde_json::to_vec(image).map_err(|e| Error::new(Kind::Internal, "an image is no JSON").because(e))?;
    let packed = zstd::encode_all(json.as_slice(), 3)
        .map_err(|e| Error::new(Kind::Internal, "an image cannot be packed").because(e))?;
    let text = format!("{PACKED}{}", BASE64.encode(packed));
    if json.len() > MOST || text.len() > MOST_PACKED {
        return Err(Error::new(
            Kind::StateRefused,
            format!("more would change than can be put back: {} MB in the journal", MOST_PACKED >> 20),
        )
        .hint("change less at a time"));
    }
    let stored = keyring.seal(&Secret::new(text))?;
    if holds == Holds::Secrets && !stored.is_sealed() {
        return Err(Error::new(Kind::BadParameter, "secrets are meant, which the journal holds encrypted only")
            .hint("make a key file: `php local/vmoodle/cli/key.php --create=PATH`"));
    }
    Ok(Change { what: WHAT.to_owned(), before: json!(stored.column()), after: Value::Null })
}

/// The image that stands with changes.
pub(super) fn read<T: DeserializeOwned>(changes: &[Change], keyring: &Keyring) -> Result<T> {
    let broken = || Error::new(Kind::Internal, "the changes have no image that can be read");
    let stored = changes.iter().find(|change| change.what == WHAT).and_then(|change| change.before.as_str());
    let text = keyring.open_stored(&Stored::from_column(stored.ok_or_else(broken)?))?;
    let packed = text.reveal().strip_prefix(PACKED).and_then(|text| BASE64.decode(text).ok()).ok_or_else(broken)?;
    let json = zstd::decode_all(packed.as_slice()).map_err(|error| broken().because(error))?;
    serde_json::from_slice(&json).map_err(|error| broken().because(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_comes_back_and_shows_nothing() {
        let image = json!({"label": ["l'école secret!", null, 7]});
        let plain = change(&image, Holds::Contents, &Keyring::none()).unwrap();
        assert!(!json!(plain).to_string().contains("secret!"));
        assert_eq!(read::<Value>(&[plain], &Keyring::none()).unwrap(), image);
        let folder = tempfile::tempdir().unwrap();
        let keyring = Keyring::create(&folder.path().join("key")).unwrap();
        let sealed = change(&image, Holds::Secrets, &keyring).unwrap();
        assert!(sealed.before.as_str().unwrap().starts_with("enc:v1:"));
        assert_eq!(read::<Value>(std::slice::from_ref(&sealed), &keyring).unwrap(), image);
        assert!(read::<Value>(&[sealed], &Keyring::none()).is_err());
    }

    #[test]
    fn what_is_too_much_or_secret_without_a_key_is_refused() {
        let error = change(&json!("hidden!"), Holds::Secrets, &Keyring::none()).unwrap_err();
        assert!(error.kind() == Kind::BadParameter && !error.to_string().contains("hidden!"));
        let long = Secret::random().reveal().repeat(3 << 20);
        assert_eq!(change(&json!(long), Holds::Contents, &Keyring::none()).unwrap_err().kind(), Kind::StateRefused);
        assert_eq!(read::<Value>(&[], &Keyring::none()).unwrap_err().kind(), Kind::Internal);
    }
}
