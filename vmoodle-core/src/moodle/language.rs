//! Moodle's own texts in a site's language, read from its language packs without running them.

use std::path::Path;

use crate::configphp;

/// Where texts are looked up.
pub struct Language<'a> {
    /// The tenant's dataroot, which holds the packs it has installed.
    pub dataroot: &'a Path,
    /// The code base, which holds English.
    pub dirroot: &'a Path,
    /// `$CFG->lang`.
    pub code: &'a str,
}

impl Language<'_> {
    /// A text of a component's file: the site's own change of it, its pack's, or the English one
    /// (`lib/classes/string_manager_standard.php`, `load_component_strings`).
    pub fn text(&self, component: &str, key: &str) -> Option<String> {
        let code = self.code();
        let file = format!("{component}.php");
        let places = [
            self.dataroot.join("lang").join(format!("{code}_local")).join(&file),
            self.dataroot.join("lang").join(code).join(&file),
            self.dirroot.join("lang/en").join(&file),
        ];
        places.iter().find_map(|path| configphp::entry(&std::fs::read(path).ok()?, "string", key))
    }

    /// What HTML calls the language (lib/weblib.php, `get_html_lang_attribute_value`).
    pub fn attribute(&self) -> String {
        let iso = self.text("langconfig", "iso6391").filter(|iso| iso != "en");
        iso.unwrap_or_else(|| self.code().chars().take(2).collect())
    }

    /// The code, where it can be a folder's name.
    fn code(&self) -> &str {
        let is_good = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
        if !self.code.is_empty() && self.code.bytes().all(is_good) { self.code } else { "en" }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_text_is_the_packs_or_the_english_one() {
        let root = tempfile::tempdir().unwrap();
        let (dataroot, dirroot) = (root.path().join("data"), root.path().join("code"));
        fs::create_dir_all(dataroot.join("lang/fr")).unwrap();
        fs::create_dir_all(dirroot.join("lang/en")).unwrap();
        fs::write(dirroot.join("lang/en/admin.php"), "<?php\n$string['a'] = 'One';\n$string['b'] = 'Two';").unwrap();
        fs::write(dataroot.join("lang/fr/admin.php"), "<?php\n$string['a'] = 'L\\'un';").unwrap();
        let text = |code, key| Language { dataroot: &dataroot, dirroot: &dirroot, code }.text("admin", key);
        assert_eq!(text("fr", "a").as_deref(), Some("L'un"));
        assert_eq!(text("fr", "b").as_deref(), Some("Two"));
        assert_eq!(text("../x", "a").as_deref(), Some("One"));
        assert_eq!(text("fr", "c"), None);
        assert_eq!(Language { dataroot: &dataroot, dirroot: &dirroot, code: "fr_ca" }.attribute(), "fr");
    }
}
