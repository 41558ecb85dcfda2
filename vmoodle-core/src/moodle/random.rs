//! Texts that nobody can guess.

use crate::error::{Error, Kind, Result};

/// What a random text is made of: 64 characters, so that every octet chooses evenly.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789./";

/// A random text of letters and digits, as `random_string` makes them (lib/moodlelib.php).
pub fn text(length: usize) -> Result<String> {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        text.extend(salt(length)?.chars().filter(char::is_ascii_alphanumeric).take(length - text.len()));
    }
    Ok(text)
}

/// A random text of letters, digits, `.` and `/`: what `crypt` takes as salt.
pub fn salt(length: usize) -> Result<String> {
    let mut octets = vec![0; length];
    getrandom::fill(&mut octets).map_err(|error| Error::new(Kind::Internal, "no random numbers").because(error))?;
    Ok(octets.iter().map(|octet| char::from(LETTERS[usize::from(octet % 64)])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_text_has_its_length_and_is_another_each_time() {
        let (one, two) = (text(32).unwrap(), text(32).unwrap());
        assert_eq!((one.len(), two.len()), (32, 32));
        assert_ne!(one, two);
        assert!(one.bytes().all(|b| b.is_ascii_alphanumeric()));
        assert_eq!(text(0).unwrap(), "");
    }
}
