//! Values that PHP's `serialize` wrote: their texts are rewritten, their lengths follow, the rest stays octet by octet.
//!
//! Own code, since no crate keeps what it does not understand: references, custom data of `Serializable` objects, enums
//! and the spelling of floats must come out as they went in. Array keys, property names and class names are left, as a
//! recursive `str_replace` in PHP would leave them.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// How deep arrays, objects and texts in texts may lie in each other: far deeper than Moodle's, and safe for the stack.
const DEPTH: usize = 128;

/// The value is no serialised one, or a damaged one: nothing was rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// What is done to a text: the new one, or `None` where it stays.
pub type Edit<'a> = &'a dyn Fn(&[u8]) -> Option<Vec<u8>>;

/// Rewrites any stored value: a serialised one by its texts, one in base64 (`base64_encode(serialize(…))`) likewise, any
/// other as one text. `Ok(None)` when it stays as it is.
///
/// Refuses what begins as a serialised value and is none, since its lengths would be wrong after a rewrite.
pub fn rewrite(value: &[u8], edit: Edit<'_>) -> Result<Option<Vec<u8>>, Malformed> {
    let changed = rewritten(value, edit, 0)?;
    Ok(match changed {
        Cow::Borrowed(_) => None,
        Cow::Owned(new) => (new != value).then_some(new),
    })
}

/// Whether a value is a whole serialised one.
pub fn is_serialized(value: &[u8]) -> bool {
    looks_serialized(value) && composite(value, &|_| None, 0).is_ok()
}

/// What a value of base64 holds, where that is a whole serialised one.
pub fn plain(value: &[u8]) -> Option<Vec<u8>> {
    in_base64(value).filter(|inside| is_serialized(inside))
}

fn rewritten<'a>(value: &'a [u8], edit: Edit<'_>, depth: usize) -> Result<Cow<'a, [u8]>, Malformed> {
    if looks_serialized(value) {
        return composite(value, edit, depth).map(Cow::Owned);
    }
    if let Some(inside) = in_base64(value)
        && let Ok(new) = composite(&inside, edit, depth)
    {
        return Ok(if new == inside { Cow::Borrowed(value) } else { Cow::Owned(BASE64.encode(new).into_bytes()) });
    }
    Ok(edit(value).map_or(Cow::Borrowed(value), Cow::Owned))
}

/// What a whole serialised value becomes.
fn composite(value: &[u8], edit: Edit<'_>, depth: usize) -> Result<Vec<u8>, Malformed> {
    let mut walk = Walk { rest: value, out: Vec::with_capacity(value.len()), edit };
    walk.value(depth)?;
    if walk.rest.is_empty() { Ok(walk.out) } else { Err(Malformed) }
}

/// Whether a value begins as a serialised array, object or text does: `a:2:{`, `O:8:"stdClass"`, `s:3:"`.
///
/// Numbers and the like hold no text, and prose such as `i:5;` is none either.
fn looks_serialized(value: &[u8]) -> bool {
    let Some((b'a' | b'O' | b's' | b'C' | b'E', rest)) = value.split_first() else { return false };
    let Some(rest) = rest.strip_prefix(b":") else { return false };
    let digits = rest.iter().take_while(|octet| octet.is_ascii_digit()).count();
    digits > 0 && matches!(rest.get(digits..digits + 2), Some(b":{" | b":\""))
}

/// What stands in a value of base64, if that looks like a serialised value.
fn in_base64(value: &[u8]) -> Option<Vec<u8>> {
    // `a:`, `O:`, `s:`, `C:` and `E:` in base64.
    if value.len() < 8 || !matches!(&value[..2], b"YT" | b"Tz" | b"cz" | b"Qz" | b"RT") {
        return None;
    }
    BASE64.decode(value).ok().filter(|inside| looks_serialized(inside))
}

/// A walk through a value (php.net/serialize; php-src, `ext/standard/var_unserializer.re`).
struct Walk<'a, 'e> {
    rest: &'a [u8],
    out: Vec<u8>,
    edit: Edit<'e>,
}

impl<'a> Walk<'a, '_> {
    fn value(&mut self, depth: usize) -> Result<(), Malformed> {
        if depth > DEPTH {
            return Err(Malformed);
        }
        match self.rest.first().ok_or(Malformed)? {
            b'N' => self.keep("N;"),
            b'b' | b'i' | b'd' | b'r' | b'R' => self.number(),
            b's' => self.text(depth),
            b'a' => {
                self.keep("a:")?;
                self.members(depth)
            }
            b'O' => {
                self.keep("O:")?;
                self.quoted()?;
                self.keep(":")?;
                self.members(depth)
            }
            b'C' => {
                self.keep("C:")?;
                self.quoted()?;
                self.keep(":")?;
                self.custom()
            }
            b'E' => {
                self.keep("E:")?;
                self.quoted()?;
                self.keep(";")
            }
            _ => Err(Malformed),
        }
    }

    /// `i:5;`, `d:0.1;`, `b:1;`, `R:2;`.
    fn number(&mut self) -> Result<(), Malformed> {
        let end = self.rest.iter().position(|octet| *octet == b';').ok_or(Malformed)?;
        let fits = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'+' | b'-');
        match &self.rest[1..end] {
            [b':', digits @ ..] if !digits.is_empty() && digits.iter().all(fits) => self.copy(end + 1),
            _ => Err(Malformed),
        }
    }

    /// `s:3:"abc";`, and what it holds: a text, or a serialised value again.
    fn text(&mut self, depth: usize) -> Result<(), Malformed> {
        let mut ahead = Walk { rest: self.rest, out: Vec::new(), edit: self.edit };
        ahead.keep("s:")?;
        let text = ahead.quoted()?;
        ahead.keep(";")?;
        self.rest = ahead.rest;
        // A damaged value in a text is left whole.
        let new = rewritten(text, self.edit, depth + 1).unwrap_or(Cow::Borrowed(text));
        self.out.extend_from_slice(format!("s:{}:\"", new.len()).as_bytes());
        self.out.extend_from_slice(&new);
        self.out.extend_from_slice(b"\";");
        Ok(())
    }

    /// `2:{key value key value}`.
    fn members(&mut self, depth: usize) -> Result<(), Malformed> {
        let count = self.length()?;
        self.keep(":{")?;
        for _ in 0..count {
            match self.rest.first().ok_or(Malformed)? {
                b'i' => self.number()?,
                b's' => {
                    self.keep("s:")?;
                    self.quoted()?;
                    self.keep(";")?;
                }
                _ => return Err(Malformed),
            }
            self.value(depth + 1)?;
        }
        self.keep("}")
    }

    /// `4:{data}` of a `Serializable` object: only its class can read it.
    fn custom(&mut self) -> Result<(), Malformed> {
        let length = self.length()?;
        self.keep(":{")?;
        self.copy(length)?;
        self.keep("}")
    }

    /// `3:"abc"`, kept; gives what stands between the quotes.
    fn quoted(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.length()?;
        self.keep(":\"")?;
        let text = self.rest;
        self.copy(length)?;
        self.keep("\"")?;
        Ok(&text[..length])
    }

    /// A length, kept.
    fn length(&mut self) -> Result<usize, Malformed> {
        let digits = self.rest.iter().take_while(|octet| octet.is_ascii_digit()).count();
        let length =
            std::str::from_utf8(&self.rest[..digits]).ok().and_then(|text| text.parse().ok()).ok_or(Malformed)?;
        self.copy(digits)?;
        Ok(length)
    }

    fn keep(&mut self, expected: &str) -> Result<(), Malformed> {
        if !self.rest.starts_with(expected.as_bytes()) {
            return Err(Malformed);
        }
        self.copy(expected.len())
    }

    fn copy(&mut self, octets: usize) -> Result<(), Malformed> {
        let (kept, rest) = self.rest.split_at_checked(octets).ok_or(Malformed)?;
        self.out.extend_from_slice(kept);
        self.rest = rest;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
