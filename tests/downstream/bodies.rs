//! Bodies in both directions, through filters that wait at every point.

use std::sync::Arc;

use chain::Filter;

use crate::filters::{Pauses, Repeats, echoes};
use crate::support::{Answer, Server};

const SIZES: [usize; 4] = [0, 5_000, 200_000, 50_000_000];

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

fn with_length(body: &[u8]) -> Vec<u8> {
    let head = format!("POST /b HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn chunked(body: &[u8]) -> Vec<u8> {
    let mut wire = b"POST /b HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(70_001) {
        wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        wire.extend_from_slice(chunk);
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b"0\r\n\r\n");
    wire
}

/// Sends while it receives, as a client with a large body has to.
async fn exchange(server: &Server, request: Vec<u8>) -> Answer {
    let mut client = server.connect().await;
    let upload = client.send_beside(request);
    let answer = client.answer().await;
    upload.await.unwrap();
    answer
}

async fn every_body_passes(filters: fn() -> Vec<Arc<dyn Filter>>, status: u16, suffix: &[u8]) {
    let server = Server::start(filters());
    let mut exchanges = 0;
    for size in SIZES {
        let body = content(size);
        let expected = [&body[..], suffix].concat();
        for request in [with_length(&body), chunked(&body)] {
            let answer = exchange(&server, request).await;
            assert_eq!(answer.status, status, "{size} bytes");
            assert!(answer.whole && answer.body == expected, "{size} bytes came back as {}", answer.body.len());
            exchanges += 1;
            let seen = server.watcher.ended(exchanges).await.pop().unwrap();
            assert_eq!((seen.received, seen.sent), (size as u64, expected.len() as u64));
            assert_eq!(seen.flags, [""; 0]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_stream_through_a_chain_that_does_not_wait() {
    every_body_passes(|| vec![echoes()], 200, b"").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_pass_a_filter_that_waits_in_all_four_callbacks_and_holds_the_response() {
    every_body_passes(|| vec![Arc::new(Pauses), echoes()], 201, b"!").await;
}

#[tokio::test]
async fn bodies_pass_two_waiting_filters_around_one_that_reads_first() {
    every_body_passes(|| vec![Arc::new(Pauses), Arc::new(Pauses), Arc::new(Repeats)], 201, b"!!").await;
}
