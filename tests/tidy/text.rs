//! Size, unfinished work, and names that belong to one machine.

use std::path::Path;

use crate::{assert_none, files, files_ending, read};

/// Files that are tables: one entry after the other, as long as there are entries.
const TABLES: &[&str] = &["php/local/vmoodle/classes/bridge.php", "vmoodle-php/stubs/vmoodle.php"];

#[test]
fn no_file_is_longer_than_a_person_reads_at_once() {
    const LIMIT: usize = 700;
    let wrong: Vec<String> = [".rs", ".php", ".mustache"]
        .iter()
        .flat_map(|ending| files_ending(ending))
        .filter(|file| !TABLES.iter().any(|table| file.ends_with(table)))
        // Texts are a table.
        .filter(|file| !file.iter().any(|part| part == "lang"))
        .map(|file| (read(&file).lines().count(), file))
        .filter(|(lines, _)| *lines > LIMIT)
        .map(|(lines, file)| format!("{}: {lines} lines", file.display()))
        .collect();
    assert_none("a file has at most 700 lines", &wrong);
}

#[test]
fn nothing_is_left_unfinished() {
    // Put together here, so that this file does not find itself.
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X "),
        concat!("todo", "!("),
        concat!("unimple", "mented!("),
    ];
    let mut wrong = Vec::new();
    for ending in [".rs", ".php", ".mustache", ".md", ".toml", "Makefile"] {
        for file in files_ending(ending) {
            for (number, line) in read(&file).lines().enumerate() {
                if words.iter().any(|word| line.contains(word)) {
                    wrong.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
                }
            }
        }
    }
    assert_none("unfinished work", &wrong);
}

#[test]
fn the_core_and_the_extension_unwrap_nothing() {
    let mut wrong = Vec::new();
    for file in files_ending(".rs") {
        let ours = file.starts_with("vmoodle-core/src") || file.starts_with("vmoodle-php/src");
        if !ours || file.ends_with("tests.rs") {
            continue;
        }
        let text = read(&file);
        let code = text.split("#[cfg(test)]").next().unwrap();
        for (number, line) in code.lines().enumerate() {
            if line.contains(".unwrap()") && !line.trim_start().starts_with("//") {
                wrong.push(format!("{}:{}", file.display(), number + 1));
            }
        }
    }
    assert_none("unwrap outside tests", &wrong);
}

#[test]
fn no_file_names_a_folder_of_somebodys_machine() {
    let work = concat!("/wo", "rk/");
    let moodle = concat!("/opt", "/moodle");
    let home = concat!("/ro", "ot/");
    let mut wrong = Vec::new();
    for file in files() {
        if file == Path::new("Cargo.lock") {
            continue;
        }
        let Ok(text) = String::from_utf8(std::fs::read(support::root::workspace().join(&file)).unwrap()) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            // The default of MOODLE_DIR is said where it is said that it is one.
            let default = line.contains(moodle) && line.contains("MOODLE_DIR");
            let named = line.contains(work) || line.contains(home) || line.contains(moodle);
            if named && !default {
                wrong.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
            }
        }
    }
    assert_none("folders of one machine", &wrong);
}
