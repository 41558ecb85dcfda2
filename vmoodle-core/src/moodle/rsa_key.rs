//! Private keys of RSA, as Moodle makes them with `openssl_pkey_new` (mod/lti/upgradelib.php, enrol/lti/upgradelib.php).

use getrandom::SysRng;
use rsa::PrivateKey;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};

use crate::error::{Error, Kind, Result};
use crate::secret::Secret;

/// How many bits a key has.
const BITS: usize = 2048;

/// Makes a key, as PKCS #8 in PEM. It takes a processor some tenths of a second, so it is work for a thread of its own.
pub fn generate() -> Result<Secret> {
    let failed = |what: String| Error::new(Kind::Internal, format!("no RSA key can be made: {what}"));
    let key = PrivateKey::new(&mut SysRng, BITS).map_err(|e| failed(e.to_string()))?;
    let text = key.to_pkcs8_pem(LineEnding::LF).map_err(|e| failed(e.to_string()))?;
    Ok(Secret::new(text.as_str()))
}

#[cfg(test)]
mod tests {
    use rsa::pkcs8::DecodePrivateKey;
    use rsa::traits::PublicKeyParts;

    use super::*;

    #[test]
    fn a_key_is_what_openssl_reads_and_another_each_time() {
        let (one, two) = (generate().unwrap(), generate().unwrap());
        assert!(one.reveal().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        let key = PrivateKey::from_pkcs8_pem(one.reveal()).unwrap();
        assert_eq!(key.n().bit_width(), 2048);
        assert_ne!(one.reveal(), two.reveal());
    }
}
