//! Pools of vms as clients and operators see them.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::support::{Backend, Reply, Sidecar, SlowStore, eventually};

/// `state_reader` with these further keys.
fn state_reader(store: &SlowStore, keys: &str) -> String {
    format!(
        r#"
stores:
  - name: state_demo
    redis: {{url: {}, timeout: 10s}}
functions:
  - name: state_reader
    vm_config: {{path: GUEST(state_reader)}}
    {keys}
listeners:
  - name: business
    address: 127.0.0.1:0
    filters:
      - name: dispatch
        config: {{stores: [state_demo]}}
      - name: function_lookup
      - name: wasm
      - name: direct_response
"#,
        store.url()
    )
}

/// So many requests for keys that begin with `key` at once; their replies and the time that all of them took.
async fn ask(sidecar: &Sidecar, key: &str, times: usize) -> (Vec<Reply>, Duration) {
    let address = sidecar.listener("business").await;
    let begun = Instant::now();
    let ask = |time: usize| {
        let target = format!("/?{key}{time}");
        async move { crate::support::request(address, "GET", &target, &[("id", "state_reader")], b"").await }
    };
    let replies = (0..times).map(ask).collect::<JoinSet<_>>().join_all().await;
    (replies, begun.elapsed())
}

async fn instances(sidecar: &Sidecar) -> serde_json::Value {
    sidecar.function("state_reader").await["instances"].clone()
}

#[tokio::test]
async fn a_pool_grows_up_to_its_maximum_while_exchanges_wait() {
    let store = SlowStore::start(Duration::from_millis(200)).await;
    let sidecar = Sidecar::start(&state_reader(&store, "instances: {min: 1, max: 4}")).await;
    assert_eq!(instances(&sidecar).await["live"], 1);
    let (replies, took) = ask(&sidecar, "slow", 12).await;
    for reply in replies {
        assert_eq!((reply.status, reply.text().ends_with("=value")), (200, true), "{}", reply.text());
    }
    // Twelve times 200 ms one after another are 2.4 s; three rounds of four are 0.6 s.
    assert!(took < Duration::from_millis(1_200), "{took:?}");
    assert_eq!(instances(&sidecar).await["live"], 4);
    assert_eq!(sidecar.metric(r#"outrigger_function_instances{function="state_reader",version="1"}"#).await, 4.0);
    let waited = r#"outrigger_function_wait_seconds_sum{function="state_reader",version="1"}"#;
    assert!(sidecar.metric(waited).await > 0.5, "the wait for a vm is counted");
}

#[tokio::test]
async fn exchanges_over_the_length_of_the_queue_are_refused_at_once() {
    let store = SlowStore::start(Duration::from_secs(3)).await;
    let keys = "instance_num: 1\n    queue: {length: 2, wait: 10s}";
    let sidecar = Sidecar::start(&state_reader(&store, keys)).await;
    let holding = ask(&sidecar, "slow", 1);
    let others = async {
        store.was_asked(1).await;
        ask(&sidecar, "fast", 7).await.0
    };
    let (_, replies) = tokio::join!(holding, others);
    let refused: Vec<_> = replies.iter().filter(|reply| reply.status == 503).collect();
    assert_eq!((replies.iter().filter(|reply| reply.status == 200).count(), refused.len()), (2, 5));
    for reply in refused {
        assert_eq!(reply.error(), "no instance of function `state_reader` came free in time");
    }
    let line = sidecar.access_logged("wasm_no_instance").await;
    assert!(line.contains(" 503 WO ") && line.contains("\"state_reader\""), "{line}");
}

#[tokio::test]
async fn an_exchange_that_waits_too_long_for_a_vm_is_refused() {
    let store = SlowStore::start(Duration::from_secs(2)).await;
    let keys = "instance_num: 1\n    queue: {length: 10, wait: 100ms}";
    let sidecar = Sidecar::start(&state_reader(&store, keys)).await;
    let holding = ask(&sidecar, "slow", 1);
    let others = async {
        store.was_asked(1).await;
        ask(&sidecar, "fast", 2).await
    };
    let ((held, _), (replies, took)) = tokio::join!(holding, others);
    assert_eq!(held[0].status, 200);
    assert!(replies.iter().all(|reply| reply.status == 503));
    assert!(took >= Duration::from_millis(100) && took < Duration::from_millis(1_500), "they waited {took:?}");
    let line = sidecar.access_logged("wasm_no_instance").await;
    assert!(line.contains(" 503 WO "), "{line}");
    assert_eq!(sidecar.call("state_reader", "/?fast").await.text(), "fast=value");
}

#[tokio::test]
async fn a_pool_that_the_process_has_no_room_for_tries_to_grow_now_and_then() {
    let store = SlowStore::start(Duration::from_millis(300)).await;
    let configuration = format!("wasm: {{vms: 1}}\n{}", state_reader(&store, "instances: {min: 1, max: 4}"));
    let sidecar = Sidecar::start(&configuration).await;
    let (replies, _) = ask(&sidecar, "slow", 3).await;
    assert!(replies.iter().all(|reply| reply.status == 200), "they took turns");
    let line = sidecar.logged("cannot make a vm").await;
    assert!(line.contains("wasm.vms"), "{line}");
    let tries = sidecar.log().matches("cannot make a vm").count();
    assert!(tries <= 3, "it tried {tries} times in a second");
}

fn traps(app: &Backend) -> String {
    format!(
        r#"
clusters:
  - name: app
    endpoints: [{{address: {}}}]
functions:
  - name: traps
    instance_num: 1
    vm_config: {{path: GUEST(traps)}}
    reload_config: {{backoff: {{base_interval: 300ms, max_interval: 10s}}}}
listeners:
  - name: business
    address: 127.0.0.1:0
    filters:
      - name: wasm
        config: {{function: traps}}
      - name: router
        config: {{cluster: app}}
"#,
        app.address()
    )
}

#[tokio::test]
async fn a_guest_that_traps_on_every_request_is_answered_for_and_its_rebuilds_are_spaced() {
    let app = Backend::echo().await;
    let sidecar = Sidecar::start(&traps(&app)).await;
    let mut client = sidecar.client().await;
    let count = async || sidecar.function("traps").await["traps"].as_u64().expect("a number");
    let (begun, mut sent, mut times) = (Instant::now(), 0, Vec::new());
    while count().await < 13 {
        let before = count().await;
        assert_eq!(client.send("GET", "/", &[], b"").await.status, 503);
        sent += 1;
        if count().await > before {
            times.push(begun.elapsed());
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it traps on");
    }
    // Ten rebuilds are free. The eleventh trap is followed by a pause of at least 240 ms, the twelfth by one of 480 ms.
    assert!(times[11] - times[10] >= Duration::from_millis(230), "{times:?}");
    assert!(times[12] - times[11] >= Duration::from_millis(470), "{times:?}");
    assert!(sent > 13, "while it rests it is refused");
    let line = sidecar.access_logged("wasm_not_ready").await;
    assert!(line.contains(" 503 WU ") && line.contains("\"traps\""), "{line}");
    let pauses = || sidecar.log().matches("its next vm is made after a pause").count();
    eventually("three pauses are told", || (pauses() == 3).then_some(())).await;
    let function = sidecar.function("traps").await;
    assert_eq!((&function["state"], &function["instances"]["live"]), (&"failed".into(), &0.into()), "{function}");
    assert!(app.seen().is_empty());
}

#[tokio::test]
async fn a_function_that_is_named_and_not_installed_is_not_ready_until_it_is() {
    let app = Backend::echo().await;
    let sidecar = Sidecar::start(&traps(&app)).await;
    assert_eq!(sidecar.admin_post("/wasm/uninstall", r#"{"name":"traps"}"#).await.status, 200);
    let reply = sidecar.send("GET", "/", &[("x-trap", "nowhere")], b"").await;
    assert_eq!((reply.status, reply.error().as_str()), (503, "function `traps` has no ready version"));
    let line = sidecar.access_logged("wasm_not_ready").await;
    assert!(line.contains(" 503 WU "), "{line}");

    let path = crate::support::guest("traps").display().to_string();
    let body = format!(r#"{{"name":"traps","instance_num":1,"vm_config":{{"path":"{path}"}}}}"#);
    assert_eq!(sidecar.admin_post("/wasm/install", &body).await.status, 200);
    assert_eq!(sidecar.send("POST", "/", &[("x-trap", "nowhere")], b"content").await.text(), "content");
    assert_eq!(sidecar.function("traps").await["installed_by"], "admin");
}

#[tokio::test]
async fn an_exchange_that_runs_keeps_its_version_when_the_function_is_uninstalled() {
    let store = SlowStore::start(Duration::from_millis(500)).await;
    let sidecar = Sidecar::start(&state_reader(&store, "instance_num: 1")).await;
    let asking = ask(&sidecar, "slow", 1);
    let uninstalling = async {
        store.was_asked(1).await;
        assert_eq!(sidecar.admin_post("/wasm/uninstall", r#"{"name":"state_reader"}"#).await.status, 200);
        assert_eq!(sidecar.call("state_reader", "/?fast").await.status, 404);
    };
    let ((replies, _), ()) = tokio::join!(asking, uninstalling);
    assert_eq!((replies[0].status, replies[0].text().as_str()), (200, "slow0=value"));
    eventually("it is logged", || sidecar.access_log().contains("slow0").then_some(())).await;
}
