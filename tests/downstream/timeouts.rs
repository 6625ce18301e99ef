//! Every wait has an end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chain::{Body, Failure, Filter, Request, Response};
use http::StatusCode;

use crate::filters::{Answers, Last, Pieces, Repeats, Stalls, says};
use crate::support::Server;

const SHORT: Duration = Duration::from_millis(100);
const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

fn stalls() -> Vec<Arc<dyn Filter>> {
    vec![Arc::new(Stalls::default())]
}

#[tokio::test]
async fn a_header_section_that_trickles_in_is_answered_with_408_at_the_deadline() {
    let server = Server::start_with(vec![says("hello")], |front| front.timeouts.header = 3 * SHORT);
    let mut client = server.connect().await;
    client.send(GET).await;
    client.answer().await;
    let start = Instant::now();
    client.send("GET / HTTP/1.1\r\n").await;
    let answer = loop {
        client.send("x").await;
        if let Ok(answer) = tokio::time::timeout(SHORT / 2, client.answer()).await {
            break answer;
        }
    };
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    assert!((3 * SHORT..50 * SHORT).contains(&start.elapsed()), "after {:?}", start.elapsed());
    assert!(client.closes().await);
    let seen = server.watcher.ended(2).await;
    assert_eq!((&seen[1].flags[..], seen[1].details.as_deref()), (&["SI"][..], Some("request_header_timeout")));
}

#[tokio::test]
async fn an_idle_connection_is_closed_without_an_answer() {
    let server = Server::start_with(vec![says("hello")], |front| front.timeouts.idle = SHORT);
    assert!(server.connect().await.closes().await);
    let mut client = server.connect().await;
    client.send(GET).await;
    assert_eq!(client.answer().await.status, 200);
    assert!(client.closes().await);
    assert_eq!(server.watcher.ended(1).await.len(), 1);
}

#[tokio::test]
async fn an_exchange_on_which_nothing_moves_is_answered_with_408() {
    let server = Server::start_with(stalls(), |front| front.timeouts.stream_idle = SHORT);
    let answer = server.answer(GET).await;
    assert_eq!(answer.status, 408);
    assert_eq!(server.watcher.ended(1).await[0].flags, ["SI"]);
}

#[tokio::test]
async fn a_request_body_that_stops_is_answered_with_408_and_one_that_trickles_is_not() {
    let server = Server::start_with(vec![Arc::new(Repeats)], |front| front.timeouts.stream_idle = 2 * SHORT);
    let mut client = server.connect().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n").await;
    for byte in b"trickle" {
        client.send([*byte]).await;
        tokio::time::sleep(SHORT / 2).await;
    }
    assert!(client.buffer.is_empty());
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
}

#[tokio::test]
async fn a_response_on_which_nothing_moves_is_reset() {
    let body = |_: Request| Response::new(StatusCode::OK, Pieces::body(&["a"], Last::Never));
    let server = Server::start_with(vec![Arc::new(Answers(body))], |front| front.timeouts.stream_idle = SHORT);
    let mut client = server.connect().await;
    client.send(GET).await;
    assert!(client.resets().await);
    let seen = server.watcher.ended(1).await;
    assert_eq!((&seen[0].flags[..], seen[0].status), (&["SI"][..], Some(200)));
}

#[tokio::test]
async fn a_client_that_does_not_take_its_response_is_cut_off_by_the_write_timeout() {
    let large = Bytes::from(vec![b'x'; 64 << 20]);
    let body = move |_: Request| Response::new(StatusCode::OK, Body::full(large.clone()));
    let server = Server::start_with(vec![Arc::new(Answers(body))], |front| front.timeouts.write = SHORT);
    let mut client = server.connect().await;
    client.send(GET).await;
    let seen = server.watcher.ended(1).await;
    assert_eq!((&seen[0].flags[..], seen[0].status), (&["SI"][..], Some(200)));
    assert!(!client.answer().await.whole);
}

#[tokio::test]
async fn the_request_timeout_bounds_the_whole_exchange() {
    let server = Server::start_with(stalls(), |front| front.timeouts.request = SHORT);
    let answer = server.answer(GET).await;
    assert_eq!(answer.status, 408);
    assert_eq!(server.watcher.ended(1).await[0].flags, ["DT"]);
    let body = |_: Request| Response::new(StatusCode::OK, Body::source(Ticks));
    let server = Server::start_with(vec![Arc::new(Answers(body))], |front| front.timeouts.request = 3 * SHORT);
    let answer = server.answer(GET).await;
    assert!(!answer.whole && !answer.body.is_empty());
    assert_eq!(server.watcher.ended(1).await[0].flags, ["DT"]);
}

/// A byte now and then, for ever.
struct Ticks;

impl chain::Source for Ticks {
    async fn next(&mut self) -> Option<Result<chain::Frame<Bytes>, Failure>> {
        tokio::time::sleep(SHORT / 4).await;
        Some(Ok(chain::Frame::data(Bytes::from_static(b"."))))
    }
}

#[tokio::test]
async fn a_client_that_trickles_its_body_after_the_answer_is_left_after_a_second() {
    let server = Server::start(vec![says("early")]);
    let mut client = server.connect().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n").await;
    assert_eq!(client.answer().await.text(), "early");
    let start = Instant::now();
    assert!(client.closes().await);
    server.watcher.until(|watcher| watcher.closed.load(std::sync::atomic::Ordering::SeqCst) == 1).await;
    assert!(start.elapsed() < Duration::from_secs(5));
}
