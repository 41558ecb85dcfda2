//! The index: arbitrary bytes, damaged files, and damaged files whose checksum was made to fit.
#![no_main]

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use vmoodle_core::farm::FarmId;
use vmoodle_fuzz::{farm, invariants};

#[derive(Arbitrary, Debug)]
enum File<'a> {
    Arbitrary(&'a [u8]),
    Damaged { changes: Vec<(u16, u8)>, length: Option<u16>, tail: &'a [u8] },
    Forged { changes: Vec<(u16, u8)>, length: Option<u16>, tail: &'a [u8] },
}

static GOOD: LazyLock<(Vec<u8>, FarmId, TempDir)> =
    LazyLock::new(|| (farm::index_bytes(), farm::farm().id, tempfile::tempdir().expect("a folder")));

fn damaged(changes: &[(u16, u8)], length: Option<u16>, tail: &[u8]) -> Vec<u8> {
    let mut bytes = GOOD.0.clone();
    for (at, byte) in changes {
        let at = usize::from(*at) % bytes.len();
        bytes[at] = *byte;
    }
    bytes.truncate(length.map_or(usize::MAX, usize::from));
    bytes.extend_from_slice(tail);
    bytes
}

fuzz_target!(|file: File<'_>| {
    let bytes = match file {
        File::Arbitrary(bytes) => bytes.to_vec(),
        File::Damaged { changes, length, tail } => damaged(&changes, length, tail),
        File::Forged { changes, length, tail } => {
            let mut bytes = damaged(&changes, length, tail);
            invariants::forge_checksum(&mut bytes);
            bytes
        }
    };
    invariants::index(GOOD.2.path(), GOOD.1, &bytes);
});
