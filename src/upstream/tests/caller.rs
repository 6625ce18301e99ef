//! Requests as a listener would make them.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use chain::{Body, Connection, Exchange, Failure, Filter, Next, Request, Response};
use http::{HeaderMap, StatusCode};

use super::super::{Cluster, ClusterSettings, Router, Unobserved};

/// A response read to its end.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Result<Bytes, Failure>,
    pub(super) trailers: Option<HeaderMap>,
    pub(super) exchange: Arc<Exchange>,
}

impl Reply {
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(self.body.as_ref().unwrap()).unwrap()
    }

    pub(super) fn flags(&self) -> Vec<&'static str> {
        self.exchange.record(|record| record.flags.clone())
    }
}

pub(super) fn cluster(addresses: &[SocketAddr]) -> Arc<Cluster> {
    Cluster::new(ClusterSettings::new("app", addresses.iter().copied()), Arc::new(Unobserved))
}

pub(super) fn router(address: SocketAddr) -> Router {
    Router::new(cluster(&[address]))
}

/// A request with its exchange. `target` is `METHOD URI`.
pub(in crate::upstream) fn request(target: &str, body: Body) -> Request {
    let (method, uri) = target.split_once(' ').unwrap();
    let (head, ()) = http::Request::builder().method(method).uri(uri).body(()).unwrap().into_parts();
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let connection = Connection { id: 1, listener: "test".into(), peer: nowhere, local: nowhere };
    let exchange = Exchange::new(Arc::new(connection), None, &head);
    Request { head, body, exchange }
}

pub(in crate::upstream) fn no_next() -> Next {
    Next::new(Arc::from([]))
}

/// Sends a request and does `then` with what comes, side work polled beside it as a listener does.
pub(super) async fn run<T, F: Future<Output = T>>(
    router: &Router,
    request: Request,
    then: impl FnOnce(Result<Response, Failure>) -> F,
) -> T {
    let exchange = Arc::clone(&request.exchange);
    let output = exchange.run(async { then(router.handle(request, no_next()).await).await }).await;
    exchange.finish().await;
    output
}

/// Sends a request and reads the response to its end.
pub(super) async fn send(router: &Router, request: Request) -> Reply {
    let exchange = Arc::clone(&request.exchange);
    run(router, request, async |response| read(response.unwrap(), exchange).await).await
}

pub(super) async fn ask(router: &Router, target: &str, body: impl Into<Bytes>) -> Reply {
    send(router, request(target, Body::full(body))).await
}

pub(super) async fn get(router: &Router, path: &str) -> Reply {
    ask(router, &format!("GET http://app.test{path}"), "").await
}

async fn read(response: Response, exchange: Arc<Exchange>) -> Reply {
    let Response { head, mut body } = response;
    let (mut content, mut trailers) = (Vec::new(), None);
    let body = loop {
        match body.frame().await {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => content.extend_from_slice(&data),
                Err(frame) => trailers = frame.into_trailers().ok(),
            },
            Some(Err(failure)) => break Err(failure),
            None => break Ok(Bytes::from(content)),
        }
    };
    Reply { status: head.status, headers: head.headers, body, trailers, exchange }
}

/// A body of `count` pieces, its length told or not.
pub(super) fn pieces(piece: Bytes, count: usize, told: Told) -> Body {
    Body::source(Pieces { piece, left: count, told })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Length,
    Nothing,
}

struct Pieces {
    piece: Bytes,
    left: usize,
    told: Told,
}

impl chain::Source for Pieces {
    async fn next(&mut self) -> Option<Result<chain::Frame<Bytes>, Failure>> {
        self.left = self.left.checked_sub(1)?;
        tokio::task::yield_now().await;
        Some(Ok(chain::Frame::data(self.piece.clone())))
    }

    fn is_end(&self) -> bool {
        self.told == Told::Length && self.left == 0
    }

    fn length(&self) -> Option<u64> {
        (self.told == Told::Length).then_some((self.left * self.piece.len()) as u64)
    }
}
