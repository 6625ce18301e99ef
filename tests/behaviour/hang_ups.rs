//! Clients that hang up while their function waits for its store.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::support::{Client, Sidecar, SlowStore, eventually, request};

const HANG_UPS: usize = 1000;

fn configuration(store: &SlowStore) -> String {
    format!(
        r#"
stores:
  - name: state_demo
    redis: {{url: {}, timeout: 10s}}
functions:
  - name: state_reader
    instance_num: 1
    vm_config: {{path: GUEST(state_reader)}}
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

/// Asks for a fast key fifty times a second until it is told to end; gives the number of requests. Panics when one fails.
fn good_requests(address: SocketAddr, end: Arc<AtomicBool>) -> JoinHandle<usize> {
    tokio::spawn(async move {
        let mut pace = interval(Duration::from_millis(20));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut requests = JoinSet::new();
        while !end.load(Ordering::Relaxed) {
            pace.tick().await;
            requests.spawn(async move {
                let reply = request(address, "POST", "/", &[("id", "state_reader")], b"fast").await;
                assert_eq!((reply.status, reply.text().as_str()), (200, "fast=value"));
            });
        }
        requests.join_all().await.len()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_clients_hang_up_on_the_only_vm_and_no_other_request_fails() {
    let store = SlowStore::start(Duration::from_millis(20)).await;
    let sidecar = Sidecar::start(&configuration(&store)).await;
    let address = sidecar.listener("business").await;
    let end = Arc::new(AtomicBool::new(false));
    let good = good_requests(address, Arc::clone(&end));
    for hang_up in 0..HANG_UPS {
        let mut client = Client::connect(address).await;
        client.write("GET", &format!("/?slow{hang_up}"), &[("id", "state_reader")], b"").await.expect("it is open");
        store.was_asked(hang_up + 1).await;
        // The guest waits for its store now, and has 20 ms to wait.
        sleep(Duration::from_millis(1 + hang_up as u64 % 5)).await;
        drop(client);
    }
    end.store(true, Ordering::Relaxed);
    let good = good.await.expect("no good request failed");
    assert!(good >= HANG_UPS / 2, "there were {good} good requests meanwhile");

    eventually("every exchange is logged", || (sidecar.access_log().lines().count() == HANG_UPS + good).then_some(()))
        .await;
    // Where this test itself was late, the answer was on its way or out before the client left.
    let hung_up = sidecar.access_log().matches("\"downstream_remote_disconnect\"").count();
    assert!((HANG_UPS * 95 / 100..=HANG_UPS).contains(&hung_up), "{hung_up} hang-ups came in time");
    let ended = async |class: &str| {
        let labels = format!(r#"code_class="{class}",function="state_reader",version="1""#);
        sidecar.metric(&format!("outrigger_function_exchanges_total{{{labels}}}")).await as usize
    };
    let (unanswered, answered) = (ended("0").await, ended("2xx").await);
    assert_eq!(unanswered + answered, HANG_UPS + good, "and none failed");
    assert!((HANG_UPS * 95 / 100..=hung_up).contains(&unanswered), "{unanswered} got no response, {hung_up} hung up");
    let function = sidecar.function("state_reader").await;
    assert_eq!((&function["traps"], &function["exchanges"]["live"]), (&0.into(), &0.into()), "{function}");
    assert_eq!(function["exchanges"]["total"], HANG_UPS + good);
    assert_eq!(function["instances"], serde_json::json!({"min": 1, "max": 1, "live": 1, "busy": 0}));
    let reads = r#"outrigger_dispatch_call_seconds_count{function="state_reader",kind="redis",target="state_demo"}"#;
    assert_eq!(sidecar.metric(reads).await, (HANG_UPS + good) as f64, "each call went to its end");
}
