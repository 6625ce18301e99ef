//! Functions that fail open: when their guest traps, requests and responses pass as if it were not there.

use std::io;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::support::{Answer, Backend, Client, Reply, Sidecar, eventually};

fn configuration(app: &Backend, function: &str) -> String {
    format!(
        r#"
clusters:
  - name: app
    endpoints: [{{address: {}}}]
functions:
  - name: traps
    vm_config: {{path: GUEST(traps)}}
    {function}
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

const PHASES: [&str; 4] = ["request_headers", "request_body", "response_headers", "response_body"];

/// Bytes that show when a piece is lost, doubled or moved.
fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

#[tokio::test]
async fn a_trap_in_any_phase_changes_nothing_of_request_and_response() {
    let app = Backend::echo().await;
    let sidecar = Sidecar::start(&configuration(&app, "instance_num: 1\n    failure_policy: fail_open")).await;
    let mut client = sidecar.client().await;
    let sent = content(300_000);
    for phase in PHASES {
        let fields = [("x-trap", phase), ("x-mine", "kept")];
        let reply = client.send("POST", "/path?query", &fields, &sent).await;
        assert_eq!((reply.status, reply.body == sent), (200, true), "{phase}");
        let seen = app.seen().pop().expect("it arrived");
        assert_eq!((seen.target.as_str(), seen.field("x-mine")), ("/path?query", Some("kept")), "{phase}");
        assert_eq!(seen.field("content-length"), Some("300000"), "{phase}");
        assert!(seen.body == sent, "{phase}");
    }
    let function = sidecar.function("traps").await;
    assert_eq!((&function["traps"], &function["failure_policy"]), (&4.into(), &"fail_open".into()));
    let line = sidecar.access_logged("POST /path?query").await;
    assert!(line.contains(" 200 "), "{line}");
}

#[tokio::test]
async fn without_a_vm_requests_pass_a_function_that_fails_open() {
    let app = Backend::start(|_| Answer::ok("the app")).await;
    let function = "instance_num: 1\n    failure_policy: fail_open\n    \
                    reload_config: {backoff: {base_interval: 60s, max_interval: 60s}}";
    let sidecar = Sidecar::start(&configuration(&app, function)).await;
    let mut client = sidecar.client().await;
    for _ in 0..40 {
        let reply = client.send("GET", "/", &[("x-trap", "request_headers")], b"").await;
        assert_eq!((reply.status, reply.text().as_str()), (200, "the app"));
    }
    let function = sidecar.function("traps").await;
    assert_eq!((&function["traps"], &function["instances"]["live"]), (&11.into(), &0.into()), "{function}");
}

/// Exchanges that are held in their phases on the one vm, which then dies. An error is a response that was cut off.
async fn die_with_streams(function: &str) -> (Sidecar, Vec<(&'static str, io::Result<Reply>)>) {
    let app = Backend::echo().await;
    let sidecar = Sidecar::start(&configuration(&app, function)).await;
    let address = sidecar.listener("business").await;
    let mut held = JoinSet::new();
    for phase in PHASES {
        held.spawn(async move {
            let mut client = Client::connect(address).await;
            let reply = client.try_send("POST", "/held", &[("x-hold", phase)], b"content").await;
            (phase, reply)
        });
    }
    // Those that are held in the response have passed the app.
    let begun = Instant::now();
    let live = async || sidecar.function("traps").await["exchanges"]["live"].as_u64();
    while live().await != Some(4) || app.seen().len() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(60) && held.try_join_next().is_none(), "they are held");
    }
    let mut client = sidecar.client().await;
    let _ = client.send("GET", "/", &[("x-trap", "request_headers")], b"").await;
    let replies = held.join_all().await;
    assert_eq!(sidecar.function("traps").await["traps"], 1);
    eventually("all exchanges are logged", || (sidecar.access_log().lines().count() == 5).then_some(())).await;
    (sidecar, replies)
}

#[tokio::test]
async fn streams_of_a_vm_that_dies_pass_where_the_function_fails_open() {
    let (_, replies) = die_with_streams("instance_num: 1\n    failure_policy: fail_open").await;
    for (phase, reply) in replies {
        let reply = reply.unwrap_or_else(|error| panic!("{phase}: {error}"));
        assert_eq!((reply.status, reply.text().as_str()), (200, "content"), "{phase}");
    }
}

#[tokio::test]
async fn streams_of_a_vm_that_dies_each_end_once_where_the_function_fails_closed() {
    let (sidecar, replies) = die_with_streams("instance_num: 1").await;
    for (phase, reply) in replies {
        match reply {
            Ok(reply) => assert_eq!((reply.status, reply.text().as_str()), (503, ""), "{phase}"),
            Err(error) => assert_eq!(phase, "response_body", "only there the head was out: {error}"),
        }
    }
    let log = sidecar.access_log();
    let reason = "\"wasm_fail_stream:traps:proxy_on_request_headers:unreachable\"";
    assert!(log.lines().all(|line| line.contains(" WF ") && line.contains(reason)), "{log}");
}
