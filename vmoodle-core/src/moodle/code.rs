//! What a code base says of itself, read without PHP.

use std::path::Path;

use super::version::Version;
use crate::error::{Error, Kind, Result};

/// The `version.php` of a code base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// `$version`.
    pub version: Version,
    /// `$release`, for people.
    pub release: String,
    /// `$branch`: `405`; 0 where it does not say.
    pub branch: u32,
    /// `$maturity`, as it is written: `MATURITY_STABLE`.
    pub maturity: String,
}

impl Code {
    /// Reads a code base's `version.php`. Fails with [`Kind::BadConfiguration`] where it is no Moodle's.
    pub fn read(dirroot: &Path) -> Result<Self> {
        let path = dirroot.join("version.php");
        let shown = path.display();
        let bad = |what: &str| {
            Error::new(Kind::BadConfiguration, format!("`{shown}` {what}"))
                .hint("set `$CFG->dirroot` in config.php to the folder of Moodle's code")
        };
        let text = std::fs::read(&path).map_err(|error| bad("cannot be read").because(error))?;
        Self::parse(&String::from_utf8_lossy(&text)).ok_or_else(|| bad("tells no version"))
    }

    /// Reads the text of a `version.php`: plain assignments of numbers and quoted texts. `None` without `$version`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = without_comments(text);
        let value = |name: &str| {
            text.split(';').find_map(|statement| {
                let (left, right) = statement.split_once('=')?;
                let left = left.trim().strip_prefix("<?php").unwrap_or(left).trim();
                (left.strip_prefix('$') == Some(name)).then(|| right.trim().trim_matches(['\'', '"']).to_owned())
            })
        };
        Some(Self {
            version: Version::parse(&value("version")?)?,
            release: value("release").unwrap_or_default(),
            branch: value("branch").and_then(|branch| branch.parse().ok()).unwrap_or(0),
            maturity: value("maturity").unwrap_or_default(),
        })
    }
}

/// The text without comments; quotes are looked at, since a release may hold `//` or `#`.
pub(super) fn without_comments(text: &str) -> String {
    let (mut out, mut rest, mut quote) = (String::with_capacity(text.len()), text, None);
    while let Some(c) = rest.chars().next() {
        let end = match quote {
            None if rest.starts_with("/*") => rest.find("*/").map(|at| at + 2),
            None if rest.starts_with("//") || c == '#' => rest.find('\n'),
            _ => Some(0),
        };
        match end {
            Some(0) => {
                if quote == Some(c) {
                    quote = None;
                } else if quote.is_none() && matches!(c, '\'' | '"') {
                    quote = Some(c);
                }
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
            Some(end) => rest = &rest[end..],
            None => break,
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_file_is_read_whatever_its_spacing() {
        let text = "<?php\n// $version = 1;\n/* $release = 'x'; */\ndefined('MOODLE_INTERNAL') || die();\n\n\
            $version  = 2024100706.00;              // 20241007 = branching date; it's so.\n\
            # $branch = '1';\n$release  = '4.5.6+ (Build: #20250811 // x)'; // Human\n$branch=\"405\";\n$maturity = MATURITY_STABLE;\n";
        let code = Code::parse(text).unwrap();
        assert_eq!(code.version.to_string(), "2024100706.00");
        assert_eq!((code.release.as_str(), code.branch), ("4.5.6+ (Build: #20250811 // x)", 405));
        assert_eq!(code.maturity, "MATURITY_STABLE");
        assert_eq!(Code::parse("<?php $version = 2024100706; $release = '4.5.6';").unwrap().branch, 0);
        assert_eq!(Code::parse("<?php\n$plugin->version = 2024;"), None);
        assert_eq!(Code::read(Path::new("/nonexistent")).unwrap_err().kind(), Kind::BadConfiguration);
    }
}
