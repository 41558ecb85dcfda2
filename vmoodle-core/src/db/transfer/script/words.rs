//! What a statement of a dump is about, as far as its words tell.
//!
//! This keeps honest dumps in their place. What keeps the others there is the account that they are read in with.

use crate::error::{Error, Kind, Result};

/// What is to be done with a statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The server runs it.
    Run,
    /// It is about owners and rights of elsewhere.
    Skip,
    /// `COPY … FROM stdin`.
    Copy,
}

/// Judges a statement. Refuses one that leaves its database, or that reads a file of the server's.
pub(super) fn verdict(statement: &str, mysql: bool) -> Result<Verdict> {
    // `/*!40000 DROP DATABASE …*/`: for MySQL from that version on.
    let inside = statement.strip_prefix("/*!").or_else(|| statement.strip_prefix("/*M!")).filter(|_| mysql);
    let text = inside.map_or(statement, |inside| inside.trim_start_matches(|c: char| c.is_ascii_digit()));
    let mut words = text.split_ascii_whitespace().map(str::to_ascii_uppercase);
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let makes = matches!(first.as_str(), "CREATE" | "DROP" | "ALTER");
    if mysql && first == "USE" || makes && (second == "DATABASE" || second == "SCHEMA" && mysql) {
        return Err(Error::new(Kind::TransferFailed, "the dump makes, drops or chooses a database of its own")
            .hint("write it without `--databases` or `--create`"));
    }
    match (first.as_str(), second.as_str()) {
        ("COPY", _) if !mysql && statement.to_ascii_uppercase().contains(" FROM STDIN") => Ok(Verdict::Copy),
        ("COPY", _) if !mysql => Err(Error::new(Kind::TransferFailed, "the dump reads a file or runs a program")),
        ("GRANT" | "REVOKE", _) => Ok(Verdict::Skip),
        ("COMMENT", "ON") if !mysql && words.next().as_deref() == Some("EXTENSION") => Ok(Verdict::Skip),
        ("ALTER", _) if !mysql && gives_away(text) => Ok(Verdict::Skip),
        _ => Ok(Verdict::Run),
    }
}

/// `ALTER … OWNER TO name`
fn gives_away(text: &str) -> bool {
    let mut words = text.split_ascii_whitespace().rev();
    words.next().is_some() && words.next() == Some("TO") && words.next() == Some("OWNER")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_stays_in_its_database() {
        for bad in ["use other", "CREATE DATABASE x", "/*!40000 DROP DATABASE IF EXISTS `x`*/", "drop schema x"] {
            assert!(verdict(bad, true).is_err(), "{bad}");
        }
        for bad in ["ALTER DATABASE x OWNER TO y", "COPY t FROM PROGRAM 'x'", "copy t from '/etc/passwd'"] {
            assert!(verdict(bad, false).is_err(), "{bad}");
        }
        for skipped in
            ["GRANT ALL ON TABLE t TO x", "ALTER TABLE public.t OWNER TO moodle", "COMMENT ON EXTENSION plpgsql IS 'x'"]
        {
            assert_eq!(verdict(skipped, false).unwrap(), Verdict::Skip, "{skipped}");
        }
        for run in ["CREATE SCHEMA x", "ALTER TABLE t ADD COLUMN owner int", "COMMENT ON TABLE t IS 'EXTENSION'"] {
            assert_eq!(verdict(run, false).unwrap(), Verdict::Run, "{run}");
        }
        assert_eq!(verdict("COPY public.t (id, x) FROM stdin", false).unwrap(), Verdict::Copy);
        assert_eq!(verdict("/*!40101 SET NAMES utf8mb4 */", true).unwrap(), Verdict::Run);
    }
}
