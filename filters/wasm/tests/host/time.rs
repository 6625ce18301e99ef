//! Time in guests: what is counted against their budget, and how they are called afterwards.

use std::time::Duration;

use outrigger_wasm::Settings;

use crate::support::{Host, request, waits};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_for_host_calls_uses_no_cpu_budget_up() {
    let host = Host::load(waits(), Settings::new("naps")).await;
    assert_eq!(host.settings().limits.cpu, Duration::from_millis(50));
    // Twenty naps of 8 ms: each lets at least one tick go by.
    assert_eq!(host.send(request("/naps/", &[])).await.status, 200);
    assert_eq!(host.stats().traps, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_waited_is_cut_when_it_has_run_for_its_budget() {
    let host = Host::load(waits(), Settings::new("naps")).await;
    assert_eq!(host.send(request("/naps/l", &[])).await.status, 503);
    assert_eq!(host.stats().last_trap.expect("a trap").reason, "cpu");
}
