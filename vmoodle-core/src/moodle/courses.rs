//! Courses and their categories, as rows tell; changing them is left to Moodle's own code.

use std::collections::BTreeSet;

use regex::RegexBuilder;
use serde_json::{Value, json};

use super::site::no_moodle;
use crate::db::{Db, Param, Row, Sql};
use crate::error::{Error, Kind, Result};
use crate::host::escape;

/// A category of courses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// Its number.
    pub id: i64,
    /// The number of the one it is in; 0 at the top.
    pub parent: i64,
    /// Its name.
    pub name: String,
    /// Its identification number; empty for none.
    pub idnumber: String,
    /// Whether it is shown.
    pub visible: bool,
}

/// A course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Course {
    /// Its number.
    pub id: i64,
    /// The number of its category.
    pub category: i64,
    /// Its short name.
    pub shortname: String,
    /// Its full name.
    pub fullname: String,
    /// Its identification number; empty for none.
    pub idnumber: String,
    /// Whether it is shown.
    pub visible: bool,
}

impl Course {
    /// What a plan and the journal tell of it.
    pub fn told(&self) -> Value {
        json!({
            "id": self.id, "shortname": self.shortname, "fullname": self.fullname, "idnumber": self.idnumber,
            "visible": self.visible,
        })
    }
}

/// All categories of a site.
#[derive(Debug, Clone, Default)]
pub struct Categories(Vec<Category>);

impl Categories {
    /// Reads them. Fails with `no_moodle` where there are none.
    pub async fn read(db: &mut Db) -> Result<Self> {
        let select = "SELECT id, parent, name, idnumber, visible FROM {course_categories} ORDER BY sortorder, id";
        let rows = db.fetch(select, &[]).await.map_err(no_moodle)?;
        let text = |row: &Row, column: &str| row.text(column).unwrap_or_default().to_owned();
        let category = |row: &Row| Category {
            id: row.int("id").unwrap_or(0),
            parent: row.int("parent").unwrap_or(0),
            name: text(row, "name"),
            idnumber: text(row, "idnumber"),
            visible: row.int("visible") == Some(1),
        };
        Ok(Self(rows.iter().map(category).collect()))
    }

    /// The category of an identification number, or of a path of names from the top: `Faculty/History`. Fails with
    /// `category_not_found`, and with `bad_parameter` where several have that path.
    pub fn find(&self, wanted: &str) -> Result<&Category> {
        if let Some(found) = self.0.iter().find(|one| !one.idnumber.is_empty() && one.idnumber == wanted) {
            return Ok(found);
        }
        self.walk(&names(wanted)?)?.ok_or_else(|| {
            Error::new(Kind::CategoryNotFound, format!("no category is `{}`", escape(wanted)))
                .hint("give an identification number, or the names from the top with `/` between")
        })
    }

    /// The category at the end of names from the top; `None` where one of them is not there. Fails with `bad_parameter`
    /// where two of one name stand side by side, which Moodle allows.
    pub fn walk(&self, names: &[String]) -> Result<Option<&Category>> {
        let (mut parent, mut found) = (0, None);
        for name in names {
            let mut all = self.0.iter().filter(|one| one.parent == parent && one.name == *name);
            let Some(one) = all.next() else { return Ok(None) };
            if all.next().is_some() {
                let message = format!("several categories are called `{}` side by side", escape(name));
                return Err(Error::new(Kind::BadParameter, message).hint("give an identification number"));
            }
            (parent, found) = (one.id, Some(one));
        }
        Ok(found)
    }

    /// The one of an identification number.
    pub fn numbered(&self, idnumber: &str) -> Option<&Category> {
        self.0.iter().find(|one| one.idnumber == idnumber)
    }

    /// The one of a number.
    pub fn by_id(&self, id: i64) -> Option<&Category> {
        self.0.iter().find(|one| one.id == id)
    }

    /// The names from the top, with `/` between.
    pub fn path(&self, category: &Category) -> String {
        let mut names = vec![category.name.as_str()];
        let mut parent = category.parent;
        // No longer than all of them: a circle has no end.
        for _ in &self.0 {
            let Some(one) = self.0.iter().find(|one| one.id == parent) else { break };
            names.push(&one.name);
            parent = one.parent;
        }
        names.reverse();
        names.join("/")
    }

    /// The numbers of a category and of all below it.
    pub fn below(&self, category: &Category) -> BTreeSet<i64> {
        let mut found = BTreeSet::from([category.id]);
        loop {
            let more: Vec<i64> = self
                .0
                .iter()
                .filter(|one| found.contains(&one.parent) && !found.contains(&one.id))
                .map(|one| one.id)
                .collect();
            if more.is_empty() {
                return found;
            }
            found.extend(more);
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// The names of a path. A name that holds a `/` itself can be given by a JSON list.
pub fn names(path: &str) -> Result<Vec<String>> {
    let list = path.trim_start().starts_with('[').then(|| serde_json::from_str::<Vec<String>>(path).ok()).flatten();
    let names = list.unwrap_or_else(|| path.split('/').map(|name| name.trim().to_owned()).collect());
    // The column's length (lib/db/install.xml, table `course_categories`).
    if names.is_empty() || names.iter().any(|name| name.is_empty() || name.chars().count() > 255) {
        return Err(Error::new(Kind::BadParameter, format!("`{}` is no path of categories", escape(path)))
            .hint("give the names from the top with `/` between"));
    }
    Ok(names)
}

/// By what courses are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The short name, which is one course's own.
    Shortname,
    /// The identification number, which is one course's own.
    Idnumber,
    /// The full name, which several may have.
    Fullname,
}

impl By {
    /// The words of all.
    pub const WORDS: &'static [&'static str] = &["shortname", "idnumber", "fullname"];

    /// The one of a word; the short name for anything else.
    pub fn of(word: &str) -> Self {
        match word {
            "idnumber" => Self::Idnumber,
            "fullname" => Self::Fullname,
            _ => Self::Shortname,
        }
    }
}

/// The courses whose name is `wanted`, where `*` stands for any characters; by number. The front page is none.
///
/// Letters of either case are the same where there is a `*`, as in Moodle's own search, and accents are not.
pub async fn find(db: &mut Db, by: By, wanted: &str) -> Result<Vec<Course>> {
    let column = match by {
        By::Shortname => "shortname",
        By::Idnumber => "idnumber",
        By::Fullname => "fullname",
    };
    let is_pattern = wanted.contains('*');
    let like = wanted.replace('!', "!!").replace('%', "!%").replace('_', "!_").replace('*', "%");
    let sql = ["SELECT id, category, shortname, fullname, idnumber, visible FROM {course} WHERE category <> 0 AND ("];
    let courses = if is_pattern {
        let parts = [sql[0], "LOWER(", column, ") LIKE LOWER(?) ESCAPE '!') ORDER BY id"];
        courses(db, &parts, &[like.into()]).await?
    } else {
        courses(db, &[sql[0], column, " = ?) ORDER BY id"], &[wanted.into()]).await?
    };
    // The engines differ in which letters they take for the same.
    let parts: Vec<String> = wanted.split('*').map(regex::escape).collect();
    let exact = RegexBuilder::new(&format!("^{}$", parts.join(".*")))
        .case_insensitive(is_pattern)
        .dot_matches_new_line(true)
        .build()
        .map_err(|error| Error::new(Kind::BadParameter, "the name cannot be searched for").because(error))?;
    let name = |course: &Course| match by {
        By::Shortname => course.shortname.clone(),
        By::Idnumber => course.idnumber.clone(),
        By::Fullname => course.fullname.clone(),
    };
    Ok(courses.into_iter().filter(|course| exact.is_match(&name(course))).collect())
}

/// The courses of some categories, by number.
pub async fn inside(db: &mut Db, categories: &BTreeSet<i64>) -> Result<Vec<Course>> {
    if categories.is_empty() {
        return Ok(Vec::new());
    }
    let select = "SELECT id, category, shortname, fullname, idnumber, visible FROM {course} WHERE category IN (?";
    let mut parts = vec![select];
    parts.extend(categories.iter().skip(1).map(|_| ", ?"));
    parts.push(") ORDER BY id");
    let params: Vec<Param> = categories.iter().map(|id| (*id).into()).collect();
    courses(db, &parts, &params).await
}

async fn courses(db: &mut Db, sql: &[&'static str], params: &[Param]) -> Result<Vec<Course>> {
    let rows = db.fetch(Sql::joined(sql), params).await.map_err(no_moodle)?;
    let text = |row: &Row, column: &str| row.text(column).unwrap_or_default().to_owned();
    let course = |row: &Row| Course {
        id: row.int("id").unwrap_or(0),
        category: row.int("category").unwrap_or(0),
        shortname: text(row, "shortname"),
        fullname: text(row, "fullname"),
        idnumber: text(row, "idnumber"),
        visible: row.int("visible") == Some(1),
    };
    Ok(rows.iter().map(course).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(id: i64, parent: i64, name: &str, idnumber: &str) -> Category {
        Category { id, parent, name: name.to_owned(), idnumber: idnumber.to_owned(), visible: true }
    }

    #[test]
    fn a_category_is_found_by_its_number_or_by_the_names_from_the_top() {
        let all = Categories(vec![
            category(1, 0, "Catégorie", ""),
            category(2, 1, "L'histoire", "H/1"),
            category(3, 2, "Moderne", ""),
            category(4, 1, "Twice", ""),
            category(5, 1, "Twice", "second"),
            category(6, 0, "Either/Or", ""),
        ]);
        let id = |wanted: &str| all.find(wanted).map(|found| found.id).map_err(|error| error.kind());
        assert_eq!(id("Catégorie / L'histoire/Moderne"), Ok(3));
        assert_eq!((id("H/1"), id("second")), (Ok(2), Ok(5)));
        assert_eq!(id("[\"Either/Or\"]"), Ok(6));
        assert_eq!((id("Moderne"), id("Either/Or")), (Err(Kind::CategoryNotFound), Err(Kind::CategoryNotFound)));
        assert_eq!(
            (id("Catégorie/Twice"), id("a//b"), id("")),
            (Err(Kind::BadParameter), Err(Kind::BadParameter), Err(Kind::BadParameter))
        );
        assert_eq!(all.path(all.find("Catégorie/L'histoire/Moderne").unwrap()), "Catégorie/L'histoire/Moderne");
        assert_eq!(all.below(all.find("H/1").unwrap()), BTreeSet::from([2, 3]));
    }
}
