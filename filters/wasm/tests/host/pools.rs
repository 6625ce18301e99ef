//! Pools: who gets a vm, and when there are more or fewer of them.

use std::time::Duration;

use outrigger_wasm::{Backoff, Instances, Queue, Settings};

use crate::support::{Host, Reply, Upstream, ended, example, request, until, waits};

fn settings(min: usize, max: usize) -> Settings {
    Settings { instances: Instances { min, max }, ..Settings::new("pool") }
}

/// Lets every other task of a test with one thread run until it waits.
async fn let_the_others_run() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_exchange_that_waits_gets_the_first_vm_that_comes_free() {
    for (first, second) in [(0, 1), (1, 0)] {
        let host = Host::load(waits(), settings(2, 2)).await;
        let echo = Upstream::echo();
        let held = ["/gate0", "/gate1"].map(|target| host.begin_empty(request(target, &[]), &echo));
        until("both vms are busy", || host.stats().busy == 2).await;
        let waiting = host.begin_empty(request("/", &[]), &echo);
        let_the_others_run().await;
        assert!(!waiting.is_finished());
        host.gates[first].add_permits(1);
        assert_eq!(ended(waiting).await.expect("a reply").status, 200);
        assert_eq!(host.stats().busy, 1, "the other gate is closed");
        host.gates[second].add_permits(1);
        for reply in held {
            assert_eq!(ended(reply).await.expect("a reply").status, 200);
        }
    }
}

#[tokio::test]
async fn a_pool_grows_to_its_maximum_while_exchanges_wait() {
    let host = Host::load(waits(), settings(1, 3)).await;
    let echo = Upstream::echo();
    let mut replies: Vec<_> = (0..3).map(|_| host.begin_empty(request("/gate0", &[]), &echo)).collect();
    until("it has grown", || host.stats().busy == 3).await;
    replies.push(host.begin_empty(request("/gate0", &[]), &echo));
    let_the_others_run().await;
    assert_eq!(host.stats().live, 3);
    host.gates[0].add_permits(4);
    for reply in replies {
        assert_eq!(ended(reply).await.expect("a reply").status, 200);
    }
    assert_eq!((host.stats().live, host.stats().traps), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_pool_gives_up_the_vms_that_it_does_not_need_any_more() {
    let host = Host::load(waits(), settings(1, 4)).await;
    let echo = Upstream::echo();
    let replies: Vec<_> = (0..4).map(|_| host.begin_empty(request("/gate0", &[]), &echo)).collect();
    until("it has grown", || host.stats().busy == 4).await;
    host.gates[0].add_permits(4);
    for reply in replies {
        assert_eq!(ended(reply).await.expect("a reply").status, 200);
    }
    // Two exchanges at a time go on for a minute.
    for _ in 0..12 {
        let replies = ["/gate0", "/gate1"].map(|target| host.begin_empty(request(target, &[]), &echo));
        tokio::time::sleep(Duration::from_secs(5)).await;
        host.gates.iter().for_each(|gate| gate.add_permits(1));
        for reply in replies {
            assert_eq!(ended(reply).await.expect("a reply").status, 200);
        }
    }
    assert_eq!(host.stats().live, 2, "two are in use");
    tokio::time::sleep(Duration::from_secs(25)).await;
    assert_eq!(host.stats().live, 1, "the minimum stays");
    assert_eq!(host.send(request("/", &[])).await.status, 200);
}

fn no_instance(reply: &Reply) {
    assert_eq!(reply.told(), (503, r#"{"error":"no instance of function `pool` came free in time"}"#));
}

#[tokio::test]
async fn exchanges_that_find_the_queue_full_or_wait_too_long_are_refused() {
    let queue = Queue { length: 1, wait: Duration::from_millis(50) };
    let host = Host::load(waits(), Settings { queue, ..settings(1, 1) }).await;
    let echo = Upstream::echo();
    let held = host.begin_empty(request("/gate0", &[]), &echo);
    until("the vm is busy", || host.stats().busy == 1).await;
    let waiting = host.begin_empty(request("/", &[]), &echo);
    let_the_others_run().await;
    no_instance(&host.send(request("/", &[])).await);
    assert!(!waiting.is_finished(), "the one in the queue still waits");
    no_instance(&ended(waiting).await.expect("a reply"));
    host.gates[0].add_permits(1);
    assert_eq!(ended(held).await.expect("a reply").status, 200);
    assert_eq!(host.send(request("/", &[])).await.status, 200);
}

#[tokio::test]
async fn a_pool_whose_guest_always_traps_rests_between_rebuilds_and_never_grows_over_its_size() {
    let backoff = Backoff { base: Duration::from_millis(200), max: Duration::from_secs(60) };
    let host = Host::load(example("traps"), Settings { backoff, ..settings(2, 2) }).await;
    let begun = std::time::Instant::now();
    let mut refused = 0;
    while host.stats().traps < 16 {
        let reply = host.send(request("/", &[])).await;
        assert_eq!(reply.status, 503);
        refused += u32::from(!reply.body.is_empty());
        assert!(host.stats().live <= 2);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Ten rebuilds are free; then two vms rest 200 and 400 ms at the same time, and the next two 800 and 1600 ms.
    assert!(begun.elapsed() >= Duration::from_millis(1_100), "{:?}", begun.elapsed());
    assert!(refused > 0, "while all vms rest there is no ready version");
}

#[tokio::test]
async fn a_process_without_room_for_a_vm_refuses_the_function_or_does_not_grow() {
    let refused = Host::try_load(waits(), settings(2, 2), 1).await.err().expect("a refusal");
    assert_eq!((refused.step, refused.message.contains("wasm.vms")), ("start", true));
    let host = Host::try_load(waits(), settings(1, 4), 1).await.expect("there is room for one");
    let echo = Upstream::echo();
    let held = host.begin_empty(request("/gate0", &[]), &echo);
    until("the vm is busy", || host.stats().busy == 1).await;
    let waiting = host.begin_empty(request("/", &[]), &echo);
    let_the_others_run().await;
    assert_eq!(host.stats().live, 1);
    host.gates[0].add_permits(1);
    for reply in [held, waiting] {
        assert_eq!(ended(reply).await.expect("a reply").status, 200);
    }
}
