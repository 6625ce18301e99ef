//! What an exchange leaves behind: metrics, a line of the access log, lines of the guest.

use std::fs;

use serde_json::{Value, json};

use crate::demo::{MEMORY, demo};
use crate::support::{Answer, Backend, Seen, Sidecar, module};

/// What a client of these tests sends along.
const FIELDS: [(&str, &str); 3] = [("id", "id_1"), ("user-agent", "test/1.0"), ("x-request-id", "r-1")];

async fn ask(sidecar: &Sidecar) {
    let reply = sidecar.send("GET", "/?name=book1", &FIELDS, b"").await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "There are 100 inventories for book1."));
}

#[tokio::test]
async fn one_demo_request_moves_each_metric_by_one() {
    let sidecar = Sidecar::start(&demo(MEMORY)).await;
    ask(&sidecar).await;
    sidecar.access_logged("/?name=book1").await;
    let text = loop {
        let text = sidecar.admin_get("/stats/prometheus").await.text();
        if text.contains("envoy_http_downstream_cx_active{envoy_http_conn_manager_prefix=\"business\"} 0") {
            break text;
        }
    };
    let listener = r#"{envoy_http_conn_manager_prefix="business"}"#;
    let class = |class| format!(r#"{{envoy_http_conn_manager_prefix="business",envoy_response_code_class="{class}"}}"#);
    let function = |id| format!(r#"{{function="{id}",version="1"}}"#);
    let exchanges = |id, class| format!(r#"{{code_class="{class}",function="{id}",version="1"}}"#);
    let called = r#"{function="id_1",kind="function",target="id_2"}"#;
    let read = r#"{function="id_2",kind="memory",target="state_demo"}"#;
    for (name, labels, value) in [
        ("envoy_http_downstream_rq_total", listener.to_owned(), 1),
        ("envoy_http_downstream_rq_xx", class("2"), 1),
        ("envoy_http_downstream_rq_xx", class("4"), 0),
        ("envoy_http_downstream_rq_xx", class("5"), 0),
        ("envoy_http_downstream_rq_active", listener.to_owned(), 0),
        ("envoy_http_downstream_rq_time_count", listener.to_owned(), 1),
        ("envoy_http_downstream_cx_total", listener.to_owned(), 1),
        ("outrigger_function_exchanges_total", exchanges("id_1", "2xx"), 1),
        ("outrigger_function_exchanges_total", exchanges("id_2", "2xx"), 1),
        ("outrigger_function_exchanges_total", exchanges("id_1", "5xx"), 0),
        ("outrigger_function_guest_seconds_count", function("id_1"), 1),
        ("outrigger_function_guest_seconds_count", function("id_2"), 1),
        ("outrigger_function_host_call_seconds_count", function("id_1"), 1),
        ("outrigger_function_wait_seconds_count", function("id_1"), 1),
        ("outrigger_function_instances", function("id_1"), 1),
        ("outrigger_function_instances", function("id_2"), 1),
        (
            "outrigger_dispatch_calls_total",
            r#"{function="id_1",kind="function",result="ok",target="id_2"}"#.to_owned(),
            1,
        ),
        (
            "outrigger_dispatch_calls_total",
            r#"{function="id_2",kind="memory",result="ok",target="state_demo"}"#.to_owned(),
            1,
        ),
        ("outrigger_dispatch_call_seconds_count", called.to_owned(), 1),
        ("outrigger_dispatch_call_seconds_count", read.to_owned(), 1),
        ("outrigger_config_generation", String::new(), 1),
        ("outrigger_config_reloads_total", r#"{result="ok"}"#.to_owned(), 1),
        ("outrigger_build_info", format!(r#"{{version="{}"}}"#, env!("CARGO_PKG_VERSION")), 1),
        ("outrigger_access_log_dropped_total", String::new(), 0),
    ] {
        let line = format!("{name}{labels} {value}");
        assert!(text.lines().any(|there| there == line), "there is no `{line}` in\n{text}");
    }
    assert!(!text.contains("outrigger_function_traps_total{"));
    assert_eq!(value(&text, "outrigger_function_memory_bytes", &function("id_1")) % 65536.0, 0.0);
    for name in
        ["process_resident_memory_bytes", "process_open_fds", "process_cpu_seconds_total", "process_start_time_seconds"]
    {
        assert!(value(&text, name, "") > 0.0, "{name}");
    }

    let stats = sidecar.admin_get("/stats").await.text();
    for line in
        ["http.business.downstream_rq_total: 1", "http.business.downstream_rq_2xx: 1", "outrigger_config_generation: 1"]
    {
        assert!(stats.lines().any(|there| there == line), "there is no `{line}` in\n{stats}");
    }
}

fn value(text: &str, name: &str, labels: &str) -> f64 {
    let start = format!("{name}{labels} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&start)).unwrap_or_else(|| panic!("no {start}\n{text}"));
    line.parse().expect("a number")
}

#[tokio::test]
async fn the_default_line_of_the_access_log_says_what_the_exchange_was() {
    let sidecar = Sidecar::start(&demo(MEMORY)).await;
    ask(&sidecar).await;
    let line = sidecar.access_logged("/?name=book1").await;
    let words: Vec<_> = line.split(' ').collect();
    let [time, duration, function_time] = [words[0], words[8], words[18]];
    let expected = [
        time,
        "\"GET",
        "/?name=book1",
        "HTTP/1.1\"",
        "200",
        "-",  // flags
        "0",  // bytes received
        "36", // bytes sent
        duration,
        "-", // time of an upstream
        "\"127.0.0.1\"",
        "\"test/1.0\"",
        "\"r-1\"",
        "\"localhost\"",
        "\"-\"", // upstream
        "\"wasm_answered\"",
        "\"id_1\"",
        "1",
        function_time,
    ];
    assert_eq!(words, expected, "{line}");
    assert!(time.len() == "[2026-11-23T02:23:14.378Z]".len() && time.ends_with("Z]"), "{line}");
    assert!(duration.parse::<u64>().is_ok_and(|millis| millis < 60_000), "{line}");
    assert!(function_time.parse::<u64>().is_ok_and(|micros| micros > 0), "{line}");
}

#[tokio::test]
async fn a_json_line_of_the_access_log_has_every_key() {
    let sidecar = Sidecar::start(&format!("access_log: {{format: json}}\n{}", demo(MEMORY))).await;
    ask(&sidecar).await;
    let line = sidecar.access_logged("/?name=book1").await;
    let object: Value = serde_json::from_str(&line).expect("JSON");
    let expected = json!({
        "start_time": object["start_time"],
        "method": "GET",
        "path": "/?name=book1",
        "protocol": "HTTP/1.1",
        "response_code": 200,
        "response_flags": null,
        "response_code_details": "wasm_answered",
        "bytes_received": 0,
        "bytes_sent": 36,
        "duration_ms": object["duration_ms"],
        "user_agent": "test/1.0",
        "request_id": "r-1",
        "authority": "localhost",
        "upstream_host": null,
        "upstream_cluster": null,
        "listener": "business",
        "function": "id_1",
        "function_version": 1,
        "function_us": object["function_us"],
        "host_calls": 1,
        "host_call_us": object["host_call_us"],
        "trap": null,
    });
    assert_eq!(object, expected);
    for key in ["function_us", "host_call_us"] {
        assert!(object[key].as_u64().is_some_and(|micros| micros > 0), "{key}: {line}");
    }
    assert!(object["duration_ms"].is_u64() && object["start_time"].is_string(), "{line}");
}

#[tokio::test]
async fn a_trap_is_in_the_answer_the_access_log_the_metrics_and_the_log() {
    let configuration = demo(MEMORY).replace("GUEST(function_1)}", "GUEST(traps)}");
    let sidecar = Sidecar::start(&format!("access_log: {{format: json}}\n{configuration}")).await;
    let reply = sidecar.send("GET", "/", &FIELDS, b"").await;
    assert_eq!((reply.status, reply.text().as_str()), (503, ""));
    let line: Value = serde_json::from_str(&sidecar.access_logged("r-1").await).expect("JSON");
    assert_eq!(line["response_flags"], "WF");
    assert_eq!(line["response_code_details"], "wasm_fail_stream:id_1:proxy_on_request_headers:unreachable");
    assert_eq!(line["trap"], "proxy_on_request_headers:unreachable");
    let traps = r#"outrigger_function_traps_total{function="id_1",reason="unreachable",version="1"}"#;
    assert_eq!(sidecar.metric(traps).await, 1.0);
    let exchanges = r#"outrigger_function_exchanges_total{code_class="5xx",function="id_1",version="1"}"#;
    assert_eq!(sidecar.metric(exchanges).await, 1.0);
    let logged = sidecar.logged("guest trapped").await;
    for field in
        ["WARN", "function=id_1", "version=1", "callback=\"proxy_on_request_headers\"", "reason=\"unreachable\""]
    {
        assert!(logged.contains(field), "no {field} in {logged}");
    }
}

/// Logs one line of each level but the highest.
const LOGS: &str = r#"
(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
(data (i32.const 0) "half a\nword")
(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (local $level i32)
    (loop $again
        (drop (call $log (local.get $level) (i32.const 0) (i32.const 11)))
        (local.set $level (i32.add (local.get $level) (i32.const 1)))
        (br_if $again (i32.lt_u (local.get $level) (i32.const 5))))
    i32.const 0)
"#;

#[tokio::test]
async fn a_line_of_a_guest_names_its_function_its_version_and_its_request() {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs.wasm");
    fs::write(&logs, module(LOGS)).unwrap();
    let configuration = demo(MEMORY).replace("GUEST(function_1)", &logs.display().to_string());
    let sidecar = Sidecar::start_with(&configuration, &["--log-format", "json"]).await;
    assert_eq!(sidecar.send("GET", "/", &FIELDS, b"").await.status, 200);

    sidecar.logged(r#""level":"ERROR""#).await;
    let lines = sidecar.log();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let own: Vec<_> = lines.iter().filter(|line| line["target"] == "outrigger::guest").collect();
    let levels: Vec<_> = own.iter().map(|line| line["level"].clone()).collect();
    assert_eq!(levels, ["INFO", "WARN", "ERROR"], "the function's level is info");
    let expected = json!({
        "timestamp": own[0]["timestamp"],
        "level": "INFO",
        "target": "outrigger::guest",
        "message": r"half a\x0Aword",
        "function": "id_1",
        "version": 1,
        "request_id": "r-1",
    });
    assert_eq!(*own[0], expected);

    // What is asked for is logged from then on.
    assert_eq!(sidecar.admin_post("/logging?function.id_1=trace", "").await.status, 200);
    assert_eq!(sidecar.send("GET", "/", &FIELDS, b"").await.status, 200);
    let line = sidecar.logged(r#""level":"TRACE""#).await;
    assert!(line.contains("outrigger::guest"), "{line}");
}

#[tokio::test]
async fn a_proxied_exchange_names_its_upstream_and_moves_the_cluster() {
    let backend = Backend::start(|_: &Seen| Answer::Reply(404, Vec::new(), "nothing".into())).await;
    let configuration = format!(
        r#"
access_log: {{format: json}}
clusters:
  - name: app
    endpoints: [{{address: "{}"}}]
functions:
  - name: add_header
    vm_config: {{path: GUEST(add_header)}}
    configuration: {{name: x-outrigger, value: "1"}}
listeners:
  - name: business
    address: 127.0.0.1:0
    filters:
      - name: wasm
        config: {{function: add_header}}
      - name: router
        config: {{cluster: app}}
"#,
        backend.address()
    );
    let sidecar = Sidecar::start(&configuration).await;
    let reply = sidecar.send("POST", "/there", &[("x-request-id", "r-2")], b"12345").await;
    assert_eq!((reply.status, reply.text().as_str()), (404, "nothing"));
    assert_eq!(reply.field("x-outrigger"), Some("1"));
    assert_eq!(backend.seen()[0].field("x-outrigger"), Some("1"));

    let line: Value = serde_json::from_str(&sidecar.access_logged("r-2").await).expect("JSON");
    for (key, value) in [
        ("upstream_host", json!(backend.address().to_string())),
        ("upstream_cluster", json!("app")),
        ("response_code", json!(404)),
        ("response_code_details", json!("via_upstream")),
        ("bytes_received", json!(5)),
        ("bytes_sent", json!(7)),
        ("function", json!("add_header")),
        ("host_calls", json!(0)),
    ] {
        assert_eq!(line[key], value, "{key}: {line}");
    }
    let text = sidecar.admin_get("/stats/prometheus").await.text();
    for line in [
        r#"envoy_cluster_upstream_rq_total{envoy_cluster_name="app"} 1"#,
        r#"envoy_cluster_upstream_rq_xx{envoy_cluster_name="app",envoy_response_code_class="4"} 1"#,
        r#"envoy_cluster_upstream_rq_xx{envoy_cluster_name="app",envoy_response_code_class="5"} 0"#,
        r#"envoy_cluster_upstream_rq_retry{envoy_cluster_name="app"} 0"#,
        r#"envoy_cluster_upstream_rq_timeout{envoy_cluster_name="app"} 0"#,
        r#"envoy_cluster_upstream_cx_total{envoy_cluster_name="app"} 1"#,
        r#"envoy_cluster_upstream_cx_active{envoy_cluster_name="app"} 1"#,
        r#"envoy_cluster_upstream_cx_connect_fail{envoy_cluster_name="app"} 0"#,
        r#"outrigger_function_exchanges_total{code_class="4xx",function="add_header",version="1"} 1"#,
    ] {
        assert!(text.lines().any(|there| there == line), "there is no `{line}` in\n{text}");
    }
}
