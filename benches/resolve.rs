//! A request's look-up in Rust: from the bytes of the Host header to the tenant, for 10 to 100,000 tenants.
#![allow(missing_docs, reason = "criterion's macros make the entry point")]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use vmoodle_benches::{control, host, put_index};
use vmoodle_core::gate::Gate;
use vmoodle_core::resolve::{Caller, RequestFacts};
use vmoodle_core::settings::{Given, Settings};

fn resolve(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("resolve");
    for count in [10, 1_000, 10_000, 100_000] {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = Settings::new(Given::default(), folder.path().to_str().expect("a path")).expect("settings");
        put_index(&settings.index, count, 1);
        let mut gate = Gate::new(control(), settings).expect("a gate");
        let hosts: Vec<String> = (0..64).map(|n| host(1 + n * count / 64)).collect();
        let mut turn = hosts.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| {
                let host = turn.next().map(String::as_bytes);
                let facts = RequestFacts { host, uri: Some(b"/course/view.php?id=2"), ..RequestFacts::default() };
                assert_eq!(gate.resolve(&Caller::Web(facts)).status(), 200);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, resolve);
criterion_main!(benches);
