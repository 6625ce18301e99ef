//! What of a request head reaches the chain, and what is refused.

use std::sync::Arc;

use crate::filters::{Counts, describes, says};
use crate::support::Server;

/// The description of a request by the chain, without the fields that differ from run to run.
async fn described(head: &str) -> Vec<String> {
    let answer = Server::start(vec![describes()]).answer(head).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text().lines().filter(|line| !line.starts_with("x-request-id: ")).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_chain_gets_the_head_with_host_in_the_uri_and_without_hop_by_hop_fields() {
    let lines = described(concat!(
        "PATCH /a%2Fb//c?q=1&r=%20 HTTP/1.1\r\nHOST: Example.com:8080\r\nX-One: 1\r\nx-two: \t 2 \r\nx-one: 3\r\n",
        "connection: keep-alive, x-secret, host, x-forwarded-for\r\nx-secret: s\r\nkeep-alive: 5\r\nproxy-connection: a\r\n",
        "te: trailers\r\ntrailer: x\r\nupgrade: websocket\r\nhttp2-settings: a\r\nx-forwarded-for: 1.1.1.1\r\n\r\n",
    ))
    .await;
    assert_eq!(
        lines,
        [
            "PATCH http://Example.com:8080/a%2Fb//c?q=1&r=%20 HTTP/1.1",
            "x-one: 1",
            "x-one: 3",
            "x-two: 2",
            "x-forwarded-for: 1.1.1.1,127.0.0.1",
            "x-forwarded-proto: http",
        ]
    );
}

#[tokio::test]
async fn an_absolute_target_takes_the_place_of_host() {
    assert_eq!(described("GET http://b:81/p?q HTTP/1.1\r\nhost: a\r\n\r\n").await[0], "GET http://b:81/p?q HTTP/1.1");
    assert_eq!(described("GET HTTPS://b HTTP/1.1\r\nhost: a\r\n\r\n").await[0], "GET http://b/ HTTP/1.1");
}

#[tokio::test]
async fn other_forms_of_targets_and_hosts_are_kept_as_they_are() {
    assert_eq!(described("OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n").await[0], "OPTIONS http://a* HTTP/1.1");
    assert_eq!(described("GET /x HTTP/1.0\r\n\r\n").await[0], "GET /x HTTP/1.0");
    assert_eq!(described("GET / HTTP/1.1\r\nhost: [::1]:80\r\n\r\n").await[0], "GET http://[::1]:80/ HTTP/1.1");
    assert_eq!(described("\r\n\r\nGET / HTTP/1.1\r\nhost: a:\r\n\r\n").await[0], "GET http://a:/ HTTP/1.1");
}

#[tokio::test]
async fn a_request_id_is_added_and_an_existing_one_stays() {
    let server = Server::start(vec![describes()]);
    server.answer("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    server.answer("GET / HTTP/1.1\r\nhost: a\r\nx-request-id: mine\r\n\r\n").await;
    let seen = server.watcher.ended(2).await;
    assert_eq!(seen[0].request_headers["x-request-id"].len(), 36);
    assert_eq!(seen[1].request_headers["x-request-id"], "mine");
}

#[tokio::test]
async fn a_head_that_the_chain_dropped_is_there_for_the_log_as_the_chain_got_it() {
    let server = Server::start(vec![describes()]);
    let answer = server.answer("GET /log?x HTTP/1.1\r\nhost: a\r\nuser-agent: u\r\nconnection: close\r\n\r\n").await;
    let seen = &server.watcher.ended(1).await[0];
    assert_eq!((seen.method.as_deref(), seen.uri.as_deref()), (Some("GET"), Some("http://a/log?x")));
    let fields: Vec<String> = answer.text().lines().skip(1).map(str::to_owned).collect();
    assert!(fields.iter().any(|field| field.starts_with("x-request-id: ")));
    let logged = seen.request_headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
    assert_eq!(logged.collect::<Vec<_>>(), fields);
}

/// Heads that are refused, with the status.
const REFUSED: &[(u16, &str)] = &[
    (400, "GET / HTTP/1.1\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nhost:\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nhost: user@a\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nhost: a:b\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nhost: a:99999\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nhost: a/b\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nhost: a b\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nhost: :80\r\n\r\n"),
    (400, "GET http://u:p@b/ HTTP/1.1\r\nhost: a\r\n\r\n"),
    (400, "GET http:/// HTTP/1.1\r\nhost: a\r\n\r\n"),
    (400, "GET ftp://b/ HTTP/1.1\r\nhost: a\r\n\r\n"),
    (400, "GET b HTTP/1.1\r\nhost: a\r\n\r\n"),
    (400, "GET * HTTP/1.1\r\nhost: a\r\n\r\n"),
    (400, "GET /#f HTTP/1.1\r\nhost: a\r\n\r\n"),
    (400, "GET /a b HTTP/1.1\r\nhost: a\r\n\r\n"),
    (400, "GET  / HTTP/1.1\r\nhost: a\r\n\r\n"),
    (400, "GET /\x01 HTTP/1.1\r\nhost: a\r\n\r\n"),
    (400, "GET /\x7f HTTP/1.1\r\nhost: a\r\n\r\n"),
    (400, "G(T / HTTP/1.1\r\nhost: a\r\n\r\n"),
    (400, "GET /\r\n\r\n"),
    (400, "GET / HTTP/2.0\r\nhost: a\r\n\r\n"),
    (400, "GET / HTTP/1.1x\r\nhost: a\r\n\r\n"),
    (400, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    (400, "CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n"),
    (400, "GET / HTTP/1.1\nhost: a\n\n"),
    (400, "GET / HTTP/1.1\r\nhost: a\r\nx: 1\n\r\n"),
    (400, "GET / HTTP/1.1\r\nhost: a\n\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nhost: a\r\n folded: x\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nhost: a\r\nx: 1\r\n\t2\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nhost: a\r\nx : 1\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\n host: a\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nhost: a\r\n: 1\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nhost: a\r\nx\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nhost: a\r\nx: 1\r2\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nhost: a\r\nx: \x00\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nhost: a\r\nx: \x0b\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nhost: a\r\nx\x00y: 1\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, identity\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding:\r\n\r\n"),
    (400, "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc"),
    (400, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3, 3\r\n\r\nabc"),
    (400, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +3\r\n\r\nabc"),
    (400, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0x3\r\n\r\nabc"),
    (400, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length:\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nhost: a\r\nconnection: close, a b\r\n\r\n"),
    (400, "\x16\x03\x01\x02\x00\x01\x00\x01"),
    (400, "\r\n\r\n\r\n\r\n\r\n"),
];

#[tokio::test]
async fn heads_that_two_readers_could_read_in_two_ways_are_refused_and_the_connection_closed() {
    let reached = Arc::default();
    let server = Server::start(vec![Arc::new(Counts(Arc::clone(&reached))), says("reached")]);
    for (status, head) in REFUSED {
        let mut client = server.connect().await;
        client.send(head).await;
        let answer = client.answer().await;
        assert_eq!(answer.status, *status, "{head:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{head:?}");
        assert!(answer.text().starts_with("{\"error\":\""), "{head:?}");
        assert!(client.closes().await, "{head:?}");
    }
    let seen = server.watcher.ended(REFUSED.len()).await;
    for seen in seen {
        assert_eq!((&seen.flags[..], seen.status, seen.method), (&["DPE"][..], Some(400), None));
    }
    assert_eq!(reached.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_second_request_behind_a_refused_one_is_not_served() {
    let server = Server::start(vec![says("reached")]);
    let mut client = server.connect().await;
    client
        .send(concat!(
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n",
            "0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n",
        ))
        .await;
    assert_eq!(client.answer().await.status, 400);
    assert!(client.closes().await);
    assert_eq!(server.watcher.ended(1).await.len(), 1);
}

#[tokio::test]
async fn headers_over_a_limit_are_answered_with_431() {
    let server = Server::start(vec![describes()]);
    let head = |fields: usize, length: usize| {
        let mut head = "GET / HTTP/1.1\r\nhost: a\r\n".to_owned();
        (1..fields).for_each(|field| head.push_str(&format!("x-{field}: {}\r\n", "v".repeat(length))));
        head + "\r\n"
    };
    assert_eq!(server.answer(head(100, 1)).await.status, 200);
    assert_eq!(server.answer(head(99, 550)).await.status, 200);
    for over in [head(101, 1), head(3, 40_000), head(2, 70_000), "GET /".to_owned() + &"a".repeat(62_000)] {
        let answer = server.answer(&over).await;
        assert_eq!((answer.status, answer.header("connection")), (431, Some("close")), "{} bytes", over.len());
    }
    let seen = server.watcher.ended(6).await;
    assert_eq!((&seen[2].flags[..], seen[2].details.as_deref()), (&["DPE"][..], Some("request_headers_too_large")));
}

#[tokio::test]
async fn limits_of_headers_are_the_listeners_own() {
    let server = Server::start_with(vec![describes()], |front| {
        front.limits.headers = 300;
        front.limits.header_bytes = 200;
    });
    assert_eq!(server.answer("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.status, 200);
    let many = "a:\r\n".repeat(299);
    assert_eq!(server.answer(format!("GET / HTTP/1.1\r\nhost: a\r\n{many}\r\n")).await.status, 431);
    let server = Server::start_with(vec![describes()], |front| front.limits.headers = 300);
    assert_eq!(server.answer(format!("GET / HTTP/1.1\r\nhost: a\r\n{many}\r\n")).await.status, 200);
    assert_eq!(server.answer(format!("GET / HTTP/1.1\r\nhost: a\r\n{many}a:\r\n\r\n")).await.status, 431);
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_read_like_one_that_comes_at_once() {
    let server = Server::start(vec![describes()]);
    let mut client = server.connect().await;
    for byte in "GET /slow HTTP/1.1\r\nhost: a\r\nx: 1\r\n\r\n".bytes() {
        client.send([byte]).await;
        tokio::task::yield_now().await;
    }
    assert!(client.answer().await.text().starts_with("GET http://a/slow HTTP/1.1\nx: 1\n"));
}
