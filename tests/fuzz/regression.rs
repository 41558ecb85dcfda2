//! The invariants of the fuzz targets over a corpus of our own, so that they hold wherever the tests run.
//!
//! The corpus is made here: the shared cases of host names, whole and with bytes changed, and the index of that farm with
//! bytes changed. `cargo fuzz` looks further (README.md).
#![allow(clippy::unwrap_used, unreachable_pub)]

#[path = "src/farm.rs"]
mod farm;
#[path = "src/invariants.rs"]
mod invariants;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use support::scratch::Scratch;
use vmoodle_core::farm::Farm;
use vmoodle_core::gate::Gate;
use vmoodle_core::resolve::RequestFacts;

/// What a request may say, in the order in which it is drawn.
const HEADERS: [&str; 8] = [
    "HTTP_HOST",
    "REQUEST_URI",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "SERVER_NAME",
    "SERVER_PORT",
    "REQUEST_METHOD",
    "REMOTE_ADDR",
];

type Request = Vec<Option<Vec<u8>>>;

/// The door and what it must know.
struct Door {
    gate: Gate,
    farm: Farm,
    // The index is in it.
    _folder: Scratch,
}

impl Door {
    fn new(test: &str) -> Self {
        let folder = Scratch::new(test);
        Self { gate: farm::gate(folder.path()), farm: farm::farm(), _folder: folder }
    }

    fn try_with(&mut self, request: &Request) {
        let get = |number: usize| request[number].as_deref();
        let facts = RequestFacts {
            host: get(0),
            uri: get(1),
            forwarded_host: get(2),
            forwarded_port: get(3),
            server_name: get(4),
            server_port: get(5),
            method: get(6),
            remote_addr: get(7),
        };
        invariants::door(&mut self.gate, &self.farm, facts);
        if let Some(name) = facts.host {
            invariants::command_line(&mut self.gate, &self.farm, name);
        }
    }
}

/// The requests of the shared cases.
fn seeds() -> Vec<Request> {
    let cases = farm::hosts()["cases"].as_array().unwrap().clone();
    let text = |case: &serde_json::Value, name| case["server"][name].as_str().map(|text| text.as_bytes().to_vec());
    cases.iter().map(|case| HEADERS.iter().map(|name| text(case, *name)).collect()).collect()
}

/// A text near those that mean something: bytes replaced, put in and taken out, or another text's end.
fn near(text: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let odd = select(b"./:%?#*[]@-_ \0\t\r\n\xff0aZ".to_vec());
    vec((any::<prop::sample::Index>(), odd, 0u8..4), 0..4).prop_map(move |changes| {
        let mut text = text.clone();
        for (at, byte, how) in changes {
            let at = at.index(text.len() + 1);
            match how {
                0 if at < text.len() => text[at] = byte,
                1 if at < text.len() => {
                    text.remove(at);
                }
                2 => text.truncate(at),
                _ => text.insert(at, byte),
            }
        }
        text
    })
}

/// One header: a seed's own or another's, as it is or nearly so; or any bytes; or none.
fn header(number: usize) -> impl Strategy<Value = Option<Vec<u8>>> {
    let known: Vec<Vec<u8>> = seeds().iter().filter_map(|seed| seed[number].clone()).collect();
    prop_oneof![
        6 => select(known).prop_flat_map(near).prop_map(Some),
        1 => vec(any::<u8>(), 0..40).prop_map(Some),
        2 => Just(None),
    ]
}

#[test]
fn the_door_holds_for_every_shared_case() {
    let mut door = Door::new("fuzz_seeds");
    let seeds = seeds();
    // Each host with each path too.
    for host in &seeds {
        for path in &seeds {
            let mut request = host.clone();
            request[1].clone_from(&path[1]);
            door.try_with(&request);
        }
    }
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
fn the_door_holds_for_requests_near_and_far_from_those() {
    let door = RefCell::new(Door::new("fuzz_door"));
    let headers: Vec<_> = (0..HEADERS.len()).map(header).map(Strategy::boxed).collect();
    proptest!(config(8192), |(request in headers)| {
        door.borrow_mut().try_with(&request);
    });
}

#[test]
fn no_file_is_served_with_one_byte_changed_or_missing() {
    let folder = Scratch::new("fuzz_flip");
    let (good, id) = (farm::index_bytes(), farm::farm().id);
    assert!(invariants::index(folder.path(), id, &good));
    let mut served = Vec::new();
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0x41;
        if invariants::index(folder.path(), id, &bytes) {
            served.push(at);
        }
        if at % 7 == 0 {
            assert!(!invariants::index(folder.path(), id, &good[..at]), "cut at {at}");
        }
    }
    // What stands outside of the checksum: the mark that a newer index is there, and what is reserved.
    assert!(served.iter().all(|at| (12..16).contains(at) || (48..64).contains(at)), "{served:?}");
}

#[test]
fn a_damaged_file_whose_checksum_was_made_to_fit_crashes_nobody() {
    let folder = Scratch::new("fuzz_forged");
    let (good, id) = (farm::index_bytes(), farm::farm().id);
    let changes = vec((any::<prop::sample::Index>(), any::<u8>()), 1..6);
    proptest!(config(2048), |(changes in changes, cut in proptest::option::weighted(0.1, any::<prop::sample::Index>()))| {
        let mut bytes = good.clone();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        invariants::forge_checksum(&mut bytes);
        let served = catch_unwind(AssertUnwindSafe(|| invariants::index(folder.path(), id, &bytes)));
        // rkyv 0.8.18 adds to a table's capacity before it refuses it (swiss_table/table.rs, probe_cap): with overflow
        // checks, which a release build does not have, that is a panic.
        if let Err(panic) = served {
            prop_assert_eq!(panic.downcast_ref::<&str>(), Some(&"attempt to add with overflow"));
        }
    });
}

#[test]
fn bytes_that_are_no_index_are_served_to_nobody() {
    let folder = Scratch::new("fuzz_bytes");
    let id = farm::farm().id;
    proptest!(config(512), |(bytes in vec(any::<u8>(), 0..300))| {
        assert!(!invariants::index(folder.path(), id, &bytes));
    });
}

/// What scripts are made of, and what has been found.
const PIECES: &[&str] = &[
    "SELECT",
    "select",
    "1",
    "'",
    "\"",
    "`",
    "''",
    "\\",
    ";",
    ";;",
    "--",
    "-- ",
    "#",
    "/*",
    "*/",
    "/*!",
    "/*!50003",
    "/*M!",
    "$$",
    "$a$",
    "$1",
    "E'",
    "U&'",
    "(",
    ")",
    "{config}",
    "{",
    "}",
    "[[?a]]",
    "[[?",
    "\n",
    " ",
    "\u{b}",
    "DELIMITER //\n",
    "//",
    "delimiter ;\n",
    "begin",
    "end",
    "case",
    "create",
    "function",
    "or",
    "replace",
    "insert",
    "delete",
    "from",
    "where",
    "into",
    "outfile",
    "🌞",
    "é",
    ".",
    ",",
    "@@global",
    "?",
    "commit",
    "with",
    "for update",
    "lo_import(",
    "drop",
    "+",
    "\0",
];

#[test]
fn scripts_of_sql_are_refused_or_cut_whole() {
    for found in [
        "select 1 --;",
        "/*! a; b */",
        "create function f() begin; end; x",
        "E'a'\n-- b\n'\\';'",
        "select 1;\\G",
        "--;",
    ] {
        invariants::sql(found);
    }
    proptest!(config(4096), |(pieces in vec((select(PIECES.to_vec()), any::<bool>()), 0..24))| {
        let text: String = pieces.iter().map(|(piece, blank)| format!("{piece}{}", if *blank { " " } else { "" })).collect();
        invariants::sql(&text);
    });
}

/// What stored values are made of.
const PARTS: &[&str] = &[
    "a:1:{",
    "a:2:{",
    "i:0;",
    "i:1;",
    "s:3:\"old\";",
    "s:5:\"l'ol\";",
    "s:0:\"\";",
    "s:99:\"old\";",
    "O:8:\"stdClass\":1:{",
    "}",
    "N;",
    "b:1;",
    "d:0.1;",
    "R:2;",
    "C:3:\"Old\":4:{old;}",
    "E:8:\"Suit:old\";",
    "old",
    "ol",
    "d",
    "\"",
    ";",
    "YTowOnt9",
    "Tzo4",
    "czozOiJvbGQiOw==",
    "🌞",
    "\0",
    "s:12:\"s:3:\"old\";x\";",
];

#[test]
fn stored_values_stay_as_whole_as_they_were() {
    for (value, search) in [
        ("s:3:\"old\";", "old"),
        ("a:1:{i:0;s:3:\"old\";}", ":"),
        ("YToxOntpOjA7czozOiJvbGQiO30=", "old"),
        ("ss:1:\"o\";", "s"),
        ("", ""),
    ] {
        invariants::serialized(value.as_bytes(), search.as_bytes());
    }
    let search = select(vec!["old", "o", "l'", ":", "\"", ";", "}", "s", "🌞", ""]);
    proptest!(config(4096), |(parts in vec(select(PARTS.to_vec()), 0..12), search in search)| {
        invariants::serialized(parts.concat().as_bytes(), search.as_bytes());
    });
    proptest!(config(2048), |(octets in vec(any::<u8>(), 0..60), search in vec(any::<u8>(), 0..3))| {
        invariants::serialized(&octets, &search);
    });
}
