//! What ends the wait for a response from outside, and what fails in the request's body.

use std::sync::Arc;

use bytes::Bytes;
use chain::{Body, Failure, Filter, Frame, Response};
use http::StatusCode;
use tokio::sync::oneshot;

use super::super::Router;
use super::backend::Backend;
use super::caller::{cluster, no_next, request, router, run, send};

/// A backend that reads one head, tells so, reads on to the end of the connection and tells how much that was.
async fn silent() -> (Backend, oneshot::Receiver<()>, oneshot::Receiver<u64>) {
    let (arrived, arrival) = oneshot::channel();
    let (ended, end) = oneshot::channel();
    let tell = Arc::new(parking_lot::Mutex::new(Some((arrived, ended))));
    let backend = Backend::start(move |_, mut peer| {
        let tell = Arc::clone(&tell);
        async move {
            peer.head().await;
            let Some((arrived, ended)) = tell.lock().take() else { return };
            let _unheard = arrived.send(());
            let _unheard = ended.send(peer.drain().await);
        }
    })
    .await;
    (backend, arrival, end)
}

#[tokio::test]
async fn a_local_reply_ends_the_wait_and_the_connection() {
    let (backend, arrival, end) = silent().await;
    let cluster = cluster(&[backend.address]);
    let router = Router::new(Arc::clone(&cluster));
    let get = request("GET http://app.test/", Body::empty());
    let exchange = Arc::clone(&get.exchange);
    let reply = async {
        arrival.await.unwrap();
        exchange.reply(Response::empty(StatusCode::IM_A_TEAPOT));
    };
    let (response, ()) = tokio::join!(router.handle(get, no_next()), reply);
    assert_eq!(response.unwrap().head.status, StatusCode::IM_A_TEAPOT);
    assert_eq!((end.await, cluster.pool.counts()), (Ok(0), (0, 0)));
    exchange.parked(|parked| assert!(parked.request.is_some()));
}

#[tokio::test]
async fn a_reset_ends_the_wait() {
    let (backend, arrival, _end) = silent().await;
    let get = request("GET http://app.test/", Body::empty());
    let exchange = Arc::clone(&get.exchange);
    let reset = async {
        arrival.await.unwrap();
        exchange.reset("tested");
    };
    let router = router(backend.address);
    let (response, ()) = tokio::join!(router.handle(get, no_next()), reset);
    assert!(matches!(response, Err(Failure::Reset("tested"))));
}

#[tokio::test]
async fn a_client_that_leaves_takes_the_connection_along_but_not_the_head() {
    let (backend, arrival, end) = silent().await;
    let cluster = cluster(&[backend.address]);
    let router = Router::new(Arc::clone(&cluster));
    let get = request("GET http://app.test/", Body::empty());
    let exchange = Arc::clone(&get.exchange);
    tokio::select! {
        _ = router.handle(get, no_next()) => panic!("nobody answers"),
        arrived = arrival => arrived.unwrap(),
    }
    assert_eq!((end.await, cluster.pool.counts()), (Ok(0), (0, 0)));
    exchange.parked(|parked| assert!(parked.request.is_some()));
}

/// A body that gives one piece and then fails.
struct Failing(Option<Bytes>, Option<Failure>);

impl chain::Source for Failing {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Failure>> {
        tokio::task::yield_now().await;
        match self.0.take() {
            Some(piece) => Some(Ok(Frame::data(piece))),
            None => self.1.take().map(Err),
        }
    }
}

#[tokio::test]
async fn a_request_body_that_fails_answers_for_the_request_and_is_not_ended_upstream() {
    for (failure, status) in [
        (Failure::RequestTooLarge(3), StatusCode::PAYLOAD_TOO_LARGE),
        (Failure::ConnectFailed("of another upstream".into()), StatusCode::SERVICE_UNAVAILABLE),
        (Failure::Reply(Box::new(Response::empty(StatusCode::IM_A_TEAPOT))), StatusCode::IM_A_TEAPOT),
    ] {
        let (backend, _arrival, end) = silent().await;
        let post = request("POST http://app.test/", Body::source(Failing(Some("piece".into()), Some(failure))));
        assert_eq!(send(&router(backend.address), post).await.status, status);
        assert_eq!(end.await.unwrap(), b"5\r\npiece\r\n".len() as u64);
        assert_eq!(backend.connections(), 1);
    }
}

#[tokio::test]
async fn a_client_that_left_gets_no_answer() {
    let (backend, ..) = silent().await;
    let post = request("POST http://app.test/", Body::source(Failing(None, Some(Failure::ClientGone))));
    let response = run(&router(backend.address), post, async |response| response).await;
    assert!(matches!(response, Err(Failure::ClientGone)));
}

/// A body that says it is one byte longer, or shorter, than it is.
struct Lying {
    piece: Option<Bytes>,
    length: u64,
    at_hand: bool,
}

impl chain::Source for Lying {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Failure>> {
        if !self.at_hand {
            tokio::task::yield_now().await;
        }
        Some(Ok(Frame::data(self.piece.take()?)))
    }

    fn is_end(&self) -> bool {
        self.piece.is_none()
    }

    fn length(&self) -> Option<u64> {
        Some(self.length)
    }
}

#[tokio::test]
async fn a_body_that_is_not_as_long_as_it_said_is_never_sent_as_if_it_were() {
    for (length, at_hand) in [(4, true), (6, true), (4, false), (6, false)] {
        let (backend, ..) = silent().await;
        let body = Body::source(Lying { piece: Some("piece".into()), length, at_hand });
        let reply = send(&router(backend.address), request("POST http://app.test/", body)).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn connect_is_refused() {
    let (backend, ..) = silent().await;
    let connect = request("CONNECT app.test:443", Body::empty());
    assert_eq!(send(&router(backend.address), connect).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(backend.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_takes_nothing_for_a_minute_is_given_up() {
    let backend = Backend::start(|_, peer| peer.stall()).await;
    let post = request("POST http://app.test/", Body::full(vec![b'x'; 50 * 1024 * 1024]));
    let reply = send(&router(backend.address).timeout(std::time::Duration::ZERO), post).await;
    assert_eq!((reply.status, reply.flags()), (StatusCode::GATEWAY_TIMEOUT, vec!["UT"]));
}
