//! Whoever looks at the machine while tenants are made: the command lines that `ps` shows to everybody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use support::wait;

/// Looks at every process that this program has started, again and again.
pub(crate) struct Watch {
    over: Arc<AtomicBool>,
    looking: JoinHandle<BTreeSet<String>>,
}

impl Watch {
    pub(crate) fn start() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let ends = over.clone();
        let looking = std::thread::spawn(move || {
            let mut seen = BTreeSet::new();
            wait::holds_within(Duration::from_mins(10), || {
                let last = ends.load(Ordering::Relaxed);
                look(&mut seen);
                last
            });
            seen
        });
        Self { over, looking }
    }

    /// The command lines that were there.
    pub(crate) fn end(self) -> BTreeSet<String> {
        self.over.store(true, Ordering::Relaxed);
        self.looking.join().unwrap()
    }
}

fn look(seen: &mut BTreeSet<String>) {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let numbers: Vec<u32> = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let parents: BTreeMap<u32, u32> = numbers.iter().filter_map(|number| Some((*number, parent(*number)?))).collect();
    let own = std::process::id();
    let is_ours = |number: &u32| {
        let line = std::iter::successors(Some(*number), |number| parents.get(number).copied().filter(|up| *up > 1));
        line.skip(1).take(50).any(|up| up == own)
    };
    for number in numbers.iter().filter(|number| is_ours(number)) {
        // One that has just ended has none any more.
        let line = std::fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        if !line.is_empty() {
            seen.insert(String::from_utf8_lossy(&line).replace('\0', " "));
        }
    }
}

/// The parent of a process: the second word behind its name, which stands in brackets and may hold anything.
fn parent(number: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
