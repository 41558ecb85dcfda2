//! Figures of one run: paired, so that a noisy machine shows in the spread and not in the ratio.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use crate::engine;

/// A median with the smallest and the largest value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The middle one.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// What a quarter of the values lies below.
    pub lower: f64,
    /// What a quarter of the values lies above.
    pub upper: f64,
}

impl Spread {
    /// The spread of some values.
    ///
    /// # Panics
    /// Without any.
    pub fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |share: usize| sorted[(sorted.len() - 1) * share / 4];
        Self { median: sorted[sorted.len() / 2], min: at(0), max: at(4), lower: at(1), upper: at(3) }
    }

    /// As `median (min to max)` with so many decimals.
    pub fn show(self, decimals: usize) -> String {
        format!("{:.decimals$} ({:.decimals$} to {:.decimals$})", self.median, self.min, self.max)
    }
}

/// Runs two measurements in turn and gives the values of both. Each begins every other pair, so that a machine that gets
/// slower or faster all the time favours neither.
pub fn alternate(pairs: usize, mut one: impl FnMut() -> f64, mut other: impl FnMut() -> f64) -> (Vec<f64>, Vec<f64>) {
    let pair = |number: usize| {
        if number.is_multiple_of(2) {
            let first = one();
            (first, other())
        } else {
            let first = other();
            (one(), first)
        }
    };
    (0..pairs).map(pair).unzip()
}

/// Where the median of all that could have been measured lies, 95 times of 100: the values at the places that the sign
/// test gives, by the normal approximation of the binomial distribution. For 20 values or more.
///
/// # Panics
/// Without any.
pub fn median_between(values: &[f64]) -> (f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
    let low = ((sorted.len() as f64 / 2.0) - 0.98 * (sorted.len() as f64).sqrt()).floor().max(1.0) as usize - 1;
    (sorted[low], sorted[sorted.len() - 1 - low])
}

/// The ratios of pairs.
pub fn ratios(ones: &[f64], others: &[f64]) -> Vec<f64> {
    ones.iter().zip(others).map(|(one, other)| one / other).collect()
}

/// A table of figures, printed and, where `VMOODLE_RUN` names a folder, kept there with every single value: what there is by
/// then, where a bench is broken off.
#[derive(Debug)]
pub struct Report {
    bench: String,
    summary: String,
    raw: String,
}

impl Report {
    /// An empty one, with what tells the machine.
    pub fn new(bench: &str, about: &str) -> Self {
        let mut summary = format!("# {bench}\n\n{about}\n\n");
        let arguments: Vec<String> = std::env::args().skip(1).filter(|one| one != "--bench").collect();
        if !arguments.is_empty() {
            let _ = writeln!(summary, "Arguments of this run, behind `--`: `{}`.\n", arguments.join(" "));
        }
        let _ = writeln!(summary, "Machine: {}.\n", machine());
        let engine = engine().map_or_else(String::new, |engine| format!("-{}", engine.dbtype()));
        Self { bench: format!("{bench}{engine}"), summary, raw: "what,value\n".into() }
    }

    /// A line of text.
    pub fn say(&mut self, line: &str) {
        println!("{line}");
        let _ = writeln!(self.summary, "{line}");
        self.store();
    }

    /// The single values of a measurement.
    pub fn keep(&mut self, what: &str, values: &[f64]) {
        for value in values {
            let _ = writeln!(self.raw, "{what},{value}");
        }
    }

    fn store(&self) {
        // Cargo runs a bench in its package's folder: the path is meant from the project's root.
        let given = std::env::var_os("VMOODLE_RUN").map(PathBuf::from);
        let Some(folder) = given.map(|folder| support::root::workspace().join(folder)) else { return };
        let written = std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(folder.join(format!("{}.md", self.bench)), &self.summary))
            .and_then(|()| std::fs::write(folder.join(format!("{}.csv", self.bench)), &self.raw));
        if let Err(e) = written {
            println!("the figures were not kept: {e}");
        }
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        self.say(&format!("\nLoad at the end: {}", load.trim()));
    }
}

fn machine() -> String {
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).and_then(|line| line.split(": ").nth(1));
    let count = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let version = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output().map(|o| o.stdout).unwrap_or_default();
        String::from_utf8_lossy(&output).lines().next().unwrap_or_default().to_owned()
    };
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{count} x {}; {}; {}; {}; load at the start {}",
        model.unwrap_or("unknown"),
        version("php", &["--version"]),
        version("mariadbd", &["--version"]),
        version("rustc", &["--version"]),
        load.trim(),
    )
}
