use std::fs;
use std::io::Read;
use std::path::Path;

use chain::{Connection, Exchange};
use http::{Request, Response, Version};
use serde_json::json;

use super::*;

const LONG: Duration = Duration::from_secs(10);

fn connection() -> Arc<Connection> {
    Arc::new(Connection {
        id: 1,
        listener: "business".into(),
        peer: "127.0.0.1:40000".parse().unwrap(),
        local: "[::1]:2045".parse().unwrap(),
    })
}

/// An exchange of which everything is known.
fn exchange() -> Arc<Exchange> {
    let request = Request::get("http://shop.example/book?name=book1")
        .header("x-forwarded-for", "10.1.2.3")
        .header("user-agent", "curl/8.0")
        .header("x-request-id", "7f3a")
        .version(Version::HTTP_11);
    let (request, ()) = request.body(()).unwrap().into_parts();
    let (response, ()) = Response::builder().status(503).header("server", "x").body(()).unwrap().into_parts();
    let exchange = Exchange::new(connection(), None, &request);
    exchange.park(|parked| {
        parked.request = Some(request);
        parked.response = Some(response);
    });
    exchange.record(|record| {
        record.flag("WF");
        record.flag("DC");
        record.details = Some("wasm_fail_stream:id_1:proxy_on_request_headers:unreachable".into());
        record.bytes_received = 5;
        record.bytes_sent = 70_000;
        record.upstream_host = Some("127.0.0.1:8080".parse().unwrap());
        record.upstream_cluster = Some("app".into());
        record.upstream_time = Some(Duration::from_millis(12));
        record.function = Some("id_1".into());
        record.function_version = Some(3);
        record.guest_time = Duration::from_micros(417);
        record.host_calls = 2;
        record.host_call_time = Duration::from_micros(1800);
        record.trap = Some("proxy_on_request_headers:unreachable".into());
    });
    exchange
}

/// An exchange of which nothing is known but the connection.
fn bare() -> Arc<Exchange> {
    let (head, ()) = Request::new(()).into_parts();
    Exchange::new(connection(), None, &head)
}

fn line(format: &str, exchange: &Exchange) -> String {
    let log = AccessLog { format: format.parse().unwrap(), writer: None };
    let line = String::from_utf8(log.line(exchange, Duration::from_millis(34))).unwrap();
    line.strip_suffix('\n').unwrap().to_owned()
}

fn start(exchange: &Exchange) -> String {
    crate::telemetry::rfc3339(exchange.started_at())
}

#[test]
fn the_default_line_is_envoys_and_four_fields() {
    let exchange = exchange();
    assert_eq!(
        line("default", &exchange),
        format!(
            "[{}] \"GET /book?name=book1 HTTP/1.1\" 503 WF,DC 5 70000 34 12 \"10.1.2.3\" \"curl/8.0\" \"7f3a\" \
             \"shop.example\" \"127.0.0.1:8080\" \"wasm_fail_stream:id_1:proxy_on_request_headers:unreachable\" \
             \"id_1\" 3 417",
            start(&exchange)
        )
    );
}

#[test]
fn what_is_not_known_is_a_dash() {
    let exchange = bare();
    assert_eq!(
        line("default", &exchange),
        format!("[{}] \"- - -\" - - 0 0 34 - \"-\" \"-\" \"-\" \"-\" \"-\" \"-\" \"-\" - -", start(&exchange))
    );
}

#[test]
fn json_has_the_keys_of_the_contract_in_their_order() {
    let exchange = exchange();
    let text = line("json", &exchange);
    let expected = json!({
        "start_time": start(&exchange), "method": "GET", "path": "/book?name=book1", "protocol": "HTTP/1.1",
        "response_code": 503, "response_flags": "WF,DC",
        "response_code_details": "wasm_fail_stream:id_1:proxy_on_request_headers:unreachable",
        "bytes_received": 5, "bytes_sent": 70000, "duration_ms": 34, "user_agent": "curl/8.0", "request_id": "7f3a",
        "authority": "shop.example", "upstream_host": "127.0.0.1:8080", "upstream_cluster": "app",
        "listener": "business", "function": "id_1", "function_version": 3, "function_us": 417, "host_calls": 2,
        "host_call_us": 1800, "trap": "proxy_on_request_headers:unreachable",
    });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), expected);
    let keys = "start_time method path protocol response_code response_flags response_code_details bytes_received \
                bytes_sent duration_ms user_agent request_id authority upstream_host upstream_cluster listener \
                function function_version function_us host_calls host_call_us trap";
    let places: Vec<_> = keys.split(' ').map(|key| text.find(&format!("\"{key}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn in_json_what_is_not_known_is_null() {
    let object: serde_json::Value = serde_json::from_str(&line("json", &bare())).unwrap();
    for key in ["method", "path", "response_code", "response_flags", "upstream_host", "function", "function_us", "trap"]
    {
        assert!(object[key].is_null(), "{key} is {}", object[key]);
    }
    assert_eq!(object["bytes_sent"], 0);
}

#[test]
fn an_operator_line_says_what_it_was_asked_for() {
    let exchange = exchange();
    for (format, expected) in [
        ("100%% %REQ(:scheme)%://%REQ(Host)%", "100% http://shop.example"),
        ("%REQ(x-missing?:METHOD)% %REQ(X-MISSING)%", "GET -"),
        ("%REQ(:PATH):6%|%REQ(:PATH):99%", "/book?|/book?name=book1"),
        ("%RESP(x-missing?server)%", "x"),
        ("%UPSTREAM_CLUSTER% %HOST_CALLS% %HOST_CALL_DURATION%", "app 2 1800"),
        ("%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS%", "127.0.0.1:40000 [::1]:2045"),
        ("%LISTENER%\t%TRAP%", "business\tproxy_on_request_headers:unreachable"),
    ] {
        assert_eq!(line(format, &exchange), expected, "{format}");
    }
}

#[test]
fn an_original_path_is_logged_in_place_of_the_changed_one() {
    let exchange = exchange();
    exchange.park(|parked| {
        let head = parked.request.as_mut().unwrap();
        head.headers.insert("x-envoy-original-path", "/before".parse().unwrap());
    });
    assert!(line("default", &exchange).contains("\"GET /before HTTP/1.1\""));
    assert!(line("json", &exchange).contains(r#""path":"/before""#));
}

#[test]
fn the_upstreams_own_time_goes_before_the_measured_one() {
    let exchange = exchange();
    exchange.park(|parked| {
        let head = parked.response.as_mut().unwrap();
        head.headers.insert("x-envoy-upstream-service-time", "7".parse().unwrap());
    });
    assert_eq!(line("%RESP(X-Envoy-Upstream-Service-Time)%", &exchange), "7");
}

#[test]
fn no_value_can_end_its_quotation_or_its_line() {
    let exchange = exchange();
    exchange.park(|parked| {
        let head = parked.request.as_mut().unwrap();
        let value = http::HeaderValue::from_bytes(b"a\"b\\c\td\xc2\x9be\xff\xc3\xa4").unwrap();
        head.headers.insert("user-agent", value);
    });
    exchange.record(|record| record.trap = Some("line\nbreak".to_owned()));
    assert_eq!(line("%REQ(user-agent)%", &exchange), r"a\x22b\x5Cc\x09d\xC2\x9Be\xFF\xC3\xA4");
    assert_eq!(line("%TRAP%", &exchange), r"line\x0Abreak");
    let text = line("json", &exchange);
    assert!(text.contains(r#""user_agent":"a\"b\\c\u0009d\u009Be"#), "{text}");
    let object: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(object["user_agent"], "a\"b\\c\td\u{9b}e\u{FFFD}ä");
    assert_eq!(object["trap"], "line\nbreak");
}

#[test]
fn two_logs_to_one_file_share_it_and_it_can_be_rotated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("access.log");
    let destination = Destination::File(path.clone());
    let logs = AccessLogs::new(&Metrics::new("test"));
    let first = logs.open(&destination, "%LISTENER% one".parse().unwrap()).unwrap();
    let second = logs.open(&destination, "%LISTENER% two".parse().unwrap()).unwrap();
    assert!(Arc::ptr_eq(first.writer.as_ref().unwrap(), second.writer.as_ref().unwrap()));
    first.write(&bare());
    second.write(&bare());
    assert!(logs.flush(LONG));
    assert_eq!(read(&path), "business one\nbusiness two\n");

    let rotated = folder.path().join("access.log.1");
    fs::rename(&path, &rotated).unwrap();
    logs.reopen().unwrap();
    first.write(&bare());
    assert!(logs.flush(LONG));
    assert_eq!(read(&path), "business one\n");
    assert_eq!(read(&rotated), "business one\nbusiness two\n");
}

#[test]
fn a_file_that_nobody_logs_to_any_more_is_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| Destination::File(folder.path().join(name));
    let logs = AccessLogs::new(&Metrics::new("test"));
    drop(logs.open(&at("old"), "json".parse().unwrap()).unwrap());
    let _new = logs.open(&at("new"), "json".parse().unwrap()).unwrap();
    assert_eq!(logs.open.lock().keys().collect::<Vec<_>>(), [&at("new")]);
}

#[test]
fn a_file_that_cannot_be_opened_is_refused() {
    let logs = AccessLogs::new(&Metrics::new("test"));
    let destination = Destination::from("/nowhere/access.log");
    let error = logs.open(&destination, "json".parse().unwrap()).err().unwrap();
    assert_eq!(error.to_string(), "cannot open `/nowhere/access.log` for the access log");
}

/// A FIFO that is open for reading and never read.
fn stuck_fifo(path: &Path) -> fs::File {
    let made = std::process::Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
    fs::File::options().read(true).write(true).open(path).unwrap() // O_RDWR does not wait for the other side
}

#[test]
fn a_reader_that_never_reads_costs_lines_that_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    let mut reader = stuck_fifo(&path);
    let metrics = Metrics::new("test");
    let logs = AccessLogs::new(&metrics);
    let log = logs.open(&Destination::File(path), "default".parse().unwrap()).unwrap();
    let exchange = exchange();
    let started = std::time::Instant::now();
    for _ in 0..30_000 {
        log.write(&exchange);
    }
    assert!(started.elapsed() < LONG, "{:?}", started.elapsed());
    let dropped = metrics.access_log_dropped().get();
    assert!(dropped > 30_000 - 20_000, "{dropped} dropped");
    assert!(!logs.flush(Duration::from_millis(20)));

    // Once it reads again, what waited arrives in whole lines, and new lines after it.
    let reading = std::thread::spawn(move || {
        let mut whole = Vec::new();
        let mut some = vec![0; 1 << 16];
        while !whole.ends_with(b"the end\n") {
            let count = reader.read(&mut some).unwrap();
            whole.extend_from_slice(&some[..count]);
        }
        String::from_utf8(whole).unwrap()
    });
    assert!(logs.flush(LONG));
    let last = AccessLog { format: "the end".parse().unwrap(), ..log.clone() };
    last.write(&exchange);
    let text = reading.join().unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[..lines.len() - 1].iter().all(|line| line.starts_with("[20") && line.ends_with(" 417")));
    assert_eq!(lines.len() as u64 + metrics.access_log_dropped().get(), 30_001);
}

#[test]
fn a_fifo_that_nobody_has_open_is_refused_instead_of_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    drop(stuck_fifo(&path));
    let logs = AccessLogs::new(&Metrics::new("test"));
    assert!(logs.open(&Destination::File(path), "json".parse().unwrap()).is_err());
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn none_writes_nothing() {
    let logs = AccessLogs::new(&Metrics::new("test"));
    let log = logs.open(&Destination::None, "default".parse().unwrap()).unwrap();
    log.write(&exchange());
    assert!(log.writer.is_none() && logs.open.lock().is_empty());
}
