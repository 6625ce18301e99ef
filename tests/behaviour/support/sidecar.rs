//! The program, started with a configuration of the test's own, on ports that the kernel chose.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde_json::Value;
use tempfile::TempDir;

use super::client::{Client, Reply, request};

/// How long anything may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The line that a sidecar logs when it serves, as text and as JSON.
const READY: &[&str] = &[" ready ", r#""message":"ready""#];

/// A running `outrigger run`.
pub struct Sidecar {
    child: Child,
    admin: SocketAddr,
    /// What it wrote to stderr.
    log: Lines,
    /// What it wrote to stdout: the access log.
    access_log: Lines,
    folder: TempDir,
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Sidecar {
    /// Starts it and waits until it is ready. `GUEST(name)` in the configuration becomes the path of an example guest;
    /// the admin server gets a free port.
    pub async fn start(configuration: &str) -> Self {
        Self::start_with(configuration, &[]).await
    }

    /// As [`start`](Self::start), with further arguments.
    pub async fn start_with(configuration: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("outrigger.yaml");
        fs::write(&file, with_guests(configuration)).expect("a configuration");
        let address_file = folder.path().join("admin");
        let mut child = Command::new(env!("CARGO_BIN_EXE_outrigger"))
            .args(["run", "--admin", "127.0.0.1:0", "--config"])
            .arg(&file)
            .arg("--admin-address-path")
            .arg(&address_file)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (log, ready) = Lines::reading(child.stderr.take().expect("its stderr"), READY);
        let (access_log, _) = Lines::reading(child.stdout.take().expect("its stdout"), &[]);
        let waited = tokio::task::spawn_blocking(move || ready.recv_timeout(PATIENCE)).await.expect("a thread");
        assert!(waited.is_ok(), "the sidecar was not ready in time: {:?}\n{}", child.try_wait(), log.text());
        let admin = fs::read_to_string(&address_file).expect("the admin address");
        let admin = admin.trim().parse().expect("an address");
        Self { child, admin, log, access_log, folder }
    }

    /// The admin server's address.
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// The address of a listener.
    pub async fn listener(&self, name: &str) -> SocketAddr {
        let listeners = self.admin_get("/listeners").await.json();
        let found = listeners["listeners"].as_array().expect("a list").iter().find(|listener| listener["name"] == name);
        let address = found.unwrap_or_else(|| panic!("no listener `{name}`: {listeners}"))["address"].as_str();
        let address: SocketAddr = address.expect("a text").parse().expect("an address");
        SocketAddr::from(([127, 0, 0, 1], address.port()))
    }

    /// A new client of the listener `business`.
    pub async fn client(&self) -> Client {
        Client::connect(self.listener("business").await).await
    }

    /// One request to the listener `business` on a connection of its own: method, target, header fields, body.
    pub async fn send(&self, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) -> Reply {
        request(self.listener("business").await, method, target, fields, body).await
    }

    /// `GET` of a target that a function is to answer.
    pub async fn call(&self, function: &str, target: &str) -> Reply {
        self.send("GET", target, &[("id", function)], b"").await
    }

    pub async fn admin_get(&self, path: &str) -> Reply {
        request(self.admin, "GET", path, &[], b"").await
    }

    pub async fn admin_post(&self, path: &str, body: &str) -> Reply {
        request(self.admin, "POST", path, &[("content-type", "application/json")], body.as_bytes()).await
    }

    /// `GET /functions/{id}`, which must be there.
    pub async fn function(&self, id: &str) -> Value {
        let reply = self.admin_get(&format!("/functions/{id}")).await;
        assert_eq!(reply.status, 200, "function `{id}`: {}", reply.text());
        reply.json()
    }

    /// The value of a metric series as `/stats/prometheus` prints it, or 0 when it is not there.
    pub async fn metric(&self, series: &str) -> f64 {
        let text = self.admin_get("/stats/prometheus").await.text();
        let line = text.lines().find(|line| line.rsplit_once(' ').is_some_and(|(name, _)| name == series));
        line.map_or(0.0, |line| line.rsplit_once(' ').expect("a value").1.parse().expect("a number"))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the process lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// All lines of the log so far.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// All lines of the access log so far.
    pub fn access_log(&self) -> String {
        self.access_log.text()
    }

    /// Waits until a line of the log holds the text, and gives the line.
    pub async fn logged(&self, text: &str) -> String {
        self.log.wait_for(text).await
    }

    /// Waits until a line of the access log holds the text, and gives the line.
    pub async fn access_logged(&self, text: &str) -> String {
        self.access_log.wait_for(text).await
    }

    /// The folder of its configuration.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        signal(self.pid(), "TERM");
    }

    /// Waits for the end.
    pub async fn ended(&mut self) -> ExitStatus {
        eventually("the sidecar ends", || self.child.try_wait().expect("a status")).await
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Lines {
    /// Reads lines in a thread; tells when one holds any of `awaited`.
    fn reading(from: impl std::io::Read + Send + 'static, awaited: &'static [&'static str]) -> (Self, Receiver<()>) {
        let (lines, (sender, receiver)) = (Self::default(), channel());
        let all = Arc::clone(&lines.0);
        std::thread::spawn(move || {
            for line in BufReader::new(from).lines().map_while(Result::ok) {
                if awaited.iter().any(|awaited| line.contains(awaited)) {
                    let _ = sender.send(());
                }
                all.lock().push(line);
            }
        });
        (lines, receiver)
    }

    fn text(&self) -> String {
        self.0.lock().join("\n")
    }

    async fn wait_for(&self, text: &str) -> String {
        let find = || self.0.lock().iter().find(|line| line.contains(text)).cloned();
        eventually(&format!("a line with `{text}`"), find).await
    }
}

/// Waits until `look` finds something, looking again and again.
pub async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Sends a signal to a process that the test started.
pub fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args([format!("-{name}"), pid.to_string()]).status().expect("kill runs");
    assert!(status.success(), "cannot send SIG{name} to {pid}");
}

/// Replaces `GUEST(name)` by the path of the guest.
pub fn with_guests(configuration: &str) -> String {
    let mut parts = configuration.split("GUEST(");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(')').expect("`GUEST(name)`");
        text.push_str(&super::guest(name).display().to_string());
        text.push_str(rest);
    }
    text
}
