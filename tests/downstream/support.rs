//! A listener with a chain of test filters, and a client that sees every byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chain::{Exchange, Filter};
use http::{HeaderMap, HeaderName, HeaderValue};
use outrigger::exchange::{Chain, Front, Observer};
use outrigger::listener::{Bound, Listener};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;

/// Longer than anything here takes; a wait that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for `event`, but not for ever.
pub(crate) async fn soon<F: Future>(event: F) -> F::Output {
    tokio::time::timeout(PATIENCE, event).await.expect("the event comes in time")
}

/// What the observer saw of one exchange.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Option<String>,
    pub(crate) uri: Option<String>,
    pub(crate) request_headers: HeaderMap,
    pub(crate) status: Option<u16>,
    pub(crate) trailers: HeaderMap,
    pub(crate) flags: Vec<&'static str>,
    pub(crate) details: Option<String>,
    pub(crate) received: u64,
    pub(crate) sent: u64,
}

/// Counts and keeps what happens.
#[derive(Default)]
pub(crate) struct Watcher {
    pub(crate) opened: AtomicUsize,
    pub(crate) closed: AtomicUsize,
    pub(crate) started: AtomicUsize,
    seen: Mutex<Vec<Seen>>,
    changed: Notify,
}

impl Watcher {
    /// The exchanges that ended, once there are `count`.
    pub(crate) async fn ended(&self, count: usize) -> Vec<Seen> {
        self.until(|watcher| watcher.seen.lock().len() >= count).await;
        self.seen.lock().clone()
    }

    pub(crate) async fn until(&self, reached: impl Fn(&Self) -> bool) {
        soon(async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if reached(self) {
                    return;
                }
                changed.await;
            }
        })
        .await;
    }
}

impl Observer for Watcher {
    fn connection_opened(&self) {
        self.opened.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    fn connection_closed(&self) {
        self.closed.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    fn exchange_started(&self) {
        self.started.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    fn exchange_ended(&self, exchange: &Exchange) {
        let (method, uri, request_headers, status, trailers) = exchange.parked(|parked| {
            let request = parked.request.as_ref();
            (
                request.map(|head| head.method.to_string()),
                request.map(|head| head.uri.to_string()),
                request.map(|head| head.headers.clone()).unwrap_or_default(),
                parked.response.as_ref().map(|head| head.status.as_u16()),
                parked.response_trailers.clone().unwrap_or_default(),
            )
        });
        let seen = exchange.record(|record| Seen {
            method,
            uri,
            request_headers,
            status,
            trailers,
            flags: record.flags.clone(),
            details: record.details.as_ref().map(ToString::to_string),
            received: record.bytes_received,
            sent: record.bytes_sent,
        });
        self.seen.lock().push(seen);
        self.changed.notify_waiters();
    }
}

/// A running listener.
pub(crate) struct Server {
    pub(crate) listener: Listener,
    pub(crate) watcher: Arc<Watcher>,
}

pub(crate) fn chain(filters: Vec<Arc<dyn Filter>>) -> Chain {
    filters.into()
}

impl Server {
    pub(crate) fn start(filters: Vec<Arc<dyn Filter>>) -> Self {
        Self::start_with(filters, |_| {})
    }

    /// Starts after `settings` changed the defaults.
    pub(crate) fn start_with(filters: Vec<Arc<dyn Filter>>, settings: impl FnOnce(&mut Front)) -> Self {
        let watcher = Arc::new(Watcher::default());
        let mut front = Front::new("test", chain(filters));
        front.observers.push(Arc::clone(&watcher) as Arc<dyn Observer>);
        settings(&mut front);
        let bound = Bound::new("127.0.0.1:0".parse().unwrap()).unwrap();
        Self { listener: Listener::start(bound, Arc::new(front), None), watcher }
    }

    pub(crate) async fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.listener.address()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (reader, writer) = stream.into_split();
        Client { reader, writer: Some(writer), buffer: Vec::new() }
    }

    /// Sends bytes on a connection of their own; the response and whether the server closed the connection after it.
    pub(crate) async fn answer(&self, request: impl AsRef<[u8]>) -> Answer {
        let mut client = self.connect().await;
        client.send(request).await;
        client.answer().await
    }
}

/// A response as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether the body came to the end that the head announced.
    pub(crate) whole: bool,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A connection.
pub(crate) struct Client {
    reader: OwnedReadHalf,
    writer: Option<OwnedWriteHalf>,
    pub(crate) buffer: Vec<u8>,
}

impl Client {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon(self.writer.as_mut().unwrap().write_all(bytes.as_ref())).await.unwrap();
    }

    /// Sends in a task of its own, for what the server does not take before its answer is read. The task gives the
    /// writing half back: dropped, it would close that direction.
    pub(crate) fn send_beside(&mut self, bytes: Vec<u8>) -> tokio::task::JoinHandle<OwnedWriteHalf> {
        let mut writer = self.writer.take().unwrap();
        tokio::spawn(async move {
            let _ = writer.write_all(&bytes).await;
            writer
        })
    }

    /// Closes the sending direction only.
    pub(crate) async fn finish(&mut self) {
        self.writer.as_mut().unwrap().shutdown().await.unwrap();
    }

    /// Closes the connection with a reset.
    pub(crate) fn abort(self) {
        let stream = self.reader.reunite(self.writer.unwrap()).unwrap();
        stream.set_zero_linger().unwrap();
    }

    /// Whether the connection was reset rather than closed.
    pub(crate) async fn resets(mut self) -> bool {
        loop {
            match soon(self.reader.read_buf(&mut self.buffer)).await {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::ConnectionReset,
            }
        }
    }

    /// Reads once; `false` at the end of the connection, however it ended.
    pub(crate) async fn read(&mut self) -> bool {
        matches!(soon(self.reader.read_buf(&mut self.buffer)).await, Ok(1..))
    }

    /// The rest of what the server sends, until it closes.
    pub(crate) async fn rest(mut self) -> Vec<u8> {
        while self.read().await {}
        self.buffer
    }

    /// Whether the server closes the connection without another byte.
    pub(crate) async fn closes(mut self) -> bool {
        self.buffer.is_empty() && !self.read().await
    }

    /// The next head, 1xx heads included: status and fields.
    pub(crate) async fn head(&mut self) -> (u16, HeaderMap) {
        let end = loop {
            if let Some(at) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            assert!(
                self.read().await,
                "the connection ends within a head: {:?}",
                String::from_utf8_lossy(&self.buffer)
            );
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let text = String::from_utf8(head).unwrap();
        let mut lines = text.trim_end().split("\r\n");
        let status = lines.next().unwrap().strip_prefix("HTTP/1.1 ").unwrap()[..3].parse().unwrap();
        let fields = lines.map(|line| line.split_once(": ").unwrap());
        let headers = fields.map(|(name, value)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
        });
        (status, headers.collect())
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        self.answer_to("GET").await
    }

    /// The next response, to a request of `method`.
    pub(crate) async fn answer_to(&mut self, method: &str) -> Answer {
        let (status, headers) = self.head().await;
        let (mut body, mut whole) = (Vec::new(), true);
        if method != "HEAD" && !matches!(status, 100..200 | 204 | 304) {
            if headers.contains_key("transfer-encoding") {
                assert_eq!(headers["transfer-encoding"], "chunked");
                assert!(!headers.contains_key("content-length"));
                whole = self.chunks(&mut body).await;
            } else if let Some(length) = headers.get("content-length") {
                whole = self.take(&mut body, length.to_str().unwrap().parse().unwrap()).await;
            } else {
                while self.read().await {}
                body = std::mem::take(&mut self.buffer);
            }
        }
        Answer { status, headers, body, whole }
    }

    async fn take(&mut self, body: &mut Vec<u8>, length: usize) -> bool {
        while self.buffer.len() < length {
            if !self.read().await {
                body.append(&mut self.buffer);
                return false;
            }
        }
        body.extend(self.buffer.drain(..length));
        true
    }

    async fn chunks(&mut self, body: &mut Vec<u8>) -> bool {
        loop {
            let Some(end) = self.buffer.windows(2).position(|window| window == b"\r\n") else {
                if !self.read().await {
                    return false;
                }
                continue;
            };
            let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
            let size = usize::from_str_radix(std::str::from_utf8(&line[..end]).unwrap(), 16).unwrap();
            let mut end = Vec::new();
            if !self.take(body, size).await || !self.take(&mut end, 2).await {
                return false;
            }
            assert_eq!(end, b"\r\n");
            if size == 0 {
                return true;
            }
        }
    }
}
