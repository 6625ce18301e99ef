//! Which connections are kept, which are not, and for how long.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::Notify;

use super::super::{Cluster, ClusterSettings, Router, Unobserved};
use super::backend::{Backend, HELLO};
use super::caller::{get, router};

#[tokio::test]
async fn a_connection_is_kept_only_if_nothing_speaks_against_it() {
    for (answer, kept) in [
        (HELLO, true),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", true),
        ("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 5\r\n\r\nhello", true),
        ("HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello", false),
        ("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello", false),
        ("HTTP/1.1 200 OK\r\nConnection: foo, Close\r\ncontent-length: 5\r\n\r\nhello", false),
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello and more", false),
    ] {
        let backend = Backend::answering(answer).await;
        let router = router(backend.address);
        for _ in 0..2 {
            assert_eq!(get(&router, "/").await.text(), "hello", "{answer}");
        }
        assert_eq!(backend.connections() == 1, kept, "{answer}");
    }
}

#[tokio::test]
async fn octets_that_nobody_asked_for_are_not_taken_for_the_next_response() {
    let (answered, said) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let backend = Backend::start({
        let (answered, said) = (Arc::clone(&answered), Arc::clone(&said));
        move |_, mut peer| {
            let (answered, said) = (Arc::clone(&answered), Arc::clone(&said));
            async move {
                while peer.head().await.is_some() {
                    peer.say(HELLO).await;
                    answered.notified().await;
                    peer.say("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil").await;
                    said.notify_one();
                }
            }
        }
    })
    .await;
    let router = router(backend.address);
    for _ in 0..5 {
        assert_eq!(get(&router, "/").await.text(), "hello");
        answered.notify_one();
        said.notified().await;
        tokio::task::yield_now().await; // the runtime hears of it
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_its_time() {
    let closed = Arc::new(Notify::new());
    let backend = Backend::start({
        let closed = Arc::clone(&closed);
        move |_, mut peer| {
            let closed = Arc::clone(&closed);
            async move {
                peer.head().await;
                peer.say(HELLO).await;
                peer.drain().await;
                closed.notify_one();
            }
        }
    })
    .await;
    let mut settings = ClusterSettings::new("app", [backend.address]);
    settings.connections.idle = Duration::from_millis(40);
    let cluster = Cluster::new(settings, Arc::new(Unobserved));
    get(&Router::new(Arc::clone(&cluster)), "/").await;
    assert_eq!(cluster.pool.counts(), (1, 1));
    closed.notified().await;
    assert_eq!(cluster.pool.counts(), (0, 0));
}

#[tokio::test]
async fn the_sweeper_drops_connections_that_the_endpoint_closed() {
    let backend = Backend::answering_once(HELLO).await;
    let cluster = super::caller::cluster(&[backend.address]);
    get(&Router::new(Arc::clone(&cluster)), "/").await;
    while cluster.pool.counts() != (0, 0) {
        tokio::task::yield_now().await;
        cluster.pool.sweep();
    }
}

#[tokio::test]
async fn the_connection_used_last_is_used_first() {
    let backend = Backend::start(|number, mut peer| async move {
        while let Some(head) = peer.head().await {
            if head.starts_with("GET /held") {
                peer.say("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n").await;
                peer.head().await;
            }
            peer.say(format!("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n{number}")).await;
        }
    })
    .await;
    let router = router(backend.address);
    let both = futures_util::future::join(get(&router, "/a"), get(&router, "/b")).await;
    assert_ne!(both.0.text(), both.1.text());
    let last = get(&router, "/").await;
    for _ in 0..5 {
        assert_eq!(get(&router, "/").await.text(), last.text());
    }
    assert_eq!((backend.connections(), last.status), (2, StatusCode::OK));
}
