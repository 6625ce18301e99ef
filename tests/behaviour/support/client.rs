//! A strict HTTP/1.1 client.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a reply may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// One connection.
pub struct Client {
    stream: BufReader<TcpStream>,
}

/// A whole response.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap_or_else(|error| panic!("connect to {address}: {error}"));
        stream.set_nodelay(true).expect("nodelay");
        Self { stream: BufReader::new(stream) }
    }

    /// Sends a request and reads its response. Panics when there is none.
    pub async fn send(&mut self, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) -> Reply {
        self.try_send(method, target, fields, body).await.unwrap_or_else(|error| panic!("{method} {target}: {error}"))
    }

    /// As [`send`](Self::send); an error when the connection breaks or the response is no HTTP.
    pub async fn try_send(
        &mut self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Reply> {
        self.write(method, target, fields, body).await?;
        self.read(method == "HEAD").await
    }

    /// Writes a request and does not wait.
    pub async fn write(
        &mut self,
        method: &str,
        target: &str,
        fields: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<()> {
        let mut head = format!("{method} {target} HTTP/1.1\r\n");
        let has = |name: &str| fields.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
        if !has("host") {
            head.push_str("host: localhost\r\n");
        }
        if !body.is_empty() && !has("content-length") && !has("transfer-encoding") {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        for (name, value) in fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let stream = self.stream.get_mut();
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body).await
    }

    /// Writes bytes as they are.
    pub async fn write_raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes).await
    }

    /// Reads a response. `head`: it answers a HEAD request.
    pub async fn read(&mut self, head: bool) -> std::io::Result<Reply> {
        match timeout(PATIENCE, self.read_reply(head)).await {
            Ok(reply) => reply,
            Err(_) => panic!("no response within {PATIENCE:?}"),
        }
    }

    /// Whether the peer has closed the connection; waits for it.
    pub async fn closed(&mut self) -> bool {
        let mut rest = Vec::new();
        let read = timeout(PATIENCE, self.stream.read_to_end(&mut rest)).await;
        read.is_ok() && rest.is_empty()
    }

    async fn read_reply(&mut self, head: bool) -> std::io::Result<Reply> {
        let line = self.line().await?;
        let status = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 "));
        let status = status.and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
        let status: u16 = status.ok_or_else(|| bad(format!("not a status line: `{line}`")))?;
        let mut fields = Vec::new();
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| bad(format!("not a field: `{line}`")))?;
            fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut reply = Reply { status, fields, body: Vec::new() };
        if (100..200).contains(&status) && status != 101 {
            return Box::pin(self.read_reply(head)).await;
        }
        if !head && status != 204 && status != 304 {
            reply.body = self.read_body(&reply).await?;
        }
        Ok(reply)
    }

    async fn read_body(&mut self, reply: &Reply) -> std::io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if reply.field("transfer-encoding") == Some("chunked") {
            loop {
                let size = self.line().await?;
                let size = size.split(';').next().unwrap_or_default();
                let size = usize::from_str_radix(size, 16).map_err(|_| bad(format!("not a chunk size: `{size}`")))?;
                if size == 0 {
                    while !self.line().await?.is_empty() {}
                    return Ok(body);
                }
                let start = body.len();
                body.resize(start + size, 0);
                self.stream.read_exact(&mut body[start..]).await?;
                if !self.line().await?.is_empty() {
                    return Err(bad("a chunk without its end".into()));
                }
            }
        }
        match reply.field("content-length") {
            Some(length) => {
                body.resize(length.parse().map_err(|_| bad(format!("not a length: `{length}`")))?, 0);
                self.stream.read_exact(&mut body).await?;
            }
            None => {
                self.stream.read_to_end(&mut body).await?;
            }
        }
        Ok(body)
    }

    async fn line(&mut self) -> std::io::Result<String> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).await?;
        if !line.ends_with(b"\r\n") {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.len() - 2);
        String::from_utf8(line).map_err(|_| bad("not text".into()))
    }
}

impl Reply {
    /// The first value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, which it must be.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("not JSON: {error}: {}", self.text()))
    }

    /// The reason of an `{"error":"…"}`.
    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_else(|| panic!("no error in {}", self.text())).to_owned()
    }
}

/// One request on a connection of its own.
pub async fn request(address: SocketAddr, method: &str, target: &str, fields: &[(&str, &str)], body: &[u8]) -> Reply {
    Client::connect(address).await.send(method, target, fields, body).await
}

fn bad(what: String) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, what)
}
