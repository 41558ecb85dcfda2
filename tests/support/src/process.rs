//! Servers that a test program starts: they end with their value, and at the latest with the program.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use crate::{need, wait};

/// How a server is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// SIGTERM: php-fpm and nginx, which take their workers with them.
    Term,
    /// SIGQUIT: PostgreSQL's "immediate" end, which frees its shared memory.
    Quit,
    /// SIGKILL: servers whose data nobody wants.
    Kill,
}

impl Stop {
    fn word(self) -> &'static str {
        match self {
            Self::Term => "TERM",
            Self::Quit => "QUIT",
            Self::Kill => "KILL",
        }
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    stop: Stop,
}

impl Server {
    /// Starts `program` as `user` (`None`: as whoever runs the tests), its output going to the file `log`.
    ///
    /// The kernel sends it `stop` when this process ends, however that happens.
    pub fn start<S: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = S>,
        user: Option<&str>,
        log: &Path,
        stop: Stop,
    ) -> Self {
        let mut command = as_user(user, stop);
        command.arg("--").arg(program).args(arguments);
        let output = std::fs::File::options().create(true).append(true).open(log).unwrap();
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        Self { child: launch(command), stop }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal, given by its short name such as `USR2`.
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Ends it, and waits until it has ended.
    pub fn end(&mut self) {
        if !self.runs() {
            return;
        }
        self.signal(self.stop.word());
        if !wait::holds_within(Duration::from_secs(10), || !self.runs()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Sends a signal to a process of one's own.
pub fn signal(pid: u32, name: &str) {
    let _ = Command::new("sh").arg("-c").arg(format!("kill -{name} {pid}")).stderr(Stdio::null()).status();
}

/// Runs a command to its end and gives its standard output.
///
/// # Panics
/// When it fails, with what it wrote.
pub fn output(command: &mut Command) -> String {
    let result = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&result.stdout).into_owned();
    assert_success(&format!("{command:?}"), result.status, &text, &result.stderr);
    text
}

/// Runs a command with `input` on its standard input and gives its standard output.
///
/// # Panics
/// When it fails.
pub fn output_of_input(command: &mut Command, input: &[u8]) -> String {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("piped");
    // Written beside the reading: a program may answer before it has read all.
    let result = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    });
    let text = String::from_utf8_lossy(&result.stdout).into_owned();
    assert_success(&format!("{command:?}"), result.status, &text, &result.stderr);
    text
}

/// Runs a database client with the unpacked `dump` (zstd) as its standard input.
///
/// # Panics
/// When the client or `zstd` fails.
pub(crate) fn output_of_dump(client: &mut Command, dump: &Path) -> String {
    let mut zstd = Command::new("zstd").arg("-dcq").arg(dump).stdout(Stdio::piped()).spawn().expect("zstd runs");
    let text = output(client.stdin(zstd.stdout.take().expect("piped")));
    assert!(zstd.wait().unwrap().success(), "zstd -d {}", dump.display());
    text
}

fn assert_success(what: &str, status: ExitStatus, stdout: &str, stderr: &[u8]) {
    assert!(status.success(), "{what}\n{status}\n{stdout}\n{}", String::from_utf8_lossy(stderr));
}

/// Whether this process is root, who may (and for PostgreSQL must) start servers as somebody else.
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|facts| facts.uid() == 0)
}

/// `setpriv` up to its own options: as `user`, and with `stop` as the signal sent when this process ends.
fn as_user(user: Option<&str>, stop: Stop) -> Command {
    let mut command = Command::new(need::program("setpriv").expect("util-linux is installed"));
    if let Some(user) = user {
        command.args([&format!("--reuid={user}"), &format!("--regid={user}")]);
        command.arg("--init-groups");
    }
    command.args(["--pdeathsig", stop.word()]);
    command
}

/// Spawns from a thread that lives as long as the process.
///
/// The kernel takes "parent" in `PR_SET_PDEATHSIG` as the thread that forked, and the test harness gives each test a
/// thread of its own: a shared server would end with the first test that used it.
fn launch(command: Command) -> Child {
    type Order = (Command, Sender<std::io::Result<Child>>);
    static LAUNCHER: OnceLock<Sender<Order>> = OnceLock::new();
    let launcher = LAUNCHER.get_or_init(|| {
        let (orders, inbox) = channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in inbox {
                let _ = answer.send(command.spawn());
            }
        });
        orders
    });
    let (answer, result) = channel();
    let shown = format!("{command:?}");
    launcher.send((command, answer)).expect("the launcher never ends");
    result.recv().expect("the launcher always answers").unwrap_or_else(|error| panic!("{shown}: {error}"))
}

/// A TCP port of 127.0.0.1 that was free a moment ago.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .unwrap()
}
