//! Exchanges: a request through a pool to an upstream of the test, and what comes back.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chain::{Body, Connection, Exchange, Failure, Filter, Frame, Next, Request, Response, Source, async_trait};
use http::StatusCode;
use http::request::Parts;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::reach::reach;
use super::{Host, until};

/// How long anything may take on a slow machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Pieces of a body that may be on their way.
const PIECES: usize = 16;

/// What a client gets.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub body: Bytes,
}

/// The end of a chain: answers 200 with the request's body as it comes, or with a body of the test's own.
#[derive(Default)]
pub struct Upstream {
    body: Mutex<Option<Body>>,
    seen: Mutex<Vec<Parts>>,
}

/// Where a test puts a body, piece by piece; the body ends when this is dropped.
pub struct Pieces(mpsc::Sender<Bytes>);

/// An exchange whose request body the test sends piece by piece.
pub struct Running {
    pub body: Pieces,
    reply: JoinHandle<Result<Reply, Failure>>,
}

impl Upstream {
    /// Answers 200 with the request's body.
    pub fn echo() -> Arc<Self> {
        Arc::default()
    }

    /// Answers 200 with the pieces.
    pub fn sends() -> (Arc<Self>, Pieces) {
        let (pieces, body) = pieces();
        (Arc::new(Self { body: Mutex::new(Some(body)), seen: Mutex::default() }), pieces)
    }

    /// The heads that arrived.
    pub fn seen(&self) -> Vec<Parts> {
        self.seen.lock().clone()
    }
}

#[async_trait]
impl Filter for Upstream {
    async fn handle(&self, request: Request, _: Next) -> Result<Response, Failure> {
        self.seen.lock().push(request.head);
        let own = self.body.lock().take();
        Ok(Response::new(StatusCode::OK, own.unwrap_or(request.body)))
    }
}

fn pieces() -> (Pieces, Body) {
    let (sender, receiver) = mpsc::channel(PIECES);
    (Pieces(sender), Body::source(Received(receiver)))
}

impl Pieces {
    pub async fn send(&self, piece: &'static str) {
        self.0.send(piece.into()).await.expect("somebody reads the body");
    }

    /// Sends a piece and waits until it was taken. In a test with one thread it has then also met its callback, if the
    /// vm was free.
    pub async fn taken(&self, piece: &'static str) {
        self.send(piece).await;
        until("the piece is taken", || self.0.capacity() == PIECES).await;
    }
}

struct Received(mpsc::Receiver<Bytes>);

impl Source for Received {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Failure>> {
        self.0.recv().await.map(|piece| Ok(Frame::data(piece)))
    }
}

/// A request's head.
pub fn request(target: &str, fields: &[(&str, &str)]) -> Parts {
    let mut builder = http::Request::builder().uri(format!("http://test{target}"));
    for (name, value) in fields {
        builder = builder.header(*name, *value);
    }
    builder.body(()).expect("a request").into_parts().0
}

impl Host {
    /// Runs a request without a body.
    pub async fn send(&self, head: Parts) -> Reply {
        let reply = timeout(PATIENCE, self.run(head, Body::empty(), Upstream::echo())).await.expect("an end in time");
        reply.unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// Begins a request whose body comes piece by piece.
    pub fn begin(&self, head: Parts, upstream: &Arc<Upstream>) -> Running {
        let (pieces, body) = pieces();
        Running { body: pieces, reply: tokio::spawn(self.run(head, body, Arc::clone(upstream))) }
    }

    /// Begins a request without a body.
    pub fn begin_empty(&self, head: Parts, upstream: &Arc<Upstream>) -> JoinHandle<Result<Reply, Failure>> {
        tokio::spawn(self.run(head, Body::empty(), Arc::clone(upstream)))
    }

    fn run(
        &self,
        head: Parts,
        body: Body,
        upstream: Arc<Upstream>,
    ) -> impl Future<Output = Result<Reply, Failure>> + Send + use<> {
        let (pool, exchange) = (Arc::clone(self), exchange(&head));
        exchange.insert(reach(&self.gates));
        let request = Request { head, body, exchange: Arc::clone(&exchange) };
        async move {
            let next = Next::new(Arc::from([upstream as Arc<dyn Filter>]));
            let reply = match exchange.run(outrigger_wasm::run(&pool, request, next)).await {
                Ok(response) => collect(response).await,
                Err(failure) => Err(failure),
            };
            let reply = match reply {
                Err(failure @ (Failure::Reset(_) | Failure::ClientGone)) => Err(failure),
                // As if no byte of the response had been written.
                Err(failure) => collect(failure.into_response(&exchange)).await,
                reply => reply,
            };
            exchange.finish().await;
            reply
        }
    }
}

impl Reply {
    /// Status and text.
    pub fn told(&self) -> (u16, &str) {
        (self.status, std::str::from_utf8(&self.body).expect("a text"))
    }
}

impl Running {
    /// Ends the request's body and waits for the reply.
    pub async fn end(self) -> Result<Reply, Failure> {
        let Self { body, reply } = self;
        drop(body);
        ended(reply).await
    }
}

/// The end of an exchange, in time.
pub async fn ended(reply: JoinHandle<Result<Reply, Failure>>) -> Result<Reply, Failure> {
    timeout(PATIENCE, reply).await.expect("an end in time").expect("no panic")
}

async fn collect(response: Response) -> Result<Reply, Failure> {
    let body = response.body.collect(usize::MAX, || Failure::ResponseTooLarge(0)).await?;
    Ok(Reply { status: response.head.status.as_u16(), body })
}

fn exchange(head: &Parts) -> Arc<Exchange> {
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let connection = Connection { id: 1, listener: "test".into(), peer: nowhere, local: nowhere };
    Exchange::new(Arc::new(connection), None, head)
}
