//! Responses: how they end, how they are cut, and what is not one.

use std::sync::Arc;
use std::time::Duration;

use chain::Failure;
use http::StatusCode;
use tokio::sync::Notify;

use super::super::Router;
use super::backend::{Backend, HELLO};
use super::caller::{ask, cluster, get, request, router, run, send};

async fn answered(octets: impl Into<Vec<u8>>) -> super::caller::Reply {
    let backend = Backend::answering_once(octets).await;
    get(&router(backend.address), "/").await
}

#[tokio::test]
async fn chunks_extensions_and_trailers_are_understood() {
    let reply = answered(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n\
         3;name=value\r\nabc\r\n4  \r\ndefg\r\n00a ; x=\"y\"\r\n0123456789\r\n0\r\nx-sum: 17\r\ncontent-length: 3\r\n\r\n",
    )
    .await;
    assert_eq!(reply.text(), "abcdefg0123456789");
    assert!(!reply.headers.contains_key("transfer-encoding"));
    let trailers = reply.trailers.unwrap();
    assert_eq!((trailers.len(), &trailers["x-sum"]), (1, &"17".parse().unwrap()));
}

#[tokio::test]
async fn a_response_without_a_length_ends_with_its_connection() {
    assert_eq!(answered("HTTP/1.1 200 OK\r\n\r\nto the end").await.text(), "to the end");
}

#[tokio::test]
async fn head_204_and_304_have_no_content() {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n").await;
    let head = router(backend.address);
    for _ in 0..2 {
        let reply = ask(&head, "HEAD http://app.test/", "").await;
        assert_eq!((reply.text(), &reply.headers["content-length"]), ("", &"5".parse().unwrap()));
    }
    assert_eq!(backend.connections(), 1);
    for status in ["204 No Content", "304 Not Modified"] {
        let backend = Backend::answering(format!("HTTP/1.1 {status}\r\n\r\n")).await;
        let router = router(backend.address);
        for _ in 0..2 {
            assert_eq!(get(&router, "/").await.text(), "");
        }
        assert_eq!(backend.connections(), 1);
    }
}

#[tokio::test]
async fn a_small_response_is_at_its_end_when_it_arrives() {
    for answer in [HELLO, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"] {
        let backend = Backend::answering(answer).await;
        let get = request("GET http://app.test/", chain::Body::empty());
        run(&router(backend.address), get, async |response| {
            let mut body = response.unwrap().body;
            assert_eq!(body.length(), Some(5));
            assert!(body.frame().await.unwrap().is_ok());
            assert!(body.is_end());
        })
        .await;
    }
}

#[tokio::test]
async fn a_response_may_come_octet_by_octet() {
    let backend = Backend::start(|_, mut peer| async move {
        peer.head().await;
        let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\na: b\r\n\r\n";
        for octet in answer.bytes() {
            peer.say([octet]).await;
            tokio::task::yield_now().await;
        }
    })
    .await;
    let reply = get(&router(backend.address), "/").await;
    assert_eq!((reply.text(), reply.trailers.as_ref().unwrap().len()), ("abc0123456789abcdef", 1));
}

#[tokio::test]
async fn interim_responses_pass_but_for_100() {
    let reply = answered(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n\
         HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    )
    .await;
    assert_eq!(reply.text(), "ok");
    let hints = reply.exchange.next_informational().await;
    assert_eq!((hints.status.as_u16(), &hints.headers["link"]), (103, &"</a.css>".parse().unwrap()));
    assert_eq!(reply.exchange.next_informational().await.status.as_u16(), 102);
}

#[tokio::test]
async fn what_is_no_response_is_502() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(64 * 1024));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(101));
    let storm = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(17);
    for octets in [
        "SSH-2.0-OpenSSH_9.6\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\rb\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\nset-cookie: b\r\n\r\n",
        "HTTP/1.1 200 OK\nset-cookie: a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx : a\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
        &long,
        &many,
        &storm,
    ] {
        let reply = answered(octets).await;
        assert_eq!((reply.status, reply.flags()), (StatusCode::BAD_GATEWAY, vec!["UPE"]), "{octets:.60?}");
    }
}

#[tokio::test]
async fn the_same_length_told_twice_is_one_length() {
    let reply = answered("HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok").await;
    assert_eq!((reply.text(), reply.headers.get_all("content-length").iter().count()), ("ok", 1));
}

#[tokio::test]
async fn a_cut_response_is_never_passed_off_as_whole() {
    for octets in [
        "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n6\r\nshort",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n0\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n0\r\nx: y\r\n",
    ] {
        let reply = answered(octets).await;
        assert!(matches!(reply.body, Err(Failure::UpstreamReset(_))), "{octets:?}: {:?}", reply.body);
    }
    for octets in [
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n10000000000000000\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3;\0\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nbad trailer\r\n\r\n",
    ] {
        let reply = answered(octets).await;
        assert!(matches!(reply.body, Err(Failure::UpstreamMalformed(_))), "{octets:?}: {:?}", reply.body);
    }
}

#[tokio::test]
async fn a_reset_before_the_head_is_502_and_after_it_an_error_of_the_body() {
    let backend = Backend::start(|_, mut peer| async move {
        peer.head().await;
        peer.reset();
    })
    .await;
    let reply = get(&router(backend.address), "/").await;
    assert_eq!((reply.status, reply.flags()), (StatusCode::BAD_GATEWAY, vec!["UC"]));

    for head in ["", "content-length: 100\r\n", "transfer-encoding: chunked\r\n"] {
        let go_on = Arc::new(Notify::new());
        let backend = Backend::start({
            let go_on = Arc::clone(&go_on);
            move |_, mut peer| {
                let go_on = Arc::clone(&go_on);
                async move {
                    peer.head().await;
                    peer.say(format!("HTTP/1.1 200 OK\r\n{head}\r\n5\r\nbegun")).await;
                    go_on.notified().await;
                    peer.reset();
                }
            }
        })
        .await;
        let get = request("GET http://app.test/", chain::Body::empty());
        run(&router(backend.address), get, async |response| {
            let mut body = response.unwrap().body;
            assert!(body.frame().await.unwrap().is_ok());
            go_on.notify_one();
            assert!(matches!(body.frame().await, Some(Err(Failure::UpstreamReset(_)))), "{head}");
        })
        .await;
    }
}

#[tokio::test]
async fn an_endpoint_that_stalls_is_504() {
    for octets in ["", "HTTP/1.1 200 OK\r\n"] {
        let backend = stalling_after(octets).await;
        let reply = get(&router(backend.address).timeout(Duration::from_millis(50)), "/").await;
        assert_eq!((reply.status, reply.flags()), (StatusCode::GATEWAY_TIMEOUT, vec!["UT"]));
        let cluster = cluster(&[backend.address]);
        let router = Router::new(cluster.clone()).timeout(Duration::ZERO).per_try_timeout(Duration::from_millis(50));
        assert_eq!(get(&router, "/").await.status, StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(cluster.pool.counts(), (0, 0));
    }
}

#[tokio::test]
async fn an_endpoint_that_stalls_in_the_content_fails_the_body() {
    let backend = stalling_after("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await;
    let reply = get(&router(backend.address).timeout(Duration::from_millis(50)), "/").await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(matches!(reply.body, Err(Failure::UpstreamTimeout)));
}

#[tokio::test]
async fn a_time_limit_for_the_head_does_not_cut_the_content() {
    let backend = Backend::start(|_, mut peer| async move {
        peer.head().await;
        peer.say("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfirst").await;
        tokio::time::sleep(Duration::from_millis(150)).await;
        peer.say(" last").await;
    })
    .await;
    let reply = send(
        &router(backend.address).per_try_timeout(Duration::from_millis(100)),
        request("GET http://app.test/", chain::Body::empty()),
    )
    .await;
    assert_eq!(reply.text(), "first last");
}

async fn stalling_after(octets: &'static str) -> Backend {
    Backend::start(move |_, mut peer| async move {
        peer.head().await;
        peer.say(octets).await;
        peer.stall().await;
    })
    .await
}
