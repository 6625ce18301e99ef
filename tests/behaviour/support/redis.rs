//! A redis-server of the test's own.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::sidecar::{eventually, signal};

/// A redis-server on a free port, without persistence.
pub struct Redis {
    child: Option<Child>,
    port: u16,
}

impl Redis {
    pub async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
        let mut redis = Self { child: None, port };
        redis.restart().await;
        redis
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// The `url` of a store.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// Starts the server again, empty, on the same port.
    pub async fn restart(&mut self) {
        self.kill();
        let port = self.port.to_string();
        let arguments =
            ["--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"];
        let child = Command::new("redis-server").args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.child = Some(child.expect("redis-server is installed; `make test` sees to that"));
        let address = self.address();
        eventually("redis-server listens", || std::net::TcpStream::connect(address).ok()).await;
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGSTOP.
    pub fn stop(&self) {
        signal(self.child.as_ref().expect("it runs").id(), "STOP");
    }

    /// SIGCONT.
    pub fn go_on(&self) {
        signal(self.child.as_ref().expect("it runs").id(), "CONT");
    }

    pub async fn set(&self, key: &str, value: &str) {
        let reply = self.command(&["SET", key, value]).await;
        assert_eq!(reply, "+OK\r\n");
    }

    /// Sends one command and gives the first bytes of the reply as they came.
    pub async fn command(&self, words: &[&str]) -> String {
        let mut stream = TcpStream::connect(self.address()).await.expect("redis-server listens");
        let mut text = format!("*{}\r\n", words.len());
        words.iter().for_each(|word| text.push_str(&format!("${}\r\n{word}\r\n", word.len())));
        stream.write_all(text.as_bytes()).await.expect("it reads");
        let mut reply = vec![0; 4096];
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut reply)).await;
        let len = read.expect("redis answers").expect("it answers");
        String::from_utf8_lossy(&reply[..len]).into_owned()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
