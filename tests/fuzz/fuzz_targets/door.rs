//! The request door: host, headers, target and method as arbitrary bytes against one farm.
#![no_main]

use std::sync::{LazyLock, Mutex};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use vmoodle_core::farm::Farm;
use vmoodle_core::gate::Gate;
use vmoodle_core::resolve::RequestFacts;
use vmoodle_fuzz::{farm, invariants};

#[derive(Arbitrary, Debug)]
struct Request<'a> {
    host: Option<&'a [u8]>,
    uri: Option<&'a [u8]>,
    forwarded_host: Option<&'a [u8]>,
    forwarded_port: Option<&'a [u8]>,
    trusted: bool,
    server_name: Option<&'a [u8]>,
    server_port: Option<&'a [u8]>,
    method: Option<&'a [u8]>,
    remote_addr: Option<&'a [u8]>,
}

// The folder goes when the process does.
static DOOR: LazyLock<(Mutex<Gate>, Farm, TempDir)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    (Mutex::new(farm::gate(folder.path())), farm::farm(), folder)
});

fuzz_target!(|request: Request<'_>| {
    let facts = RequestFacts {
        host: request.host,
        server_name: request.server_name,
        server_port: request.server_port,
        uri: request.uri,
        method: request.method,
        remote_addr: if request.trusted { Some(b"10.1.2.3") } else { request.remote_addr },
        forwarded_host: request.forwarded_host,
        forwarded_port: request.forwarded_port,
    };
    let (gate, farm, _) = &*DOOR;
    let mut gate = gate.lock().expect("no other thread");
    invariants::door(&mut gate, farm, facts);
    if let Some(name) = request.host {
        invariants::command_line(&mut gate, farm, name);
    }
});
