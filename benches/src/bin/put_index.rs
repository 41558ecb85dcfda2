//! `put_index PATH COUNT`: writes an index of COUNT tenants.

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("a path");
    let count = arguments.next().and_then(|count| count.parse().ok()).expect("a number");
    vmoodle_benches::put_index(path.as_ref(), count, 1);
}
