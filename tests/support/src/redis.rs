//! A private Redis server.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::need::{self, Need, program};
use crate::process::{Server, Stop, free_port, output};
use crate::scratch::Scratch;
use crate::wait;

/// A server that keeps nothing on disk.
#[derive(Debug)]
pub struct Redis {
    // Held for its drop, before the folder goes.
    _server: Server,
    folder: Scratch,
    port: u16,
}

impl Redis {
    /// Starts one; `None` (said on stderr) where Redis is not installed.
    pub fn start() -> Option<Self> {
        need::all(&[Need::Redis])?;
        let folder = Scratch::new("redis");
        let port = free_port();
        let arguments = [
            "--port".to_owned(),
            port.to_string(),
            "--bind".to_owned(),
            "127.0.0.1".to_owned(),
            "--unixsocket".to_owned(),
            folder.join("socket").display().to_string(),
            "--dir".to_owned(),
            folder.path().display().to_string(),
            "--save".to_owned(),
            String::new(),
            "--appendonly".to_owned(),
            "no".to_owned(),
        ];
        let redis = Self {
            _server: Server::start(
                &program("redis-server").expect("needed"),
                arguments,
                None,
                &folder.join("log"),
                Stop::Kill,
            ),
            folder,
            port,
        };
        wait::until(Duration::from_secs(20), "redis-server", || {
            redis.client().arg("PING").output().is_ok_and(|answer| answer.stdout.starts_with(b"PONG"))
        });
        Some(redis)
    }

    /// The one server of this test program.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Redis>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// The unix socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// The TCP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs one command and gives what `redis-cli` printed.
    pub fn run(&self, words: &[&str]) -> String {
        output(self.client().args(words))
    }

    fn client(&self) -> Command {
        let mut command = Command::new(program("redis-cli").expect("needed"));
        command.arg("-s").arg(self.socket());
        command
    }
}
