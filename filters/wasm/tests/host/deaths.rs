//! A vm dies with several streams on it: each of them ends once, or goes on where the policy is to fail open.

use std::sync::Arc;

use chain::Failure;
use outrigger_wasm::{FailurePolicy, Settings};

use crate::support::{Host, Upstream, Vms, ended, example, guest, request, until, waits};

const PHASES: [&str; 4] = ["request_headers", "request_body", "response_headers", "response_body"];

fn settings(failure_policy: FailurePolicy) -> Settings {
    Settings { failure_policy, ..Settings::new("dies") }
}

/// A trap in the request headers kills the vm.
async fn kill(host: &Host) {
    let before = host.stats().traps;
    let _ = host.send(request("/", &[("x-trap", "request_headers")])).await;
    assert_eq!(host.stats().traps, before + 1);
}

// These tests run on one thread: what was taken from a body has then met its callback.

#[tokio::test]
async fn the_streams_of_a_vm_that_dies_end_once_each_with_503() {
    let host = Host::load(example("traps"), settings(FailurePolicy::Closed)).await;
    let echo = Upstream::echo();
    let mut streams = Vec::new();
    for phase in PHASES {
        let stream = host.begin(request("/", &[("x-hold", phase)]), &echo);
        stream.body.taken("one ").await;
        streams.push((phase, stream));
    }
    // This one holds nothing; it learns of the death by its next chunk.
    let (upstream, answer) = Upstream::sends();
    let passing = host.begin(request("/", &[("x-hold", "none")]), &upstream);
    answer.taken("one ").await;
    assert_eq!(host.stats().exchanges_live, 5);

    kill(&host).await;
    for (phase, stream) in streams {
        let reply = stream.end().await.unwrap_or_else(|failure| panic!("{phase}: {failure}"));
        assert_eq!(reply.told(), (503, ""), "{phase}");
    }
    answer.send("two").await;
    assert_eq!(passing.end().await.expect("a reply").told(), (503, ""));
    until("all exchanges are over", || host.stats().exchanges_live == 0).await;
    let stats = host.stats();
    assert_eq!((stats.traps, stats.exchanges_total), (1, 6));
}

#[tokio::test]
async fn the_streams_of_a_vm_that_dies_lose_nothing_where_the_function_fails_open() {
    let host = Host::load(example("traps"), settings(FailurePolicy::Open)).await;
    let echo = Upstream::echo();
    let mut streams = Vec::new();
    for phase in PHASES {
        let stream = host.begin(request("/", &[("x-hold", phase)]), &echo);
        stream.body.taken("one ").await;
        streams.push((phase, stream));
    }
    let passing = host.begin(request("/", &[("x-hold", "none")]), &echo);
    passing.body.taken("one ").await;

    kill(&host).await;
    for (phase, stream) in streams.into_iter().chain([("none", passing)]) {
        stream.body.send("two ").await;
        stream.body.send("three").await;
        let reply = stream.end().await.unwrap_or_else(|failure| panic!("{phase}: {failure}"));
        assert_eq!(reply.told(), (200, "one two three"), "{phase}");
    }
    until("all exchanges are over", || host.stats().exchanges_live == 0).await;
    assert_eq!(host.stats().traps, 1);
}

#[tokio::test]
async fn a_trap_loses_nothing_of_its_own_stream_where_the_function_fails_open() {
    for phase in PHASES {
        let host = Host::load(example("traps"), settings(FailurePolicy::Open)).await;
        let upstream = Upstream::echo();
        let stream = host.begin(request("/path", &[("x-trap", phase), ("x-kept", "yes")]), &upstream);
        for piece in ["one ", "two ", "three"] {
            stream.body.taken(piece).await;
        }
        assert_eq!(stream.end().await.expect("a reply").told(), (200, "one two three"), "{phase}");
        let seen = upstream.seen();
        assert_eq!((seen.len(), seen[0].uri.path()), (1, "/path"), "{phase}");
        assert_eq!(seen[0].headers["x-kept"], "yes", "{phase}");
        assert_eq!(host.stats().traps, 1, "{phase}");
    }
}

#[tokio::test]
async fn a_chunk_that_waits_for_a_vm_that_dies_meanwhile_is_not_lost() {
    for (policy, expected) in [(FailurePolicy::Open, (200, "one two")), (FailurePolicy::Closed, (503, ""))] {
        let host = Host::load(waits(), settings(policy)).await;
        let echo = Upstream::echo();
        let stream = host.begin(request("/", &[]), &echo);
        stream.body.taken("one ").await;
        let dying = host.begin_empty(request("/gate0t", &[]), &echo);
        until("the guest waits", || host.stats().busy == 1).await;
        stream.body.taken("two").await;
        host.gates[0].add_permits(1);
        assert_eq!(stream.end().await.expect("a reply").told(), expected, "{policy:?}");
        assert_eq!(ended(dying).await.expect("a reply").status, expected.0);
        assert_eq!(host.stats().traps, 1);
    }
}

/// A Layotto function that answers `half` and then traps.
fn answers_by_half() -> String {
    let imports =
        r#"(import "env" "proxy_set_buffer_bytes" (func $set_buffer (param i32 i32 i32 i32 i32) (result i32)))"#;
    let code = r#"
      (func (export "proxy_get_id")
        (drop (call $set_buffer (i32.const 8) (i32.const 0) (i32.const 0) (i32.const 300) (i32.const 4))))
      (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
        (drop (call $set_buffer (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 300) (i32.const 4)))
        unreachable)
      (data (i32.const 300) "half")"#;
    guest(Vms::Inline, imports, code)
}

#[tokio::test]
async fn a_layotto_function_that_traps_answers_nothing_and_fails_as_its_policy_says() {
    for (policy, expected) in [(FailurePolicy::Open, (200, "the body")), (FailurePolicy::Closed, (503, ""))] {
        let host = Host::load(answers_by_half(), settings(policy)).await;
        assert_eq!(&**host.id(), "half");
        let stream = host.begin(request("/?query", &[]), &Upstream::echo());
        stream.body.send("the body").await;
        assert_eq!(stream.end().await.expect("a reply").told(), expected, "{policy:?}");
    }
}

#[tokio::test]
async fn a_failure_names_the_callback_and_the_reason() {
    let host = Host::load(example("traps"), settings(FailurePolicy::Closed)).await;
    let (upstream, answer) = Upstream::sends();
    let stream = host.begin(request("/", &[("x-trap", "response_body")]), &upstream);
    answer.send("piece").await;
    let reply = stream.end().await;
    assert_eq!(reply.expect("a reply").told(), (503, ""));
    let last = host.stats().last_trap.expect("a trap");
    assert_eq!((last.callback, last.reason), ("proxy_on_response_body", "unreachable"));
    let failure = Failure::GuestTrapped { function: "f".into(), callback: last.callback, reason: last.reason };
    assert_eq!(failure.face().details, "wasm_fail_stream:f:proxy_on_response_body:unreachable");
}

#[tokio::test]
async fn a_vm_that_died_serves_nobody_else() {
    let host = Host::load(example("traps"), settings(FailurePolicy::Closed)).await;
    for _ in 0..5 {
        kill(&host).await;
        let upstream: Arc<_> = Upstream::echo();
        let stream = host.begin(request("/", &[("x-trap", "nowhere")]), &upstream);
        stream.body.send("fresh").await;
        assert_eq!(stream.end().await.expect("a reply").told(), (200, "fresh"));
    }
    let stats = host.stats();
    assert_eq!((stats.traps, stats.live), (5, 1));
}
