//! Scripts of SQL that a person wrote: taken apart as the engine's own client does it, judged, and filled in.
//!
//! [`Script::read`] finds the statements, [`Script::judge`] says what each is and what it needs to be allowed for, and
//! [`Script::bind`] makes of it what a server gets: tables with the site's prefix, values as parameters. Judging keeps
//! honest people from accidents; what keeps the others out are the server's read-only transaction, one statement for each
//! message, and the rights of the tenant's own account.
#![cfg_attr(not(feature = "testing"), allow(unreachable_pub))]

mod bind;
mod judge;
pub mod lexis;
mod read;
mod token;
mod tree;
mod words;

pub use bind::Bound;
#[cfg(any(test, feature = "testing"))]
pub use judge::ALLOWED;
pub use judge::{Class, Rules, Verdict};

use token::Token;

use crate::tenant::Engine;

/// The longest script, in octets.
pub const LONGEST: usize = 64 << 20;

/// A script, taken apart.
#[derive(Debug)]
pub struct Script {
    text: String,
    engine: Engine,
    statements: Vec<Statement>,
}

/// One statement of it.
#[derive(Debug)]
struct Statement {
    line: usize,
    tokens: Vec<Token>,
}

#[cfg(test)]
mod tests;
