//! A site in maintenance: the page that shuts it before its database is asked, and the settings of the gentle kind.

use std::fs;
use std::io;
use std::path::Path;

use super::language::Language;
use crate::error::{Error, Kind, Result};
use crate::files::write_text;

/// Its name in the dataroot: where it is, every request is answered by it with 503 (lib/setup.php).
pub const FILE: &str = "climaintenance.html";

/// A page of the site's own for it.
const TEMPLATE: &str = "climaintenance.template.html";

/// What the page is made of.
pub struct Page<'a> {
    /// The tenant's dataroot.
    pub dataroot: &'a Path,
    /// The code base.
    pub dirroot: &'a Path,
    /// The site's full name.
    pub site: &'a str,
    /// Its language (`$CFG->lang`).
    pub lang: &'a str,
    /// What it says; empty for Moodle's own sentence.
    pub message: &'a str,
}

impl Page<'_> {
    /// The page as Moodle writes it (lib/adminlib.php, `enable_cli_maintenance_mode`): the message, the site's own template,
    /// or a sentence in the site's language.
    pub fn content(&self) -> Result<String> {
        if is_blank(self.message)
            && let Some(own) = read(&self.dataroot.join(TEMPLATE))?
        {
            return Ok(own);
        }
        let language = Language { dataroot: self.dataroot, dirroot: self.dirroot, code: self.lang };
        let sentence = "The site is undergoing maintenance and is currently not available";
        let sentence = language.text("admin", "sitemaintenance").unwrap_or_else(|| sentence.to_owned());
        let (title, message) = if is_blank(self.message) {
            let title =
                language.text("admin", "sitemaintenancetitle").unwrap_or_else(|| "{$a} under maintenance".into());
            (title.replace("{$a}", &plain(self.site)), sentence)
        } else {
            (sentence, self.message.to_owned())
        };
        let content = format!("<div class='alert-danger'>{message}</div>");
        // With a space of its own before it (lib/weblib.php, `get_html_lang`).
        let html = format!(" lang=\"{0}\" xml:lang=\"{0}\"", language.attribute());
        let template = fs::read_to_string(self.dirroot.join("error/plainpage.php")).unwrap_or_default();
        Ok(fill(&template, &html, &title, &content).unwrap_or_else(|| {
            format!("<!DOCTYPE html>\n<html{html}><head><meta charset=\"utf-8\"><title>{title}</title></head><body><h1>{title}</h1>{content}</body></html>\n")
        }))
    }
}

/// The page in place; `None` where there is none.
pub fn current(dataroot: &Path) -> Result<Option<String>> {
    read(&dataroot.join(FILE))
}

/// Puts the page in place in one step, or takes it away, where what is there is `from`; fine where it is `to` already. Else
/// refuses with [`Kind::StateRefused`].
pub fn swap(dataroot: &Path, from: Option<&str>, to: Option<&str>) -> Result<()> {
    let now = current(dataroot)?;
    if now.as_deref() == to {
        return Ok(());
    }
    if now.as_deref() != from {
        let message = format!("`{FILE}` was changed by somebody else meanwhile");
        return Err(Error::new(Kind::StateRefused, message).hint("look at it, then plan the change anew"));
    }
    let path = dataroot.join(FILE);
    let Some(content) = to else {
        return fs::remove_file(&path).map_err(|error| {
            Error::new(Kind::FilesFailed, format!("`{}` cannot be deleted", path.display()))
                .because(error)
                .hint("give the dataroot to the farm's OS user")
        });
    };
    write_text(&path, content)
}

fn read(path: &Path) -> Result<Option<String>> {
    match fs::read(path) {
        Ok(octets) => Ok(Some(String::from_utf8_lossy(&octets).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::new(Kind::FilesFailed, format!("`{}` cannot be read", path.display())).because(error)),
    }
}

/// Whether a text shows nothing (lib/moodlelib.php, `html_is_blank`).
pub fn is_blank(html: &str) -> bool {
    const SHOWS: [&str; 8] = ["img", "object", "applet", "input", "select", "textarea", "hr", "video"];
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        let tag = rest[at + 1..].to_ascii_lowercase();
        if !rest[..at].trim().is_empty() || SHOWS.iter().any(|name| tag.starts_with(name)) {
            return false;
        }
        rest = rest[at..].split_once('>').map_or("", |(_, after)| after);
    }
    rest.trim().is_empty()
}

/// A site's name as it may stand in a page (lib/classes/formatting.php, `format_string`): without tags, `&` as `&amp;`.
fn plain(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        rest = rest[at..].split_once('>').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    text.replace('&', "&amp;").replace("&amp;amp;", "&amp;")
}

/// Moodle's own page (`error/plainpage.php`) with its four places filled; `None` where it has another form. Nothing of it is
/// run: other PHP in it falls away.
fn fill(template: &str, html: &str, title: &str, content: &str) -> Option<String> {
    let mut page = String::with_capacity(template.len() + content.len());
    let mut rest = template;
    let mut filled = 0;
    while let Some((before, inside)) = rest.split_once("<?php") {
        page.push_str(before);
        let (code, after) = inside.split_once("?>")?;
        let value = match code.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches([';', ' ']) {
            "echo $htmllang" => html,
            "echo $title" => title,
            "echo $content" => content,
            _ => "",
        };
        filled += usize::from(!value.is_empty());
        page.push_str(value);
        // PHP takes the end of the line that follows.
        rest = after.strip_prefix("\r\n").or_else(|| after.strip_prefix('\n')).unwrap_or(after);
    }
    page.push_str(rest);
    (filled >= 3).then_some(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_moodles_own_with_its_places_filled() {
        let template = "<?php\n// licence\n?>\n<html <?php echo $htmllang ?>>\n<?php echo $meta ?>\n<title><?php echo $title ?></title>\n<?php echo $content ?>\n</html>\n";
        assert_eq!(fill(template, "lang", "T", "C").unwrap(), "<html lang>\n<title>T</title>\nC</html>\n");
        assert_eq!(fill("<html>", "lang", "T", "C"), None);
    }

    #[test]
    fn a_page_is_of_the_message_the_template_or_moodles_sentence() {
        let root = tempfile::tempdir().unwrap();
        let page = |message| {
            Page { dataroot: root.path(), dirroot: Path::new("/none"), site: "A & <b>B</b>", lang: "en", message }
                .content()
                .unwrap()
        };
        assert!(page("").contains("<title>A &amp; B under maintenance</title>"));
        assert!(page("<p>Back at 5</p>").contains("<div class='alert-danger'><p>Back at 5</p></div>"));
        fs::write(root.path().join(TEMPLATE), "own").unwrap();
        assert_eq!(page("<p> </p>"), "own");
        assert!(page("x").contains("'>x</div>"));
        assert!(is_blank("<p>\n</p>") && !is_blank("<img src=x>") && !is_blank("<p>x</p>"));
    }

    #[test]
    fn the_file_is_swapped_only_where_it_is_what_it_was() {
        let root = tempfile::tempdir().unwrap();
        swap(root.path(), None, Some("a")).unwrap();
        swap(root.path(), None, Some("a")).unwrap();
        assert_eq!(swap(root.path(), None, Some("b")).unwrap_err().kind(), Kind::StateRefused);
        swap(root.path(), Some("a"), None).unwrap();
        assert_eq!(current(root.path()).unwrap(), None);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
    }
}
