//! An upstream whose answers the test decides.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A server that answers every request by a function of the test.
pub struct Backend {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    serving: JoinHandle<()>,
}

/// A request that it got.
#[derive(Debug, Clone)]
pub struct Seen {
    pub method: String,
    pub target: String,
    pub fields: Vec<(String, String)>,
    pub body: Bytes,
}

/// What it does with a request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// A response with a `content-length`.
    Reply(u16, Vec<(&'static str, String)>, Bytes),
    /// A 200 whose body goes out in chunks of this size.
    Chunked(Bytes, usize),
    /// Closes the connection without a word.
    Close,
    /// Never answers.
    Stall,
    /// Another answer, after some time.
    After(Duration, Box<Answer>),
    /// Bytes as they are, then the connection is closed.
    Raw(Bytes),
}

impl Seen {
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Answer {
    /// A 200 with a body.
    pub fn ok(body: impl Into<Bytes>) -> Self {
        Self::Reply(200, Vec::new(), body.into())
    }
}

impl Backend {
    /// Answers by the function.
    pub async fn start(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (seen, answer) = (Arc::<Mutex<Vec<Seen>>>::default(), Arc::new(answer));
        let all = Arc::clone(&seen);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (all, answer) = (Arc::clone(&all), Arc::clone(&answer));
                tokio::spawn(async move {
                    let _ = serve(stream, &all, &*answer).await;
                });
            }
        });
        Self { address, seen, serving }
    }

    /// Answers 200 with the request's own body.
    pub async fn echo() -> Self {
        Self::start(|seen| Answer::ok(seen.body.clone())).await
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(
    stream: TcpStream,
    all: &Mutex<Vec<Seen>>,
    answer: &(dyn Fn(&Seen) -> Answer + Send + Sync),
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    while let Some(seen) = read(&mut stream).await? {
        let answer = answer(&seen);
        let head = seen.method == "HEAD";
        all.lock().push(seen);
        if !write(stream.get_mut(), answer, head).await? {
            break;
        }
    }
    Ok(())
}

async fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Seen>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default().to_owned(), words.next().unwrap_or_default().to_owned());
    let mut seen = Seen { method, target, fields: Vec::new(), body: Bytes::new() };
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        seen.fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    seen.body = read_body(stream, &seen).await?;
    Ok(Some(seen))
}

async fn read_body(stream: &mut BufReader<TcpStream>, seen: &Seen) -> std::io::Result<Bytes> {
    let mut body = Vec::new();
    if seen.field("transfer-encoding").is_some() {
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let size = usize::from_str_radix(line.trim().split(';').next().unwrap_or_default(), 16).unwrap_or(0);
            let start = body.len();
            body.resize(start + size, 0);
            stream.read_exact(&mut body[start..]).await?;
            line.clear();
            stream.read_line(&mut line).await?;
            if size == 0 {
                return Ok(body.into());
            }
        }
    }
    let length = seen.field("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    body.resize(length, 0);
    stream.read_exact(&mut body).await?;
    Ok(body.into())
}

/// Whether the connection goes on.
async fn write(stream: &mut TcpStream, answer: Answer, head: bool) -> std::io::Result<bool> {
    match answer {
        Answer::Reply(status, fields, body) => {
            let mut text = format!("HTTP/1.1 {status} Status\r\ncontent-length: {}\r\n", body.len());
            fields.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
            stream.write_all(format!("{text}\r\n").as_bytes()).await?;
            if !head {
                stream.write_all(&body).await?;
            }
        }
        Answer::Chunked(body, size) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            for chunk in body.chunks(size) {
                stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes()).await?;
                stream.write_all(chunk).await?;
                stream.write_all(b"\r\n").await?;
            }
            stream.write_all(b"0\r\n\r\n").await?;
        }
        Answer::Close => return Ok(false),
        Answer::Stall => std::future::pending().await,
        Answer::After(time, answer) => {
            tokio::time::sleep(time).await;
            return Box::pin(write(stream, *answer, head)).await;
        }
        Answer::Raw(bytes) => {
            stream.write_all(&bytes).await?;
            return Ok(false);
        }
    }
    Ok(true)
}
