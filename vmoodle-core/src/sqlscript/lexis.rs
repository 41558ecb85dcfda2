//! What begins at an octet of SQL: the rules of quotes and comments that scripts and dumps share.

/// A part of SQL in which nothing but its own end means anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// A text or a quoted name; `skip` octets stand before its first character.
    Quotes {
        /// What ends it, unless doubled.
        mark: u8,
        /// Whether a backslash takes the next octet along.
        escapes: bool,
    },
    /// A comment up to the end of the line.
    Line {
        /// The octets of its mark.
        skip: usize,
    },
    /// A comment up to its closing mark.
    Comment,
    /// A text between two equal tags of this many octets.
    Dollars {
        /// The octets of the tag, with both its signs.
        length: usize,
    },
    /// A tag of which more must be seen.
    Unsure,
}

/// What begins at the first octet of `rest`, which must not be empty; `before` is what the statement has already.
pub fn opening(before: &[u8], rest: &[u8], mysql: bool) -> Option<Opening> {
    match (rest[0], rest.get(1).copied()) {
        (mark @ b'\'', _) => Some(Opening::Quotes { mark, escapes: mysql || follows_letter_e(before) }),
        (mark @ b'"', _) => Some(Opening::Quotes { mark, escapes: mysql }),
        (mark @ b'`', _) if mysql => Some(Opening::Quotes { mark, escapes: false }),
        (b'#', _) if mysql => Some(Opening::Line { skip: 1 }),
        (b'-', Some(b'-')) if !mysql || rest.get(2).is_none_or(|b| b.is_ascii_whitespace() || b.is_ascii_control()) => {
            Some(Opening::Line { skip: 2 })
        }
        (b'/', Some(b'*')) => Some(Opening::Comment),
        (b'$', _) if !mysql && !before.last().copied().is_some_and(is_word) => {
            let tag = rest[1..].iter().take_while(|b| is_word(**b) && **b != b'$').count();
            match rest.get(1 + tag) {
                None => Some(Opening::Unsure),
                // `$1` is a parameter.
                Some(b'$') if !rest[1].is_ascii_digit() => Some(Opening::Dollars { length: tag + 2 }),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether an octet may stand in a name that is not quoted.
pub fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'$' || b >= 0x80
}

/// `E'…'` has escapes by backslash.
fn follows_letter_e(before: &[u8]) -> bool {
    match before {
        [.., other, last] => last.eq_ignore_ascii_case(&b'e') && !is_word(*other),
        [last] => last.eq_ignore_ascii_case(&b'e'),
        [] => false,
    }
}
