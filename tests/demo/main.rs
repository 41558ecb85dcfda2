//! `make demo`: a farm with servers of its own, asked what a visitor, a curious one and an attacker would ask.
//!
//! It is Moodle itself where `MOODLE_DIR` has one and `VMOODLE_DUMPS` names databases for it, else the small stand-in
//! site of `tests/fixtures/minimoodle`. Exit code 0 when every answer is as specified.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod answer;
mod stage;

use std::process::ExitCode;

use answer::{Report, cases};
use stage::Stage;
use support::need::{self, Need};

fn main() -> ExitCode {
    let keep = std::env::args().any(|argument| argument == "--keep");
    let needed = [Need::Php, Need::Fpm, Need::Nginx, Need::MariaDb];
    if need::all(&needed).is_none() {
        println!("The demo cannot run here: `make setup` says what is missing.");
        return ExitCode::FAILURE;
    }

    let mut stage = Stage::set();
    let mut report = Report::default();
    report.round("With everything running", &cases(&stage), &stage);
    stage.stop_control_database();
    report.round("With the control site's database server killed", &cases(&stage), &stage);
    report.verdict();

    if keep {
        stage.start_control_database();
        stage.invite();
    }
    println!("Stopping the servers.");
    if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
