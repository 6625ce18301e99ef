//! One exchange: what its request, its response and its callouts share.

use std::any::Any;
use std::collections::VecDeque;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Instant, SystemTime};

use futures_util::future::BoxFuture;
use http::{Extensions, HeaderMap, request, response};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::driven::Driven;
use crate::signal::{Interrupt, Signal};
use crate::{Record, Response};

/// Facts of the connection that an exchange came on.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Unique in the process, from 1.
    pub id: u64,
    /// Name of the listener.
    pub listener: Arc<str>,
    /// The client's address.
    pub peer: SocketAddr,
    /// The address that the client connected to.
    pub local: SocketAddr,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Name of the route; the cluster's name where the listener has a single one.
    pub name: Arc<str>,
    /// Name of the cluster.
    pub cluster: Arc<str>,
}

/// Heads and trailers left behind by whoever consumed them, for `on_log` and the access log.
#[derive(Debug, Default)]
pub struct Parked {
    /// The request head as it went upstream, or as the last filter saw it.
    pub request: Option<request::Parts>,
    /// Trailers of the request.
    pub request_trailers: Option<HeaderMap>,
    /// The response head as it went to the client.
    pub response: Option<response::Parts>,
    /// Trailers of the response.
    pub response_trailers: Option<HeaderMap>,
}

type Hook = Box<dyn FnOnce(Arc<Exchange>) -> BoxFuture<'static, ()> + Send>;

/// One request and its response.
///
/// Shared by everything that works on it; every method takes `&self` and holds its lock for a moment only.
pub struct Exchange {
    connection: Arc<Connection>,
    route: Option<Arc<Route>>,
    id: u64,
    started: Instant,
    started_at: SystemTime,
    grpc: bool,
    signal: Signal,
    driven: Driven,
    informational: Mutex<VecDeque<response::Parts>>,
    informational_added: Notify,
    extensions: Mutex<Extensions>,
    parked: Mutex<Parked>,
    record: Mutex<Record>,
    hooks: Mutex<Vec<Hook>>,
}

impl Exchange {
    /// An exchange that begins now. `head` is looked at for whether it is a gRPC request.
    #[must_use]
    pub fn new(connection: Arc<Connection>, route: Option<Arc<Route>>, head: &request::Parts) -> Arc<Self> {
        static LAST_ID: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self {
            connection,
            route,
            id: LAST_ID.fetch_add(1, Ordering::Relaxed) + 1,
            started: Instant::now(),
            started_at: SystemTime::now(),
            grpc: is_grpc(&head.headers),
            signal: Signal::default(),
            driven: Driven::default(),
            informational: Mutex::default(),
            informational_added: Notify::new(),
            extensions: Mutex::default(),
            parked: Mutex::default(),
            record: Mutex::default(),
            hooks: Mutex::default(),
        })
    }

    /// Unique in the process, from 1.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The connection that the request came on.
    #[must_use]
    pub fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// The route of the request, if one matches.
    #[must_use]
    pub fn route(&self) -> Option<Arc<Route>> {
        self.route.clone()
    }

    /// When the exchange began, for durations.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// When the exchange began, for people.
    #[must_use]
    pub fn started_at(&self) -> SystemTime {
        self.started_at
    }

    /// Whether the request is a gRPC one (`content-type: application/grpc…`).
    #[must_use]
    pub fn is_grpc(&self) -> bool {
        self.grpc
    }

    /// Asks for a local reply while the chain runs. The deepest waiting stage returns it, so that every filter that saw
    /// the request sees the response. `false`: another reply or a reset was first, and this one is dropped.
    pub fn reply(&self, response: Response) -> bool {
        self.signal.reply(response)
    }

    /// Asks for the stream to be reset; `reason` is the access log's details. `false`: it is being reset already.
    pub fn reset(&self, reason: &'static str) -> bool {
        self.signal.reset(reason)
    }

    /// Waits for a local reply or a reset. Selected on by whoever is the deepest stage that waits.
    pub async fn interrupted(&self) -> Interrupt {
        self.signal.interrupted().await
    }

    /// A local reply or a reset that was asked for and not yet taken.
    #[must_use]
    pub fn interrupt(&self) -> Option<Interrupt> {
        self.signal.take()
    }

    /// Waits for a reset alone. Selected on in every wait that is past local replies, writes included.
    pub async fn until_reset(&self) -> &'static str {
        self.signal.until_reset().await
    }

    /// Adds side work that is polled beside the chain in the exchange's task. It is dropped when the exchange is over.
    pub fn drive(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.driven.add(Box::pin(work));
    }

    /// Runs `main` to its end, polling the side work beside it.
    pub async fn run<F: Future>(&self, main: F) -> F::Output {
        let mut main = pin!(main);
        std::future::poll_fn(|context| match main.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(output),
            Poll::Pending => {
                self.driven.poll(context);
                Poll::Pending
            }
        })
        .await
    }

    /// Queues a 1xx head for the client. It passes no filter.
    pub fn informational(&self, head: response::Parts) {
        self.informational.lock().push_back(head);
        self.informational_added.notify_one();
    }

    /// Waits for the next queued 1xx head.
    pub async fn next_informational(&self) -> response::Parts {
        loop {
            if let Some(head) = self.informational.lock().pop_front() {
                return head;
            }
            self.informational_added.notified().await;
        }
    }

    /// Leaves a consumed head or trailers for `on_log` and the access log.
    pub fn park(&self, leave: impl FnOnce(&mut Parked)) {
        leave(&mut self.parked.lock());
    }

    /// Looks at what was parked.
    pub fn parked<T>(&self, look: impl FnOnce(&Parked) -> T) -> T {
        look(&self.parked.lock())
    }

    /// Writes to the access-log record.
    pub fn record<T>(&self, write: impl FnOnce(&mut Record) -> T) -> T {
        write(&mut self.record.lock())
    }

    /// Keeps a value of its own type for later stages; an earlier one of the type is replaced.
    pub fn insert<T: Any + Clone + Send + Sync>(&self, value: T) {
        self.extensions.lock().insert(value);
    }

    /// The value of a type that an earlier stage kept.
    #[must_use]
    pub fn get<T: Any + Clone + Send + Sync>(&self) -> Option<T> {
        self.extensions.lock().get::<T>().cloned()
    }

    /// The value of a type; made and kept if no stage has kept one yet.
    #[must_use]
    pub fn get_or_insert_with<T: Any + Clone + Send + Sync>(&self, make: impl FnOnce() -> T) -> T {
        self.extensions.lock().get_or_insert_with(make).clone()
    }

    /// Adds a hook that runs once when the exchange is over, however it ended, in the order of adding.
    pub fn on_finish(&self, hook: impl FnOnce(Arc<Self>) -> BoxFuture<'static, ()> + Send + 'static) {
        self.hooks.lock().push(Box::new(hook));
    }

    /// Ends the exchange: drops the side work and runs the finish hooks. Called once, outside the request's
    /// cancellation.
    pub async fn finish(self: Arc<Self>) {
        self.driven.clear();
        let hooks = std::mem::take(&mut *self.hooks.lock());
        for hook in hooks {
            hook(Arc::clone(&self)).await;
        }
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(http::header::CONTENT_TYPE) else { return false };
    value
        .as_bytes()
        .strip_prefix(b"application/grpc")
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Exchange")
            .field("id", &self.id)
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}
