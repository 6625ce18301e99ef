//! Many requests against an endpoint that fails in every way it can: none is answered with less than the whole, and
//! none that must not be is sent twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chain::Body;
use futures_util::{StreamExt, stream};
use http::StatusCode;

use super::super::Router;
use super::backend::{Backend, Peer};
use super::caller::{Reply, cluster, request, router, send};

const CONTENT: &str = "0123456789";

/// The faults, by turns; of every 20 requests 12 are answered well.
async fn answer(turn: usize, peer: &mut Peer) -> Then {
    let whole = format!("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{CONTENT}");
    let (octets, then) = match turn % 20 {
        1 => ("", Then::Reset),
        3 => ("", Then::Close),
        5 => ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234", Then::Reset),
        8 => ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234", Then::Close),
        11 => ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n01234\r\n", Then::Close),
        13 => ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n012345", Then::Close),
        16 => ("HTTP/1.1 20", Then::Close),
        18 => (&*whole, Then::Close),
        _ => (&*whole, Then::GoOn),
    };
    peer.say(octets).await;
    then
}

#[derive(PartialEq, Eq)]
enum Then {
    GoOn,
    Close,
    Reset,
}

async fn failing() -> Backend {
    let turns = Arc::<AtomicUsize>::default();
    Backend::start(move |_, mut peer| {
        let turns = Arc::clone(&turns);
        async move {
            while peer.head().await.is_some() {
                match answer(turns.fetch_add(1, Ordering::SeqCst), &mut peer).await {
                    Then::GoOn => (),
                    Then::Close => return,
                    Then::Reset => return peer.reset(),
                }
            }
        }
    })
    .await
}

async fn numbered(router: &Router, method: &str, number: usize) -> Reply {
    send(router, request(&format!("{method} http://app.test/{number}"), Body::empty())).await
}

/// How often each request arrived.
fn arrivals(backend: &Backend) -> HashMap<String, usize> {
    let mut arrivals = HashMap::new();
    for head in backend.heads() {
        *arrivals.entry(head.split(" HTTP").next().unwrap().to_owned()).or_default() += 1;
    }
    arrivals
}

#[tokio::test]
async fn faults_are_passed_on_as_faults() {
    const REQUESTS: usize = 4000;
    let backend = failing().await;
    let cluster = cluster(&[backend.address]);
    let router = Router::new(Arc::clone(&cluster));
    // By threes, so that every fault meets both.
    let method = |number: usize| if number.is_multiple_of(3) { "POST" } else { "GET" };
    let replies = stream::iter(0..REQUESTS).map(|number| numbered(&router, method(number), number));
    let replies: Vec<_> = replies.buffer_unordered(16).collect().await;
    let (mut whole, mut cut, mut refused) = (0, 0, 0);
    for reply in replies {
        match (reply.status, &reply.body) {
            (StatusCode::OK, Ok(body)) => {
                assert_eq!(body, CONTENT, "a short body reported complete");
                whole += 1;
            }
            (StatusCode::OK, Err(_)) => cut += 1,
            (status, _) => {
                assert_eq!(status, StatusCode::BAD_GATEWAY);
                refused += 1;
            }
        }
    }
    assert!(whole > REQUESTS / 2 && cut > REQUESTS / 10 && refused > REQUESTS / 20, "{whole} {cut} {refused}");
    let arrivals = arrivals(&backend);
    assert!(arrivals.iter().all(|(head, &count)| count <= if head.starts_with("GET") { 2 } else { 1 }));
    assert!(arrivals.values().any(|&count| count == 2), "nothing was retried");
    let (open, idle) = cluster.pool.counts();
    assert_eq!(open, idle);
}

#[tokio::test]
async fn an_endpoint_that_closes_idle_connections_at_will_costs_no_get() {
    let turns = Arc::<AtomicUsize>::default();
    let backend = Backend::start(move |_, mut peer| {
        let turns = Arc::clone(&turns);
        async move {
            while peer.head().await.is_some() {
                peer.say(super::backend::HELLO).await;
                if turns.fetch_add(1, Ordering::SeqCst).is_multiple_of(3) {
                    return;
                }
            }
        }
    })
    .await;
    let router = router(backend.address);
    let replies = stream::iter(0..5000).map(|number| numbered(&router, "GET", number)).buffer_unordered(16);
    let replies: Vec<_> = replies.collect().await;
    assert!(replies.iter().all(|reply| reply.status == StatusCode::OK && reply.text() == "hello"));
}
