//! PHP as a program that does not outlive whoever started it.

use std::path::Path;

use tokio::process::Command;

/// Where the program stands that lets a child be asked to end when its parent is gone.
const SETPRIV: &[&str] = &["/usr/bin/setpriv", "/bin/setpriv"];

/// PHP, asked to end (SIGTERM) when the runner that started it is gone, however that was.
///
/// A runner that is killed (kill -9) must leave no process behind that goes on in a database which the next runner empties:
/// only the child itself can ask the kernel for that.
pub(crate) fn command(php: &str) -> Command {
    match SETPRIV.iter().find(|path| Path::new(path).exists()) {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "TERM", "--"]).arg(php);
            command
        }
        None => Command::new(php),
    }
}
