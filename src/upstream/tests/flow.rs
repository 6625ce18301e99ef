//! Large contents and both directions at once.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use chain::{Body, Failure, Frame};
use http::{HeaderMap, StatusCode};
use tokio::sync::{Notify, mpsc};

use super::super::Router;
use super::backend::{Backend, HELLO};
use super::caller::{Told, cluster, pieces, request, router, run, send};

const MIB: usize = 1024 * 1024;

/// More than the socket buffers of both sides on loopback hold together (Linux: 4 MiB and 6 MiB by default).
const MORE_THAN_SOCKETS_HOLD: usize = 50 * MIB;

/// What sockets may hold, with room to spare.
const SOCKETS_HOLD: usize = 24 * MIB;

/// Polls a future until a count stands still, that is, until whoever counts is kept waiting.
async fn until_still<F: Future>(future: &mut std::pin::Pin<&mut F>, count: &AtomicUsize) {
    let (mut last, mut same) = (0, 0);
    while same < 2000 {
        let polled = std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await;
        assert!(!polled, "ended with the other side waiting");
        tokio::task::yield_now().await;
        let now = count.load(Ordering::SeqCst);
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
}

struct Counted {
    left: usize,
    given: Arc<AtomicUsize>,
}

impl chain::Source for Counted {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Failure>> {
        self.left = self.left.checked_sub(32 * 1024)?;
        self.given.fetch_add(32 * 1024, Ordering::SeqCst);
        Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 32 * 1024]))))
    }
}

#[tokio::test]
async fn an_upload_goes_no_faster_than_the_endpoint_reads() {
    let read_on = Arc::new(Notify::new());
    let backend = Backend::start({
        let read_on = Arc::clone(&read_on);
        move |_, mut peer| {
            let read_on = Arc::clone(&read_on);
            async move {
                peer.head().await;
                read_on.notified().await;
                let (content, _) = peer.chunked_content().await;
                peer.say(format!("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{}", content.len())).await;
            }
        }
    })
    .await;
    let given = Arc::<AtomicUsize>::default();
    let body = Body::source(Counted { left: MORE_THAN_SOCKETS_HOLD, given: Arc::clone(&given) });
    let router = router(backend.address);
    let mut sending = pin!(send(&router, request("POST http://app.test/", body)));
    until_still(&mut sending, &given).await;
    let ahead = given.load(Ordering::SeqCst);
    assert!(ahead < SOCKETS_HOLD, "{ahead} bytes were taken that nobody read");
    read_on.notify_one();
    assert_eq!(sending.await.text(), MORE_THAN_SOCKETS_HOLD.to_string());
}

#[tokio::test]
async fn a_download_goes_no_faster_than_the_client_reads() {
    let said = Arc::<AtomicUsize>::default();
    let backend = Backend::start({
        let said = Arc::clone(&said);
        move |_, mut peer| {
            let said = Arc::clone(&said);
            async move {
                peer.head().await;
                peer.say(format!("HTTP/1.1 200 OK\r\ncontent-length: {MORE_THAN_SOCKETS_HOLD}\r\n\r\n")).await;
                while said.load(Ordering::SeqCst) < MORE_THAN_SOCKETS_HOLD {
                    peer.say([b'x'; 32 * 1024]).await;
                    said.fetch_add(32 * 1024, Ordering::SeqCst);
                }
            }
        }
    })
    .await;
    let get = request("GET http://app.test/", Body::empty());
    run(&router(backend.address), get, async |response| {
        let mut body = response.unwrap().body;
        until_still(&mut pin!(std::future::pending::<()>()), &said).await;
        let ahead = said.load(Ordering::SeqCst);
        assert!(ahead < SOCKETS_HOLD, "{ahead} bytes were read that nobody asked for");
        let (mut length, mut longest) = (0, 0);
        while let Some(frame) = body.frame().await {
            let data = frame.unwrap().into_data().unwrap();
            length += data.len();
            longest = longest.max(data.len());
        }
        assert_eq!(length, MORE_THAN_SOCKETS_HOLD);
        assert!(longest <= 64 * 1024, "a piece of {longest} bytes");
    })
    .await;
}

#[tokio::test]
async fn one_large_piece_is_echoed_while_it_is_sent() {
    let backend = Backend::start(|_, mut peer| async move {
        let head = peer.head().await.unwrap();
        assert!(head.contains(&format!("content-length: {MORE_THAN_SOCKETS_HOLD}")));
        peer.say(format!("HTTP/1.1 200 OK\r\ncontent-length: {MORE_THAN_SOCKETS_HOLD}\r\n\r\n")).await;
        for _ in 0..MORE_THAN_SOCKETS_HOLD / MIB {
            let piece = peer.content(MIB).await;
            peer.say(piece).await;
        }
        peer.head().await;
        peer.say(HELLO).await;
    })
    .await;
    let cluster = cluster(&[backend.address]);
    let router = Router::new(Arc::clone(&cluster));
    let body = Body::full(vec![b'x'; MORE_THAN_SOCKETS_HOLD]);
    let reply = send(&router, request("POST http://app.test/", body)).await;
    assert_eq!(reply.body.unwrap().len(), MORE_THAN_SOCKETS_HOLD);
    assert_eq!(cluster.pool.counts(), (1, 1));
}

/// A body whose pieces come from a channel.
struct Channel(mpsc::Receiver<Bytes>);

impl chain::Source for Channel {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Failure>> {
        Some(Ok(Frame::data(self.0.recv().await?)))
    }
}

#[tokio::test]
async fn the_response_may_begin_and_go_on_while_the_request_is_sent() {
    let backend = Backend::start(|_, mut peer| async move {
        while peer.head().await.is_some() {
            peer.say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
            for number in 0..20 {
                assert_eq!(peer.content(6).await, format!("1\r\n{}\r\n", char::from(b'a' + number)).as_bytes());
                peer.say(format!("1\r\n{}\r\n", char::from(b'A' + number))).await;
            }
            assert_eq!(peer.content(5).await, b"0\r\n\r\n");
            peer.say("0\r\n\r\n").await;
        }
    })
    .await;
    let router = router(backend.address);
    for _ in 0..2 {
        let (send, receive) = mpsc::channel(1);
        let post = request("POST http://app.test/", Body::source(Channel(receive)));
        run(&router, post, async |response| {
            let mut body = response.unwrap().body;
            for number in 0..20 {
                send.send(Bytes::from(vec![b'a' + number])).await.unwrap();
                let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
                assert_eq!(*data, [b'A' + number]);
            }
            drop(send);
            assert!(body.frame().await.is_none());
        })
        .await;
    }
    assert_eq!(backend.connections(), 1, "both directions ended cleanly");
}

#[tokio::test]
async fn an_answer_in_the_middle_of_an_upload_is_passed_on_and_the_rest_is_dropped() {
    let backend = Backend::start(|_, mut peer| async move {
        peer.head().await;
        peer.say("HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 3\r\n\r\nbig").await;
        peer.drain().await;
    })
    .await;
    let cluster = cluster(&[backend.address]);
    let (send, receive) = mpsc::channel(1);
    let post = request("POST http://app.test/", Body::source(Channel(receive)));
    run(&Router::new(Arc::clone(&cluster)), post, async |response| {
        let response = response.unwrap();
        assert_eq!(response.head.status, StatusCode::PAYLOAD_TOO_LARGE);
        for _ in 0..100 {
            send.send(vec![b'x'; MIB].into()).await.unwrap(); // somebody still takes it
        }
        let body = response.body.collect(10, || Failure::ResponseTooLarge(10)).await.unwrap();
        assert_eq!(&*body, b"big");
    })
    .await;
    assert_eq!(cluster.pool.counts(), (0, 0));
}

#[tokio::test]
async fn a_request_body_that_fails_after_the_head_fails_the_response() {
    let backend = Backend::start(|_, mut peer| async move {
        peer.head().await;
        peer.say("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun").await;
        peer.stall().await;
    })
    .await;
    let post = request("POST http://app.test/", Body::source(Stuck::default()));
    let go_on = Arc::new(Notify::new());
    let post = chain::Request { body: Body::source(Stuck(Some(Arc::clone(&go_on)))), ..post };
    run(&router(backend.address), post, async |response| {
        let mut body = response.unwrap().body;
        assert!(body.frame().await.unwrap().is_ok());
        go_on.notify_one();
        assert!(matches!(body.frame().await, Some(Err(Failure::RequestTooLarge(1)))));
        assert!(body.frame().await.is_none());
    })
    .await;
}

#[tokio::test]
async fn the_time_of_a_response_runs_from_the_end_of_the_request() {
    let backend = Backend::start(|_, mut peer| async move {
        peer.head().await;
        peer.say("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun").await;
        peer.stall().await;
    })
    .await;
    let (send, receive) = mpsc::channel(1);
    let post = request("POST http://app.test/", Body::source(Channel(receive)));
    let router = router(backend.address).timeout(Duration::from_millis(50));
    run(&router, post, async |response| {
        let mut body = response.unwrap().body;
        assert!(body.frame().await.unwrap().is_ok());
        let early = tokio::time::timeout(Duration::from_millis(150), body.frame()).await;
        assert!(early.is_err(), "the request is not over");
        drop(send);
        let late = tokio::time::timeout(Duration::from_secs(10), body.frame()).await;
        assert!(matches!(late, Ok(Some(Err(Failure::UpstreamTimeout)))));
    })
    .await;
}

/// A body that fails when it is told to.
#[derive(Default)]
struct Stuck(Option<Arc<Notify>>);

impl chain::Source for Stuck {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Failure>> {
        self.0.as_ref()?.notified().await;
        Some(Err(Failure::RequestTooLarge(1)))
    }
}

/// A body with trailers.
struct Trailing(Vec<Frame<Bytes>>);

impl chain::Source for Trailing {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Failure>> {
        self.0.pop().map(Ok)
    }
}

#[tokio::test]
async fn trailers_of_a_request_go_out_and_are_parked() {
    let backend = Backend::start(|_, mut peer| async move {
        while peer.head().await.is_some() {
            let (content, trailers) = peer.chunked_content().await;
            let length = content.len() + trailers.len();
            peer.say(format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n")).await;
            peer.say([&content, trailers.as_bytes()].concat()).await;
        }
    })
    .await;
    let router = router(backend.address);
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "17".parse().unwrap());
    for (frames, text) in [
        (vec![Frame::trailers(trailers.clone()), Frame::data("data".into())], "datax-sum: 17\r\n\r\n"),
        (vec![Frame::trailers(trailers)], "x-sum: 17\r\n\r\n"),
    ] {
        let reply = send(&router, request("POST http://app.test/", Body::source(Trailing(frames)))).await;
        assert_eq!(reply.text(), text);
        reply.exchange.parked(|parked| assert_eq!(parked.request_trailers.as_ref().unwrap().len(), 1));
    }
}

#[tokio::test]
async fn large_contents_pass_both_ways_at_once() {
    let backend = Backend::start(|_, mut peer| async move {
        peer.head().await;
        let (content, _) = peer.chunked_content().await;
        peer.say(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", content.len())).await;
        peer.say(content).await;
    })
    .await;
    let body = pieces(vec![b'x'; MIB].into(), 50, Told::Nothing);
    let reply = send(&router(backend.address), request("PUT http://app.test/", body)).await;
    assert_eq!(reply.body.unwrap().len(), 50 * MIB);
}
