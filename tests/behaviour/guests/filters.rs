//! Filters in front of an application.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Chain, told};
use crate::support::{Answer, Backend, Redis};

#[tokio::test]
async fn add_header() {
    let app = Backend::start(|seen| Answer::ok(seen.target.clone())).await;
    let sidecar = Chain::new("add_header", r#"configuration: {name: x-outrigger, value: "1"}"#, &app).start().await;
    let reply = sidecar.send("GET", "/path", &[("x-outrigger", "the client's")], b"").await;
    assert_eq!((told(&reply), reply.field("x-outrigger")), ((200, "/path".into()), Some("1")));
    assert_eq!(app.seen()[0].field("x-outrigger"), Some("1"));
}

#[tokio::test]
async fn basic_auth() {
    let app = Backend::start(|_| Answer::ok("the books")).await;
    let sidecar = Chain::new("basic_auth", "configuration: {realm: books, users: {alice: secret}}", &app).start().await;
    // bob:secret, alice:wrong and alice:secret.
    for refused in [None, Some("Basic Ym9iOnNlY3JldA=="), Some("Basic YWxpY2U6d3Jvbmc="), Some("Bearer x")] {
        let fields: Vec<_> = refused.map(|value| ("authorization", value)).into_iter().collect();
        let reply = sidecar.send("GET", "/", &fields, b"").await;
        assert_eq!(told(&reply), (401, "Who are you?".into()), "{refused:?}");
        assert_eq!(reply.field("www-authenticate"), Some("Basic realm=\"books\", charset=\"UTF-8\""));
    }
    let reply = sidecar.send("GET", "/", &[("authorization", "Basic YWxpY2U6c2VjcmV0")], b"").await;
    assert_eq!(told(&reply), (200, "the books".into()));
    assert_eq!(app.seen().len(), 1, "who was refused did not get through");
}

#[tokio::test]
async fn body_rewrite() {
    let app = Backend::start(|seen| match seen.target.as_str() {
        "/chunked" => Answer::Chunked(Bytes::from("one, two, one"), 3),
        _ => Answer::ok("one, two, one"),
    });
    let app = app.await;
    let settings = "configuration: {request: {from: cat, to: tiger}, response: {from: one, to: seventeen}}";
    let sidecar = Chain::new("body_rewrite", settings, &app).start().await;
    let mut client = sidecar.client().await;
    for target in ["/length", "/chunked"] {
        let reply = client.send("POST", target, &[], b"a cat is a cat").await;
        assert_eq!(told(&reply), (200, "seventeen, two, seventeen".into()), "{target}");
        let chunks = b"5\r\na cat\r\n6\r\n is a \r\n3\r\ncat\r\n0\r\n\r\n";
        let reply = client.send("POST", target, &[("transfer-encoding", "chunked")], chunks).await;
        assert_eq!(told(&reply), (200, "seventeen, two, seventeen".into()), "{target}");
    }
    for seen in app.seen() {
        assert_eq!(seen.body, "a tiger is a tiger");
        let length = seen.field("content-length").map(str::to_owned);
        assert!(length.is_none_or(|length| length == "18"), "the old length is gone");
    }
}

#[tokio::test]
async fn inventory() {
    let mut redis = Redis::start().await;
    redis.set("book 1/2", "100").await;
    let app = Backend::echo().await;
    let mut chain = Chain::new("inventory", "", &app);
    chain.store = format!("redis: {{url: {}}}", redis.url());
    let sidecar = chain.start().await;
    let asked = async |target: &str| told(&sidecar.send("GET", target, &[], b"").await);
    let answer = "There are 100 inventories for book 1/2.";
    assert_eq!(asked("/?name=book%201%2F2").await, (200, answer.into()));
    assert_eq!(asked("/?name=book9").await, (404, "There are no inventories for book9.".into()));
    assert_eq!(asked("/").await, (400, "Which book? Send its name: ?name=book1".into()));
    redis.kill();
    let (status, text) = asked("/?name=book1").await;
    assert_eq!(status, 502, "{text}");
    assert!(text.starts_with("The inventories are out of reach: state_demo answered 50"), "{text}");
    redis.restart().await;
    redis.set("book 1/2", "7").await;
    let begun = Instant::now();
    while asked("/?name=book%201%2F2").await != (200, "There are 7 inventories for book 1/2.".into()) {
        assert!(begun.elapsed() < Duration::from_secs(10), "the store does not come back");
    }
    assert!(app.seen().is_empty(), "the function answers by itself");
}

#[tokio::test]
async fn holds_response() {
    let app = Backend::start(|_| Answer::Chunked(Bytes::from("a long story"), 4)).await;
    let side = Backend::start(|seen| Answer::ok(format!("{} bytes", seen.body.len()))).await;
    let mut chain = Chain::new("holds_response", "configuration: {cluster: side}", &app);
    chain.side = Some(&side);
    let sidecar = chain.start().await;
    assert_eq!(told(&sidecar.send("GET", "/", &[], b"").await), (200, "[12 bytes] a long story".into()));
    assert_eq!(side.seen()[0].body, "a long story");
}

#[tokio::test]
async fn waits_everywhere() {
    let app = Backend::echo().await;
    let side = Backend::start(|_| Answer::ok("go on")).await;
    let mut chain = Chain::new("waits_everywhere", "configuration: {cluster: side}", &app);
    chain.side = Some(&side);
    let sidecar = chain.start().await;
    let reply = sidecar.send("POST", "/", &[], b"content").await;
    assert_eq!(told(&reply), (200, "content".into()));
    assert_eq!(reply.field("x-waited"), Some("response_headers"));
    assert_eq!(app.seen()[0].field("x-waited"), Some("request_headers"));
    let calls: Vec<_> = side.seen().iter().map(|seen| seen.target.clone()).collect();
    assert_eq!(calls, ["/request_headers", "/request_body", "/response_headers", "/response_body"]);
}
#[tokio::test]
async fn metrics_and_data() {
    let app = Backend::echo().await;
    let sidecar = Chain::new("metrics_and_data", "", &app).start().await;
    let mut client = sidecar.client().await;
    for _ in 0..3 {
        assert_eq!(client.send("GET", "/", &[], b"").await.status, 200);
    }
    let numbers = client.send("GET", "/numbers", &[], b"").await.json();
    assert_eq!((&numbers["requests"], &numbers["in_flight"], &numbers["shared"]), (&4.into(), &1.into(), &4.into()));
    let ticks = numbers["ticks"].as_u64().expect("a number");
    let begun = Instant::now();
    while client.send("GET", "/numbers", &[], b"").await.json()["ticks"].as_u64() < Some(ticks + 2) {
        assert!(begun.elapsed() < Duration::from_secs(10), "it does not tick");
    }
    let requests = client.send("GET", "/numbers", &[], b"").await.json()["requests"].as_u64().expect("a number") as f64;
    let metric = async |name: &str| sidecar.metric(&format!("{name}{{function=\"metrics_and_data\"}}")).await;
    assert_eq!(metric("demo_requests").await, requests);
    assert_eq!(metric("demo_request_headers_count").await, requests);
    assert!(metric("demo_request_headers_sum").await >= 4.0 * requests);
    assert!(metric("demo_ticks").await >= 2.0);
    let text = sidecar.admin_get("/stats/prometheus").await.text();
    for kind in ["demo_requests counter", "demo_in_flight gauge", "demo_request_headers histogram"] {
        assert!(text.contains(&format!("# TYPE {kind}\n")), "{kind}");
    }
}

/// What `chunky` saw: the name of each callback, its number and whether it ended the side.
fn callbacks(lines: &str) -> Vec<(String, usize, bool)> {
    let callback = |line: &str| {
        let mut words = line.split(' ');
        let name = words.next().expect("a name").to_owned();
        let number = words.next().expect("a number").parse().expect("a number");
        (name, number, words.next() == Some("end"))
    };
    lines.split(", ").map(callback).collect()
}

#[tokio::test]
async fn chunky() {
    let app = Backend::start(|seen| match seen.target.as_str() {
        "/empty" => Answer::ok(""),
        _ => Answer::Chunked(Bytes::from(vec![b'x'; 100_000]), 10_000),
    });
    let app = app.await;
    let sidecar = Chain::new("chunky", "log_level: info", &app).start().await;
    let mut client = sidecar.client().await;

    let reply = client.send("GET", "/empty", &[("x-request-id", "first")], b"").await;
    // Four pseudo-headers, `x-request-id` and what the sidecar adds.
    let seen = callbacks(reply.field("x-seen").expect("the header"));
    assert_eq!((seen[0].0.as_str(), seen[0].2, seen.len()), ("request_headers", true, 1));
    sidecar.logged("response_headers").await;
    sidecar.logged("log function=chunky").await;
    let log = sidecar.log();
    let of_first: Vec<_> = log.lines().filter(|line| line.contains("request_id=\"first\"")).collect();
    let order = ["request_headers", "response_headers", "done", "log"];
    assert_eq!(of_first.len(), order.len(), "{of_first:#?}");
    for (line, callback) in of_first.iter().zip(order) {
        assert!(line.contains(callback), "{line} is not {callback}");
    }

    let reply = client.send("POST", "/", &[("x-request-id", "second")], &vec![b'x'; 300_000]).await;
    assert_eq!((reply.status, reply.body.len()), (200, 100_000));
    let seen = callbacks(reply.field("x-seen").expect("the header"));
    assert_eq!((seen[0].0.as_str(), seen[0].2), ("request_headers", false));
    let (last, pieces) = seen[1..].split_last().expect("a body");
    assert!(pieces.len() > 1, "it came in pieces: {seen:?}");
    assert!(pieces.iter().all(|(name, _, end)| name == "request_body" && !end), "{seen:?}");
    assert_eq!((last.0.as_str(), last.2), ("request_body", true));
    assert_eq!(seen[1..].iter().map(|(_, size, _)| size).sum::<usize>(), 300_000);
}
