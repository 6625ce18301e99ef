//! A redis server of a test's own.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A running `redis-server` on a free port of 127.0.0.1. It is killed when this is dropped.
pub(crate) struct RedisServer {
    process: Child,
    port: u16,
    settings: Vec<String>,
    folder: TempDir,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// A server with settings besides the port, as on redis' command line.
    pub(crate) fn with(settings: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
        loop {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if let Some(process) = run(port, &settings, folder.path()) {
                return Self { process, port, settings, folder };
            }
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Where the server makes its unix socket, if it is told `--unixsocket redis.sock`.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }

    /// Another client's connection, for what guests cannot do.
    pub(crate) fn client(&self) -> redis::Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts the server again, on its port and with its folder. Returns when it listens.
    pub(crate) fn start_again(&mut self) {
        self.process = run(self.port, &self.settings, self.folder.path()).expect("the port is still free");
    }

    /// Stops the process without closing anything (SIGSTOP).
    pub(crate) fn freeze(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `None` when somebody else took the port in between.
fn run(port: u16, settings: &[String], folder: &Path) -> Option<Child> {
    let mut process = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string(), "--dir"])
        .arg(folder)
        .args(settings)
        .stdout(Stdio::piped())
        .spawn()
        .expect("redis-server is installed");
    let mut log = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
    if log.any(|line| line.contains("Ready to accept connections")) {
        std::thread::spawn(move || log.for_each(drop)); // a full pipe would stop the server
        return Some(process);
    }
    process.wait().unwrap();
    None
}
