//! What is sent again, and what never is.

use std::io::{Read, Write};
use std::sync::Arc;

use chain::Body;
use http::StatusCode;
use tokio::net::TcpListener;
use tokio::sync::Barrier;

use super::super::Router;
use super::backend::{Backend, HELLO};
use super::caller::{Told, ask, cluster, get, pieces, request, router, send};

/// Answers one request on each connection and closes, without an answer, when it has read another.
async fn answering_one_then_closing() -> Backend {
    Backend::start(|_, mut peer| async move {
        peer.head().await;
        peer.say(HELLO).await;
        peer.head().await;
    })
    .await
}

/// An address on which nobody listens.
async fn nobody() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn a_get_on_a_stale_connection_goes_out_again_on_a_new_one() {
    let backend = answering_one_then_closing().await;
    let router = router(backend.address);
    for _ in 0..10 {
        assert_eq!(get(&router, "/").await.text(), "hello");
    }
    assert_eq!(backend.connections(), 10);
}

#[tokio::test]
async fn a_put_whose_content_is_at_hand_goes_out_again_too() {
    let backend = answering_one_then_closing().await;
    let router = router(backend.address);
    get(&router, "/").await;
    assert_eq!(ask(&router, "PUT http://app.test/", "x").await.text(), "hello");
    assert_eq!(backend.heads().iter().filter(|head| head.starts_with("PUT")).count(), 2);
}

#[tokio::test]
async fn a_post_that_was_written_is_never_sent_twice() {
    for body in ["content", ""] {
        let backend = answering_one_then_closing().await;
        let router = router(backend.address);
        get(&router, "/").await;
        let reply = ask(&router, "POST http://app.test/", body).await;
        assert_eq!((reply.status, reply.flags()), (StatusCode::BAD_GATEWAY, vec!["UC"]));
        assert_eq!(backend.heads().iter().filter(|head| head.starts_with("POST")).count(), 1);
    }
}

#[tokio::test]
async fn a_put_whose_content_has_left_is_not_sent_twice() {
    let backend = answering_one_then_closing().await;
    let router = router(backend.address);
    get(&router, "/").await;
    let put = request("PUT http://app.test/", pieces("ab".into(), 2, Told::Nothing));
    assert_eq!(send(&router, put).await.status, StatusCode::BAD_GATEWAY);
    assert_eq!(backend.heads().len(), 2);
}

#[tokio::test]
async fn a_post_does_not_go_onto_a_connection_that_the_endpoint_has_closed() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let router = router(listener.local_addr().unwrap());
    let mut server = None;
    for _ in 0..10 {
        let next = listener.try_clone().unwrap();
        let serving = std::thread::spawn(move || serve_one(&next));
        // Closed in the very turn in which the request goes out: the runtime cannot have heard of it.
        drop(server.take());
        assert_eq!(ask(&router, "POST http://app.test/", "").await.text(), "hello");
        server = Some(serving.join().unwrap());
    }
}

/// Answers one request in front of the runtime's back.
fn serve_one(listener: &std::net::TcpListener) -> std::net::TcpStream {
    let (mut stream, _) = listener.accept().unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet).unwrap();
        head.extend(octet);
    }
    stream.write_all(HELLO.as_bytes()).unwrap();
    stream
}

#[tokio::test]
async fn a_get_goes_out_again_once_and_not_where_the_answer_began() {
    let backend = Backend::start(|number, mut peer| async move {
        peer.head().await;
        match number {
            1 => peer.say(HELLO).await,
            _ => return,
        }
        peer.head().await;
    })
    .await;
    let router_ = router(backend.address);
    get(&router_, "/").await;
    let reply = get(&router_, "/").await;
    assert_eq!((reply.status, reply.flags()), (StatusCode::BAD_GATEWAY, vec!["UC"]));
    assert_eq!(backend.connections(), 2);

    let backend = Backend::start(|_, mut peer| async move {
        peer.head().await;
        peer.say(HELLO).await;
        peer.head().await;
        peer.say("HTTP/1.1 20").await;
    })
    .await;
    let router = router(backend.address);
    get(&router, "/").await;
    assert_eq!(get(&router, "/").await.status, StatusCode::BAD_GATEWAY);
    assert_eq!(backend.heads().len(), 2);
}

#[tokio::test]
async fn where_one_connection_is_stale_the_others_are_not_tried() {
    let both = Arc::new(Barrier::new(2));
    let backend = Backend::start({
        let both = Arc::clone(&both);
        move |number, mut peer| {
            let both = Arc::clone(&both);
            async move {
                peer.head().await;
                if number <= 2 {
                    both.wait().await;
                }
                peer.say(HELLO).await;
                peer.head().await;
            }
        }
    })
    .await;
    let router = router(backend.address);
    futures_util::future::join(get(&router, "/"), get(&router, "/")).await;
    assert_eq!(get(&router, "/").await.text(), "hello");
    assert_eq!(backend.connections(), 3);
}

#[tokio::test]
async fn without_retries_a_stale_connection_is_a_failure() {
    let backend = answering_one_then_closing().await;
    let router = router(backend.address).retries(0);
    get(&router, "/").await;
    assert_eq!(get(&router, "/").await.status, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn a_refused_connection_is_503_and_only_the_record_names_the_endpoint() {
    let address = nobody().await;
    let reply = get(&router(address), "/").await;
    assert_eq!((reply.status, reply.flags()), (StatusCode::SERVICE_UNAVAILABLE, vec!["UF"]));
    assert!(!reply.text().contains(&address.to_string()), "{}", reply.text());
    assert_eq!(reply.exchange.record(|record| record.upstream_host), Some(address));
}

#[tokio::test]
async fn a_request_that_cannot_connect_tries_the_next_endpoint() {
    let backend = Backend::answering(HELLO).await;
    let router = Router::new(cluster(&[nobody().await, backend.address]));
    for _ in 0..4 {
        let post = request("POST http://app.test/", Body::full("content"));
        assert_eq!(send(&router, post).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_cluster_without_endpoints_answers_503() {
    let reply = get(&Router::new(cluster(&[])), "/").await;
    assert_eq!((reply.status, reply.flags()), (StatusCode::SERVICE_UNAVAILABLE, vec!["UH"]));
}
