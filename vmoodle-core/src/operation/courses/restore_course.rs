//! Restores a course from a backup of Moodle.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{ByMoodle, CATEGORY, TIME_LIMIT, flag, meta, text};
use crate::db::Db;
use crate::error::{Error, Kind, Result};
use crate::host::escape;
use crate::moodle::courses::{self, By, Categories};
use crate::operation::contract::{Change, Meta, Work};
use crate::parameter::{Param, Type};
use crate::steps::blocking;

/// Restores a course from an `.mbz` into a new course of a category.
///
/// Begun once: a run that is cut off ends as `unknown`, for a second one would make a second course.
pub(in crate::operation) static RESTORE_COURSE: ByMoodle =
    ByMoodle { meta: &META, plan: |work, site| Box::pin(plan(work, site)), is_once: true };

static META: Meta = meta(
    "restore_course",
    &[
        Param { name: "file", kind: Type::Text, required: true, default: None },
        CATEGORY,
        Param { name: "shortname", kind: Type::Text, required: false, default: Some("") },
        Param { name: "fullname", kind: Type::Text, required: false, default: Some("") },
        Param { name: "idnumber", kind: Type::Text, required: false, default: Some("") },
        Param { name: "visible", kind: Type::Flag, required: false, default: Some("1") },
        Param {
            name: "enrol",
            kind: Type::Choice(&["none", "managers", "siteadmins", "managers_and_siteadmins"]),
            required: false,
            default: Some("none"),
        },
        TIME_LIMIT,
    ],
    false,
);

async fn plan(work: &Work<'_>, site: &mut Db) -> Result<Vec<Change>> {
    let file = PathBuf::from(text(work, "file"));
    let octets = blocking(move || size_of(&file)).await?;
    let all = Categories::read(site).await?;
    let category = all.find(text(work, "category"))?;
    for (by, name, value) in [
        (By::Shortname, "short name", text(work, "shortname")),
        (By::Idnumber, "identification number", text(work, "idnumber")),
    ] {
        let is_taken = !value.is_empty() && !courses::find(site, by, value).await?.is_empty();
        if value.contains('*') || is_taken {
            let message = format!("the {name} `{}` is that of another course, or none", escape(value));
            return Err(Error::new(Kind::NameTaken, message));
        }
    }
    let after = json!({
        "category": { "id": category.id, "path": all.path(category) }, "file": text(work, "file"), "octets": octets,
        "shortname": text(work, "shortname"), "fullname": text(work, "fullname"), "visible": flag(work, "visible"),
    });
    Ok(vec![Change { what: "course".into(), before: Value::Null, after }])
}

/// How large a backup is. Refuses what is none: `.mbz` is a packed archive (`lib/filestorage/mbz_packer.php`).
fn size_of(file: &Path) -> Result<u64> {
    let name = file.to_string_lossy();
    let shown = escape(&name);
    let bad = |why: &str| Error::new(Kind::BadParameter, format!("`{shown}` {why}"));
    if !file.is_absolute() || file.extension().is_none_or(|ending| ending != "mbz") {
        return Err(bad("is no absolute path of an `.mbz`"));
    }
    let read = || {
        let mut begin = [0; 2];
        let mut opened = std::fs::File::open(file)?;
        std::io::Read::read_exact(&mut opened, &mut begin)?;
        Ok::<_, std::io::Error>((begin, opened.metadata()?.len()))
    };
    let (begin, octets) = read().map_err(|error| {
        Error::new(Kind::FilesFailed, format!("`{shown}` cannot be read"))
            .because(error)
            .hint("put it where the farm's OS user can read it, on every machine that runs jobs")
    })?;
    if begin == [0x1f, 0x8b] || begin == *b"PK" { Ok(octets) } else { Err(bad("is no backup of Moodle")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_a_packed_archive_at_an_absolute_path() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path
        };
        assert_eq!(size_of(&put("a.mbz", b"PK34")).unwrap(), 4);
        assert_eq!(size_of(&put("b.mbz", &[0x1f, 0x8b, 0])).unwrap(), 3);
        for bad in [put("c.mbz", b"<?php"), put("d.zip", b"PK"), PathBuf::from("a.mbz")] {
            assert_eq!(size_of(&bad).unwrap_err().kind(), Kind::BadParameter, "{}", bad.display());
        }
        for bad in [folder.path().join("none.mbz"), put("e.mbz", b"P")] {
            assert_eq!(size_of(&bad).unwrap_err().kind(), Kind::FilesFailed, "{}", bad.display());
        }
    }
}
