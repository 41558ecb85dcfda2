//! Scripts of SQL: any text, cut as each engine's client cuts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vmoodle_fuzz::invariants;

fuzz_target!(|text: &str| invariants::sql(text));
