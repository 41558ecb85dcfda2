//! What PostgreSQL stores instead of a password (RFC 5802, RFC 7677): made here, so that the server never sees it in clear.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::secret::{Secret, random_bytes};

/// As PostgreSQL itself (`SCRAM_SHA_256_DEFAULT_ITERATIONS`).
const ROUNDS: u32 = 4096;

/// `None` for a password that is not plain ASCII: the server would normalise it first (`SASLprep`).
pub(super) fn verifier(password: &Secret) -> Option<String> {
    let salt: [u8; 16] = random_bytes();
    password.reveal().bytes().all(|b| (b' '..=b'~').contains(&b)).then(|| salted(password.reveal(), &salt))?
}

fn salted(password: &str, salt: &[u8]) -> Option<String> {
    let salted: [u8; 32] = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), salt, ROUNDS);
    let key = |what: &[u8]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&salted).ok()?;
        mac.update(what);
        Some(mac.finalize().into_bytes())
    };
    let stored = BASE64.encode(Sha256::digest(key(b"Client Key")?));
    let server = BASE64.encode(key(b"Server Key")?);
    Some(format!("SCRAM-SHA-256${ROUNDS}:{}${stored}:{server}", BASE64.encode(salt)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_holds_the_keys_of_the_password_and_not_the_password() {
        // SELECT rolpassword FROM pg_authid, for the password `pencil`.
        let made = salted("pencil", &BASE64.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap()).unwrap();
        assert_eq!(
            made,
            "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
             wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
        );
        assert_ne!(verifier(&Secret::new("pencil")), verifier(&Secret::new("pencil")));
        assert_eq!(verifier(&Secret::new("été")), None);
    }
}
