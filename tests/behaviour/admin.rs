//! The operator's endpoints, as the whole program answers them.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::demo::{MEMORY, demo};
use crate::support::{Backend, Redis, Reply, Sidecar, guest, module, request, shell};

#[tokio::test]
async fn every_endpoint_of_the_help_answers() {
    let sidecar = Sidecar::start(&demo(MEMORY)).await;
    let help = sidecar.admin_get("/help").await;
    assert_eq!(help.field("content-type"), Some("text/plain; charset=utf-8"));
    let text = help.text();
    let rows: Vec<_> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    let paths: Vec<_> = rows.iter().map(|words| format!("{} {}", words[0], words[1])).collect();
    let unmarked = [
        "GET /help",
        "GET /ready",
        "POST /wasm/install",
        "POST /wasm/uninstall",
        "POST /wasm/update",
        "GET /functions",
        "GET /functions/{id}",
        "GET /config_dump",
        "GET /listeners",
        "GET /clusters",
        "GET /stats",
        "GET /stats/prometheus",
        "GET /logging",
        "POST /logging",
        "GET /server_info",
    ];
    for row in unmarked {
        assert!(paths.iter().any(|path| path == row), "{row} is not in the help");
    }
    assert_eq!(paths.len(), unmarked.len(), "{paths:?}");
    for words in rows {
        assert!(words.len() > 2, "{words:?} says nothing about itself");
        let reply = request(sidecar.admin(), words[0], &words[1].replace("{id}", "id_1"), &[], b"").await;
        // The changes want a body.
        let status = if words[0] == "POST" { 400 } else { 200 };
        assert_eq!(reply.status, status, "{words:?}: {}", reply.text());
    }
}

#[tokio::test]
async fn the_state_of_the_process_is_told() {
    let backend = Backend::echo().await;
    let clusters = format!("clusters:\n  - name: app\n    endpoints: [{{address: \"{}\"}}]\n", backend.address());
    let sidecar = Sidecar::start_with(&format!("{clusters}{}", demo(MEMORY)), &["--threads", "3"]).await;
    let ready = sidecar.admin_get("/ready").await;
    assert_eq!((ready.status, ready.text().as_str()), (200, "LIVE\n"));

    let info = sidecar.admin_get("/server_info").await.json();
    assert!(info["uptime_seconds"].as_u64().is_some_and(|seconds| seconds < 600), "{info}");
    let rest = json!({"version": env!("CARGO_PKG_VERSION"), "state": "LIVE", "generation": 1, "threads": 3,
        "uptime_seconds": info["uptime_seconds"]});
    assert_eq!(info, rest);

    let listener = sidecar.listener("business").await;
    let listeners = json!({"listeners": [{"name": "business", "address": listener.to_string()}]});
    assert_eq!(sidecar.admin_get("/listeners").await.json(), listeners);
    let endpoints = json!([{"address": backend.address().to_string(), "healthy": true}]);
    let clusters = json!({"clusters": [{"name": "app", "endpoints": endpoints}]});
    assert_eq!(sidecar.admin_get("/clusters").await.json(), clusters);
}

#[tokio::test]
async fn a_function_is_described_field_by_field() {
    let sidecar = Sidecar::start(&demo(MEMORY)).await;
    assert_eq!(sidecar.call("id_1", "/?name=book1").await.status, 200);
    let all = sidecar.admin_get("/functions").await.json();
    assert_eq!(all["generation"], 1);
    let ids: Vec<_> = all["functions"].as_array().unwrap().iter().map(|function| function["id"].clone()).collect();
    assert_eq!(ids, ["id_1", "id_2"]);

    let function = idle(&sidecar, "id_1").await;
    let sum = shell("sha256sum guest-examples/dist/function_1.wasm").await.stdout;
    let expected = json!({
        "id": "id_1",
        "configured_name": "id_1",
        "state": "ready",
        "version": 1,
        "sha256": sum.split(' ').next(),
        "abi": "0.2.1",
        "engine": "wasmtime",
        "requested_engine": "wasmtime",
        "source": guest("function_1"),
        "failure_policy": "fail_closed",
        "instances": {"min": 1, "max": 1, "live": 1, "busy": 0},
        "exchanges": {"live": 0, "total": 1},
        "traps": 0,
        "last_error": null,
        "memory_bytes": function["memory_bytes"],
        "installed_at": function["installed_at"],
        "installed_by": "config",
    });
    assert_eq!(function, expected);
    assert!(function["memory_bytes"].as_u64().unwrap() >= 64 * 1024);
    assert!(is_time(&function["installed_at"]), "{}", function["installed_at"]);
    let missing = sidecar.admin_get("/functions/id_9").await;
    assert_eq!((missing.status, missing.error().as_str()), (404, "no function has the id `id_9`"));
}

#[tokio::test]
async fn the_last_trap_of_a_function_is_told() {
    let configuration = demo(MEMORY).replace("GUEST(function_1)}", "GUEST(traps)}");
    let sidecar = Sidecar::start(&configuration).await;
    let reply = sidecar.call("id_1", "/").await;
    assert_eq!((reply.status, reply.text().as_str()), (503, ""));
    let function = idle(&sidecar, "id_1").await;
    assert_eq!(function["traps"], 1);
    let error = &function["last_error"];
    let keys: Vec<_> = error.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["at", "callback", "message", "reason"]);
    assert!(is_time(&error["at"]), "{error}");
    assert_eq!((&error["callback"], &error["reason"]), (&"proxy_on_request_headers".into(), &"unreachable".into()));
    assert!(error["message"].as_str().unwrap().contains("unreachable"), "{error}");
}

/// A function as it is described when no exchange runs it any more.
async fn idle(sidecar: &Sidecar, id: &str) -> Value {
    loop {
        let function = sidecar.function(id).await;
        if function["exchanges"]["live"] == 0 && function["instances"]["busy"] == 0 {
            return function;
        }
    }
}

/// Whether it is a time of RFC 3339 in UTC.
fn is_time(value: &Value) -> bool {
    let shape = |byte: u8| if byte.is_ascii_digit() { b'0' } else { byte };
    let text = value.as_str().unwrap_or_default();
    text.bytes().map(shape).eq(b"0000-00-00T00:00:00.000Z".iter().copied())
}

#[tokio::test]
async fn the_configuration_is_shown_with_its_defaults_and_without_its_secrets() {
    let redis = Redis::start().await;
    let secret = "hunter2hunter2";
    let url = format!("redis://someone:{secret}@{}/0", redis.address());
    let sidecar = Sidecar::start(&demo(&format!("redis: {{url: \"{url}\"}}"))).await;
    // Redis knows no such user, which is logged.
    assert_eq!(sidecar.send("POST", "/", &[("id", "id_2")], b"book1").await.status, 503);
    let line = sidecar.logged("redis is down").await;
    assert!(line.contains("authentication failed"), "{line}");

    let dump = sidecar.admin_get("/config_dump").await.json();
    let keys: Vec<_> = dump.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["config", "generation", "loaded_at", "path"]);
    assert_eq!(dump["generation"], 1);
    assert!(is_time(&dump["loaded_at"]), "{}", dump["loaded_at"]);
    assert_eq!(dump["path"], sidecar.folder().join("outrigger.yaml").display().to_string());
    let config = &dump["config"];
    assert_eq!(config["stores"][0]["redis"]["url"], format!("redis://[redacted]@{}/0", redis.address()));
    assert_eq!(config["stores"][0]["redis"]["breaker"], json!({"failures": 5, "retry": "100ms"}));
    assert_eq!(config["drain"], json!({"timeout": "30s", "wait": "0s"}));
    assert_eq!(config["functions"][0]["limits"]["cpu"], "50ms");
    assert_eq!(config["listeners"][0]["filters"][1]["config"]["header"], "id");

    for path in ["/config_dump", "/functions", "/stats", "/stats/prometheus", "/server_info", "/clusters"] {
        assert!(!sidecar.admin_get(path).await.text().contains(secret), "{path} tells the password");
    }
    assert!(!sidecar.log().contains(secret), "the log tells the password");
}

#[tokio::test]
async fn levels_are_changed_while_the_process_runs() {
    let sidecar = Sidecar::start(&demo(MEMORY)).await;
    let has = |reply: &Reply, line: &str| reply.text().lines().any(|there| there == line);
    let before = sidecar.admin_get("/logging").await;
    assert!(has(&before, "admin: info") && has(&before, "function.id_1: info"), "{}", before.text());
    let after = sidecar.admin_post("/logging?dispatch=trace&function.id_1=error", "").await;
    assert_eq!(after.status, 200);
    assert!(has(&after, "dispatch: trace") && has(&after, "function.id_1: error"), "{}", after.text());
    assert!(has(&after, "admin: info") && has(&after, "function.id_2: info"), "{}", after.text());
    assert_eq!(sidecar.admin_get("/logging").await.text(), after.text());

    // What was too quiet is logged now.
    assert_eq!(sidecar.admin_post("/wasm/uninstall", r#"{"name":"id_2"}"#).await.status, 200);
    assert!(!sidecar.log().contains("a service call failed"));
    assert_eq!(sidecar.admin_post("/logging?wasm=debug", "").await.status, 200);
    assert_eq!(sidecar.call("id_1", "/?name=book1").await.status, 200);
    sidecar.logged("a service call failed").await;

    for (query, status, reason) in [
        ("", 400, "no level is given"),
        ("?level=loud", 400, "`loud` is not a level"),
        ("?admin=debug&function.id_9=info", 404, "no function has the id `id_9`"),
        ("?weather=debug", 400, "no logger is named `weather`"),
    ] {
        let reply = sidecar.admin_post(&format!("/logging{query}"), "").await;
        assert_eq!(reply.status, status, "{query}");
        assert!(reply.error().contains(reason), "{}", reply.text());
    }
    assert!(has(&sidecar.admin_get("/logging").await, "admin: info"));
}

/// A guest that keeps a worker busy for twenty milliseconds of each request.
const BUSY: &str = r#"
(import "env" "proxy_get_current_time_nanoseconds" (func $now (param i32) (result i32)))
(func $read (result i64) (drop (call $now (i32.const 0))) (i64.load (i32.const 0)))
(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (local $end i64)
    (local.set $end (i64.add (call $read) (i64.const 20000000)))
    (loop $again (br_if $again (i64.lt_u (call $read) (local.get $end))))
    i32.const 0)
"#;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[tokio::test]
async fn the_operator_is_answered_at_once_while_the_data_plane_is_saturated() {
    let folder = tempfile::tempdir().unwrap();
    let busy = folder.path().join("busy.wasm");
    fs::write(&busy, module(BUSY)).unwrap();
    let path = format!("path: {}", busy.display());
    let sidecar =
        Sidecar::start_with(&demo(MEMORY).replace("path: GUEST(function_1)", &path), &["--threads", "2"]).await;
    assert_eq!(sidecar.admin_post("/wasm/update", r#"{"name":"id_1","instance_num":32}"#).await.status, 200);

    let over = Arc::<AtomicBool>::default();
    let mut clients = Vec::new();
    for _ in 0..64 {
        let (mut client, over) = (sidecar.client().await, Arc::clone(&over));
        clients.push(tokio::spawn(async move {
            let mut times = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let begun = Instant::now();
                client.send("GET", "/", &[("id", "id_1")], b"").await;
                times.push(begun.elapsed());
            }
            times
        }));
    }
    let mut times = Vec::new();
    while times.len() < 60 {
        for path in ["/ready", "/functions", "/stats/prometheus"] {
            let begun = Instant::now();
            assert_eq!(sidecar.admin_get(path).await.status, 200);
            times.push(begun.elapsed());
        }
    }
    over.store(true, Ordering::Relaxed);
    let mut waited = Vec::new();
    for client in clients {
        waited.extend(client.await.unwrap());
    }
    // A client waits for the others' 20 ms, 64 of them shared by the two workers; the operator does not.
    assert!(median(waited) > Duration::from_millis(200), "the data plane was not saturated");
    assert!(median(times.clone()) < Duration::from_millis(100), "{times:?}");
}
