//! Plain exchanges: what goes out, what comes back, and that connections are used again.

use chain::Body;
use http::StatusCode;

use super::backend::{Backend, HELLO};
use super::caller::{Told, ask, get, pieces, request, router, send};

#[tokio::test]
async fn requests_one_after_the_other_share_a_connection() {
    let backend = Backend::answering(HELLO).await;
    let router = router(backend.address);
    for _ in 0..3 {
        let reply = get(&router, "/books?page=2").await;
        assert_eq!((reply.status, reply.text()), (StatusCode::OK, "hello"));
    }
    assert_eq!(backend.connections(), 1);
    assert_eq!(backend.heads()[2], "GET /books?page=2 HTTP/1.1\r\nhost: app.test\r\n");
}

#[tokio::test]
async fn the_record_says_where_the_response_came_from() {
    let backend = Backend::answering(HELLO).await;
    let reply = get(&router(backend.address), "/").await;
    assert!(reply.headers.contains_key("x-envoy-upstream-service-time"));
    reply.exchange.record(|record| {
        assert_eq!(record.upstream_host, Some(backend.address));
        assert_eq!(record.upstream_cluster.as_deref(), Some("app"));
        assert_eq!(record.details.as_deref(), Some("via_upstream"));
        assert!(record.upstream_time.is_some() && record.flags.is_empty());
    });
    reply.exchange.parked(|parked| assert_eq!(parked.request.as_ref().unwrap().uri.path(), "/"));
}

#[tokio::test]
async fn what_is_about_the_incoming_connection_stays_behind() {
    let backend = Backend::answering(HELLO).await;
    let mut request = request("GET http://user@app.test:81", Body::empty());
    for (name, value) in [
        ("host", "elsewhere"),
        ("connection", "close, x-private, x-forwarded-for, forwarded"),
        ("x-private", "1"),
        ("x-forwarded-for", "10.0.0.1"),
        ("forwarded", "for=10.0.0.1"),
        ("keep-alive", "timeout=5"),
        ("te", "trailers"),
        ("transfer-encoding", "chunked"),
        ("content-length", "7"),
        ("expect", "100-continue"),
        ("upgrade", "h2c"),
        ("accept", "*/*"),
    ] {
        request.head.headers.append(name, value.parse().unwrap());
    }
    send(&router(backend.address), request).await;
    assert_eq!(
        backend.heads(),
        [
            "GET / HTTP/1.1\r\nhost: app.test:81\r\nx-forwarded-for: 10.0.0.1\r\nforwarded: for=10.0.0.1\r\naccept: */*\r\n"
        ]
    );
}

#[tokio::test]
async fn a_known_length_is_told_and_an_unknown_one_is_chunked() {
    let backend = Backend::start(|_, mut peer| async move {
        while let Some(head) = peer.head().await {
            let content = if head.contains("chunked") {
                peer.chunked_content().await.0
            } else {
                let length = head.split("content-length: ").nth(1).unwrap().trim().parse().unwrap();
                peer.content(length).await
            };
            peer.say(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", content.len())).await;
            peer.say(content).await;
        }
    })
    .await;
    let router = router(backend.address);
    let reply = ask(&router, "POST http://app.test/", "one piece").await;
    assert_eq!(reply.text(), "one piece");
    let told = request("PUT http://app.test/", pieces("abc".into(), 3, Told::Length));
    assert_eq!(send(&router, told).await.text(), "abcabcabc");
    let untold = request("POST http://app.test/", pieces("abc".into(), 3, Told::Nothing));
    assert_eq!(send(&router, untold).await.text(), "abcabcabc");
    assert_eq!(ask(&router, "POST http://app.test/", "").await.text(), "");
    let framing: Vec<_> = backend.heads().iter().map(|head| head.lines().last().unwrap().to_owned()).collect();
    assert_eq!(framing, ["content-length: 9", "content-length: 9", "transfer-encoding: chunked", "content-length: 0"]);
    assert_eq!(backend.connections(), 1);
}
