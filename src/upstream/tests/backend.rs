//! A backend that does on each connection what its script says.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// An answer of five bytes that keeps the connection.
pub(super) const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";

/// A backend on a free port. It ends with the value.
pub(super) struct Backend {
    pub(super) address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

/// One connection, seen from the backend.
pub(super) struct Peer {
    stream: BufReader<TcpStream>,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Backend {
    /// Runs the script on every connection; it is told the connection's number, from 1.
    pub(super) async fn start<S, F>(script: S) -> Self
    where
        S: Fn(usize, Peer) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (heads, connections) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicUsize>::default());
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn({
            let (heads, connections) = (Arc::clone(&heads), Arc::clone(&connections));
            async move {
                let mut scripts = JoinSet::new();
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    let number = connections.fetch_add(1, Ordering::SeqCst) + 1;
                    let peer = Peer { stream: BufReader::new(stream), heads: Arc::clone(&heads) };
                    scripts.spawn(script(number, peer));
                }
            }
        });
        Self { address, heads, connections, _tasks: tasks }
    }

    /// A backend that gives the same answer to every request, and keeps the connection.
    pub(super) async fn answering(answer: impl Into<String>) -> Self {
        let answer = Arc::<str>::from(answer.into());
        Self::start(move |_, mut peer| {
            let answer = Arc::clone(&answer);
            async move {
                while peer.head().await.is_some() {
                    peer.say(&*answer).await;
                }
            }
        })
        .await
    }

    /// A backend that gives one answer and closes.
    pub(super) async fn answering_once(answer: impl Into<Vec<u8>>) -> Self {
        let answer = Arc::<[u8]>::from(answer.into());
        Self::start(move |_, mut peer| {
            let answer = Arc::clone(&answer);
            async move {
                peer.head().await;
                peer.say(&*answer).await;
            }
        })
        .await
    }

    /// The request heads that arrived.
    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.lock().clone()
    }

    /// How many connections were accepted.
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Peer {
    /// The next request head with its line ends, in front of its empty line; `None` when the connection ended.
    pub(super) async fn head(&mut self) -> Option<String> {
        let mut head = String::new();
        while self.stream.read_line(&mut head).await.ok()? > 0 {
            if let Some(whole) = head.strip_suffix("\r\n\r\n") {
                let whole = format!("{whole}\r\n");
                self.heads.lock().push(whole.clone());
                return Some(whole);
            }
        }
        None
    }

    /// So many bytes of content.
    pub(super) async fn content(&mut self, length: usize) -> Vec<u8> {
        let mut content = vec![0; length];
        self.stream.read_exact(&mut content).await.unwrap();
        content
    }

    /// A chunked content, and its trailer lines.
    pub(super) async fn chunked_content(&mut self) -> (Vec<u8>, String) {
        let mut content = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).await.unwrap();
            let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
            if size == 0 {
                break;
            }
            content.extend(self.content(size).await);
            assert_eq!(self.content(2).await, b"\r\n");
        }
        let mut trailers = String::new();
        while !trailers.ends_with("\r\n\r\n") && trailers != "\r\n" {
            self.stream.read_line(&mut trailers).await.unwrap();
        }
        (content, trailers)
    }

    /// Reads and drops until the connection ends; how many bytes came.
    pub(super) async fn drain(&mut self) -> u64 {
        tokio::io::copy(&mut self.stream, &mut tokio::io::sink()).await.unwrap_or_default()
    }

    /// Sends octets as they are; a client that is gone is none of the script's business.
    pub(super) async fn say(&mut self, octets: impl AsRef<[u8]>) {
        let _gone = self.stream.get_mut().write_all(octets.as_ref()).await;
    }

    /// Ends the connection with a reset.
    pub(super) fn reset(self) {
        self.stream.get_ref().set_zero_linger().unwrap();
    }

    /// Leaves the connection open and silent.
    pub(super) async fn stall(self) {
        tokio::time::sleep(Duration::from_secs(600)).await;
    }
}
