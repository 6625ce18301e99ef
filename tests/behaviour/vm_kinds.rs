//! Functions that take their time: their next vms run on fibers, and the workers stay free for others.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::support::{Client, Sidecar};

/// `takes_time` with room for slow calls, beside `id_2`, which answers at once.
fn configuration(instances: usize) -> String {
    format!(
        r#"
stores:
  - name: state_demo
    memory: {{seed: {{book1: "100"}}}}
functions:
  - name: takes_time
    instance_num: {instances}
    vm_config: {{path: GUEST(takes_time)}}
    limits: {{cpu: 10s}}
  - name: id_2
    instance_num: 1
    vm_config: {{path: GUEST(function_2)}}
listeners:
  - name: business
    address: 127.0.0.1:0
    filters:
      - name: dispatch
        config: {{stores: [state_demo]}}
      - name: function_lookup
      - name: wasm
      - name: direct_response
        config: {{status: 200, body: passed}}
"#
    )
}

const ON_FIBERS: &str = "the next vms run on fibers";

async fn take(client: &mut Client, millis: &str) {
    let reply = client.send("GET", "/", &[("id", "takes_time"), ("x-take", millis)], b"").await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "passed"));
}

#[tokio::test]
async fn a_function_that_overran_a_time_slice_is_served_on_fibers_and_answers_as_before() {
    let sidecar = Sidecar::start(&configuration(1)).await;
    let mut client = sidecar.client().await;
    take(&mut client, "0").await;
    assert!(!sidecar.log().contains(ON_FIBERS));
    take(&mut client, "30").await;
    let line = sidecar.logged(ON_FIBERS).await;
    assert!(line.contains("takes_time"), "{line}");
    for millis in ["0", "30", "0"] {
        take(&mut client, millis).await;
    }
    assert_eq!(sidecar.log().matches(ON_FIBERS).count(), 1, "on fibers nothing changes any more");
    let function = sidecar.function("takes_time").await;
    assert_eq!((&function["instances"]["live"], &function["traps"]), (&1.into(), &0.into()));
}

/// Calls `takes_time` all the time.
fn keep_taking(client: Client) -> JoinHandle<()> {
    let mut client = client;
    tokio::spawn(async move {
        loop {
            take(&mut client, "500").await;
        }
    })
}

#[tokio::test]
async fn slow_calls_on_every_worker_do_not_keep_other_functions_waiting() {
    let sidecar = Sidecar::start_with(&configuration(2), &["--threads", "2"]).await;
    let mut client = sidecar.client().await;
    for _ in 0..2 {
        let mut clients = [sidecar.client().await, sidecar.client().await];
        let [one, two] = &mut clients;
        tokio::join!(take(one, "30"), take(two, "30"));
    }
    sidecar.logged(ON_FIBERS).await;
    let taking = [keep_taking(sidecar.client().await), keep_taking(sidecar.client().await)];
    let mut times = Vec::new();
    for _ in 0..100 {
        let begun = Instant::now();
        let reply = client.send("POST", "/", &[("id", "id_2")], b"book1").await;
        times.push(begun.elapsed());
        assert_eq!((reply.status, reply.text().as_str()), (200, "100"));
    }
    taking.iter().for_each(JoinHandle::abort);
    times.sort();
    assert!(times[95] < Duration::from_millis(150), "p95 {:?}, median {:?}", times[95], times[50]);
}
