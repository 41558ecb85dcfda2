//! Everything points down: which room of the core may import which.

use std::collections::BTreeMap;

use crate::{assert_none, files, read};

/// The floor of each room of `vmoodle-core/src`; a room imports lower floors only.
const FLOORS: &[(&str, u8)] = &[
    // Words.
    ("error", 0),
    ("host", 1),
    ("nearest", 1),
    ("secret", 1),
    ("warning", 1),
    ("ident", 2),
    ("overrides", 3),
    ("parameter", 3),
    ("settings", 3),
    ("tenant", 4),
    ("sqlscript", 5),
    ("targets", 5),
    ("farm", 6),
    ("control", 7),
    // What reads and writes, without knowing Moodle's tables.
    ("db", 8),
    ("files", 8),
    ("index", 8),
    ("configphp", 8),
    ("switch", 9),
    // What knows them.
    ("moodle", 9),
    ("registry", 10),
    ("snapshot", 10),
    ("nodes", 10),
    ("fleet", 10),
    ("resolve", 10),
    // What changes tenants, and what runs it.
    ("steps", 10),
    ("lifecycle", 11),
    ("mnet", 11),
    ("operation", 12),
    ("job", 13),
    ("cron", 13),
    ("query", 13),
    // The two doors.
    ("gate", 14),
    ("console", 14),
];

/// Rooms of the request door, which opens no socket.
const NO_SOCKET: &[&str] = &["index", "switch", "resolve", "gate"];

/// Rooms that open them.
const SOCKETS: &[&str] =
    &["db", "registry", "moodle", "steps", "operation", "lifecycle", "mnet", "job", "cron", "query", "console"];

/// The room of a file and the rooms that it imports outside its own tests.
fn imports() -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for file in files() {
        let Ok(inside) = file.strip_prefix("vmoodle-core/src") else { continue };
        let first = inside.iter().next().unwrap().to_string_lossy().into_owned();
        let room = first.trim_end_matches(".rs").to_owned();
        if room == "lib" || file.ends_with("tests.rs") || !file.to_string_lossy().ends_with(".rs") {
            continue;
        }
        let text = read(&file);
        let code = text.split("#[cfg(test)]").next().unwrap();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for rest in line.split("crate::").skip(1) {
                let grouped = rest.strip_prefix('{').map(|inside| inside.split('}').next().unwrap());
                for path in grouped.unwrap_or(rest).split(',').take(if grouped.is_some() { usize::MAX } else { 1 }) {
                    let name: String =
                        path.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                    // `crate::Error` and `crate::Result` are the front door's names for the lowest room's.
                    let name = if name.starts_with(char::is_uppercase) { "error".to_owned() } else { name };
                    found.push((file.display().to_string(), room.clone(), name));
                }
            }
        }
    }
    assert!(!found.is_empty(), "no imports found: has the core moved?");
    found
}

#[test]
fn every_room_imports_lower_floors_only() {
    let floors: BTreeMap<&str, u8> = FLOORS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (file, room, imported) in imports() {
        let (Some(own), Some(other)) = (floors.get(room.as_str()), floors.get(imported.as_str())) else {
            wrong.push(format!("{file}: `{room}` or `{imported}` has no floor in this table"));
            continue;
        };
        if room != imported && other >= own {
            wrong.push(format!("{file}: `{room}` (floor {own}) imports `{imported}` (floor {other})"));
        }
    }
    assert_none("imports must point down", &wrong);
}

#[test]
fn the_request_door_imports_nothing_that_opens_a_socket() {
    let wrong: Vec<String> = imports()
        .into_iter()
        .filter(|(_, room, imported)| NO_SOCKET.contains(&room.as_str()) && SOCKETS.contains(&imported.as_str()))
        .map(|(file, room, imported)| format!("{file}: `{room}` imports `{imported}`"))
        .collect();
    assert_none("the request door opens no socket", &wrong);
}

#[test]
fn unsafe_code_stands_in_one_file_of_the_core() {
    let wrong: Vec<String> = files()
        .into_iter()
        .filter(|file| !file.starts_with("vmoodle-php") && !file.ends_with("index/map.rs"))
        .filter(|file| file.to_string_lossy().ends_with(".rs") && !file.starts_with("tests/tidy"))
        .filter(|file| read(file).contains("allow(unsafe_code)"))
        .map(|file| file.display().to_string())
        .collect();
    assert_none("unsafe code belongs in vmoodle-core/src/index/map.rs and vmoodle-php", &wrong);
}
