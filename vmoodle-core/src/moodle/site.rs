//! The site's own names: they stand in its front page, which is a course of category 0 (lib/datalib.php, `get_site`).

use crate::db::{Db, Fault, Param, Sql};
use crate::error::{Error, Kind, Result};
use crate::host::escape;

/// The names of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The front page's course id (`SITEID`).
    pub id: i64,
    /// Its name.
    pub fullname: String,
    /// Its short name.
    pub shortname: String,
    /// Its summary, as HTML.
    pub summary: String,
}

/// Reads a site's names. Fails with [`Kind::NoMoodle`] where there is no front page.
pub async fn read(db: &mut Db) -> Result<Site> {
    let select = "SELECT id, fullname, shortname, summary FROM {course} WHERE category = 0 ORDER BY id";
    let row = db.fetch_one(select, &[]).await.map_err(no_moodle)?;
    let site = row.and_then(|row| {
        let text = |column| row.text(column).unwrap_or_default().to_owned();
        Some(Site {
            id: row.int("id")?,
            fullname: text("fullname"),
            shortname: text("shortname"),
            summary: text("summary"),
        })
    });
    site.ok_or_else(|| no_moodle_said("its table `course` has no front page"))
}

/// New names for a site; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Its name.
    pub fullname: Option<String>,
    /// Its short name.
    pub shortname: Option<String>,
    /// Its summary, as HTML.
    pub summary: Option<String>,
}

impl Names {
    /// Checks the lengths that Moodle's form and table allow (lib/db/install.xml, table `course`).
    pub fn check(&self) -> Result<()> {
        check_length("name", self.fullname.as_deref(), 254)?;
        check_length("short name", self.shortname.as_deref(), 255)
    }
}

/// Gives a site other names; a site of the same names is left as it is. Gives whether that changed anything.
///
/// They are not cached: Moodle reads the front page's row with every request (lib/setup.php, `$SITE`).
pub async fn rename(db: &mut Db, names: &Names, now: i64) -> Result<bool> {
    names.check()?;
    let site = read(db).await?;
    let (mut columns, mut params): (Vec<&'static str>, Vec<Param>) = (Vec::new(), Vec::new());
    for (column, old, new) in [
        ("fullname", &site.fullname, &names.fullname),
        ("shortname", &site.shortname, &names.shortname),
        ("summary", &site.summary, &names.summary),
    ] {
        if let Some(new) = new.as_ref().filter(|new| *new != old) {
            columns.push(column);
            params.push(new.as_str().into());
        }
    }
    if columns.is_empty() {
        return Ok(false);
    }
    columns.push("timemodified");
    params.extend([now.into(), site.id.into()]);
    db.execute(Sql::update("course", &columns), &params).await?;
    Ok(true)
}

/// The error for a database that holds no Moodle.
pub(super) fn no_moodle_said(found: &str) -> Error {
    Error::new(Kind::NoMoodle, format!("the database holds no Moodle: {found}"))
        .hint("check the tenant's `vdbname` and `vdbprefix`, or restore the database")
}

/// A missing table says that there is no Moodle; any other fault stays what it is.
pub(super) fn no_moodle(fault: Fault) -> Error {
    match fault.cause() {
        crate::db::Cause::NoTable => no_moodle_said("a table of it is missing").because(fault),
        _ => fault.into(),
    }
}

fn check_length(what: &str, text: Option<&str>, most: usize) -> Result<()> {
    match text {
        Some(text) if text.trim().is_empty() => {
            Err(Error::new(Kind::BadParameter, format!("the site's {what} is empty")))
        }
        Some(text) if text.chars().count() > most => {
            let beginning: String = text.chars().take(40).collect();
            let message = format!("the site's {what} `{}…` is longer than {most} characters", escape(&beginning));
            Err(Error::new(Kind::BadParameter, message))
        }
        _ => Ok(()),
    }
}

/// The id of the system context.
pub async fn system_context(db: &mut Db) -> Result<i64> {
    let row = db.fetch_one("SELECT id FROM {context} WHERE contextlevel = 10", &[]).await?;
    row.and_then(|row| row.int("id")).ok_or_else(|| Error::new(Kind::NoMoodle, "the site has no system context"))
}
