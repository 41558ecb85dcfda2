//! Stored values: any octets, bare and in base64, and values that begin as PHP's do, with any text replaced in them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vmoodle_fuzz::invariants;

fuzz_target!(|input: (&[u8], &[u8])| invariants::serialized(input.0, input.1));
