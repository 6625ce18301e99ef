use std::sync::Arc;

use chain::{Connection, Exchange, Route};
use http::header::HeaderValue;

use super::*;
use crate::signal::Signal;
use crate::stream::Stream;

fn stream() -> Stream {
    let request = http::Request::builder()
        .uri("http://shop.example/a%20b?x=1&y")
        .header("x-a", "1")
        .header("x-a", "2")
        .header("user-agent", "curl")
        .header("content-length", "12");
    let (head, ()) = request.body(()).unwrap().into_parts();
    let connection = Connection {
        id: 7,
        listener: "l".into(),
        peer: "1.2.3.4:5678".parse().unwrap(),
        local: "[::1]:80".parse().unwrap(),
    };
    let route = Route { name: "r".into(), cluster: "c".into() };
    let exchange = Exchange::new(Arc::new(connection), Some(Arc::new(route)), &head);
    Stream::new(exchange, Arc::new(Signal::default()), head)
}

fn find(stream: &Stream, path: &str) -> Lookup {
    attributes::of_stream(stream, &segments(path.replace('.', "\0").as_bytes()))
}

fn found(stream: &Stream, path: &str) -> String {
    String::from_utf8(find(stream, path).unwrap().to_vec()).unwrap()
}

fn number(stream: &Stream, path: &str) -> u64 {
    u64::from_le_bytes(find(stream, path).unwrap()[..].try_into().unwrap())
}

#[test]
fn a_path_is_split_at_nuls_and_one_at_its_end_is_ignored() {
    assert_eq!(segments(without_end(b"a\0b.c\0")), [&b"a"[..], b"b.c"]);
    assert_eq!(segments(without_end(b"a")), [b"a"]);
    assert!(segments(without_end(b"")).is_empty());
    assert!(segments(without_end(b"\0")).is_empty());
}

#[test]
fn a_request_is_described_by_its_head() {
    let stream = stream();
    for (path, value) in [
        ("request.path", "/a%20b?x=1&y"),
        ("request.url_path", "/a%20b"),
        ("request.query", "x=1&y"),
        ("request.host", "shop.example"),
        ("request.scheme", "http"),
        ("request.method", "GET"),
        ("request.protocol", "HTTP/1.1"),
        ("request.useragent", "curl"),
        ("request.headers.X-A", "1,2"),
        ("request.headers.:path", "/a%20b?x=1&y"),
        ("request.headers.host", "shop.example"),
    ] {
        assert_eq!(found(&stream, path), value, "{path}");
    }
    for path in ["request.referer", "request.id", "request.headers.x-b", "request.duration"] {
        assert_eq!(find(&stream, path), Err(Missing::Unavailable), "{path}");
    }
    for path in ["request.url", "request.user_agent", "request.path.x", "nope"] {
        assert_eq!(find(&stream, path), Err(Missing::Unknown), "{path}");
    }
    assert_eq!(number(&stream, "request.size"), 12);
    assert_eq!(find(&stream, "request.time").unwrap().len(), 8);
}

#[test]
fn the_headers_are_pairs_with_joined_values() {
    let stream = stream();
    let headers = find(&stream, "request.headers").unwrap();
    let pairs = crate::pairs::decode(&headers).unwrap();
    assert_eq!(pairs[0], (&b":method"[..], &b"GET"[..]));
    assert!(pairs.contains(&(b"x-a", b"1,2")));
    assert_eq!(pairs.len(), 7);
    let bytes: usize = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
    // Joined values have the name once and a comma.
    assert_eq!(number(&stream, "request.headers_bytes") as usize, bytes + "x-a".len() - ",".len());
}

#[test]
fn a_head_that_has_gone_on_is_read_where_it_is_parked() {
    let mut stream = stream();
    let head = stream.request.head.take();
    assert_eq!(find(&stream, "request.path"), Err(Missing::Unavailable));
    assert_eq!(number(&stream, "request.size"), 0);
    stream.exchange.park(|parked| parked.request = head);
    assert_eq!(found(&stream, "request.url_path"), "/a%20b");
}

#[test]
fn a_content_length_that_is_no_number_gives_no_size() {
    let mut stream = stream();
    let head = stream.request.head.as_mut().unwrap();
    head.headers.insert("content-length", HeaderValue::from_static("many"));
    assert_eq!(find(&stream, "request.size"), Err(Missing::Unavailable));
}

#[test]
fn a_response_is_described_from_its_head_on() {
    let mut stream = stream();
    assert_eq!(find(&stream, "response.code"), Err(Missing::Unavailable));
    assert_eq!(find(&stream, "response.headers"), Err(Missing::Unavailable));
    for path in ["response.flags", "response.size", "response.total_size", "response.headers_bytes"] {
        assert_eq!(number(&stream, path), 0, "{path}");
    }
    let (mut head, ()) =
        http::Response::builder().status(503).header("grpc-status", "14").body(()).unwrap().into_parts();
    head.headers.insert("x", HeaderValue::from_static("1"));
    stream.response.head = Some(head);
    stream.exchange.record(|record| {
        record.flag("UF");
        record.flag("WF");
        record.flag("DF");
        record.details = Some("upstream_connect_failed".into());
        record.bytes_sent = 5;
        record.upstream_time = Some(std::time::Duration::from_nanos(9));
    });
    assert_eq!(number(&stream, "response.code"), 503);
    assert_eq!(number(&stream, "response.flags"), 0x0400_0020);
    assert_eq!(number(&stream, "response.grpc_status"), 14);
    assert_eq!(number(&stream, "response.size"), 5);
    assert_eq!(number(&stream, "response.headers_bytes"), ":status503grpc-status14x1".len() as u64);
    assert_eq!(number(&stream, "response.backend_latency"), 9);
    assert_eq!(found(&stream, "response.code_details"), "upstream_connect_failed");
    assert_eq!(find(&stream, "response.trailers"), Err(Missing::Unavailable));
    stream.response.trailers = Some(http::HeaderMap::new());
    assert_eq!(find(&stream, "response.trailers").unwrap(), [0; 4][..]);
    assert_eq!(find(&stream, "response.status"), Err(Missing::Unknown));
}

#[test]
fn the_final_duration_is_there_when_the_exchange_is_logged() {
    let mut stream = stream();
    stream.logging = true;
    assert!(number(&stream, "request.duration") > 0);
}

#[test]
fn connections_have_addresses_and_ports() {
    let stream = stream();
    assert_eq!(found(&stream, "source.address"), "1.2.3.4:5678");
    assert_eq!(number(&stream, "source.port"), 5678);
    assert_eq!(found(&stream, "destination.address"), "[::1]:80");
    assert_eq!(number(&stream, "connection.id"), 7);
    assert_eq!(number(&stream, "connection_id"), 7);
    assert_eq!(find(&stream, "connection.mtls").unwrap(), [0][..]);
    assert_eq!(found(&stream, "connection.requested_server_name"), "");
    assert_eq!(find(&stream, "upstream.address"), Err(Missing::Unavailable));
    stream.exchange.record(|record| record.upstream_host = Some("10.0.0.1:8080".parse().unwrap()));
    assert_eq!(found(&stream, "upstream.address"), "10.0.0.1:8080");
    assert_eq!(number(&stream, "upstream.port"), 8080);
}

#[test]
fn route_and_cluster_have_an_old_and_a_new_name() {
    let stream = stream();
    for path in ["route_name", "xds.route_name"] {
        assert_eq!(found(&stream, path), "r");
    }
    for path in ["cluster_name", "xds.cluster_name"] {
        assert_eq!(found(&stream, path), "c");
    }
    assert_eq!(number(&stream, "listener_direction"), 0);
    assert_eq!(find(&stream, "xds.nope"), Err(Missing::Unknown));
}

#[test]
fn what_one_filter_stores_the_next_one_finds() {
    let stream = stream();
    Properties::of(&stream.exchange).set(b"a", b"v").unwrap();
    assert_eq!(Properties::of(&stream.exchange).get(b"a"), Some("v".into()));
}
