//! What guests notice when redis dies, hangs, says too much or comes back.

#![expect(clippy::print_stdout, reason = "the figures are there to be read with --nocapture")]

use std::collections::HashMap;
use std::io::Read as _;
use std::time::{Duration, Instant};

use bytes::Bytes;
use outrigger_dispatch::HttpAnswer;

use crate::load::{Call, Load, answered, breaker_open, slowest};
use crate::server::RedisServer;
use crate::support::{Lateness, World, caller, http_call, prompt, redis, told};

/// A store's default timeout, and what a busy machine may add.
const CALL: Duration = Duration::from_millis(200);

/// How soon a call fails that is not sent.
const UNSENT: Duration = Duration::from_millis(5);

/// Every caller is answered again within a second after `return_at`.
fn assert_back_within_a_second(calls: &[Call], callers: usize, return_at: Instant, late: Duration) -> Duration {
    let mut first: HashMap<usize, Duration> = HashMap::new();
    for call in calls.iter().filter(|call| call.began >= return_at && answered(&call.told)) {
        first.entry(call.caller).or_insert(call.ended() - return_at);
    }
    let slowest = first.values().max().copied().unwrap_or(Duration::MAX);
    assert_eq!(first.len(), callers);
    assert!(slowest <= Duration::from_secs(1) + late, "back after {slowest:?}");
    slowest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_costs_no_call_more_than_the_timeout_and_no_write_is_repeated() {
    let mut server = RedisServer::with(&["--appendonly", "yes"]);
    let guest = World::of_store(prompt(server.url())).trusted_guest();
    let lateness = Lateness::measure();
    let begin = Instant::now();
    let load = Load::start(
        &guest,
        64,
        |caller, _| vec!["INCR".to_owned(), format!("count/{caller}")],
        |_, _, body| body.starts_with(r#"{"result":"#),
    );
    load.until(begin, 1000, answered).await;
    let killed = Instant::now();
    server.kill();
    load.until(killed, 1000, breaker_open).await;
    server.start_again();
    let returned = Instant::now();
    load.until(returned, 1000, answered).await;
    let calls = load.end().await;
    let late = lateness.worst();

    assert!(calls.iter().all(|call| call.right));
    assert!(slowest(calls.iter()) <= CALL + late, "{:?}, timers late by {late:?}", slowest(calls.iter()));
    let mut unsent: Vec<Duration> =
        calls.iter().filter(|call| breaker_open(&call.told)).map(|call| call.took).collect();
    unsent.sort();
    assert!(unsent[unsent.len() / 2] < Duration::from_millis(1), "{:?}", unsent[unsent.len() / 2]);
    let back = assert_back_within_a_second(&calls, 64, returned, late);
    println!(
        "killed: slowest {:?}, breaker_open median {:?}, back after {back:?}, timers late by {late:?}",
        slowest(calls.iter()),
        unsent[unsent.len() / 2]
    );
    let mut client = server.client();
    for caller in 0..64 {
        let sent = calls.iter().filter(|call| call.caller == caller).count();
        let acknowledged = calls.iter().filter(|call| call.caller == caller && answered(&call.told)).count();
        let counted: usize = redis::cmd("GET").arg(format!("count/{caller}")).query(&mut client).unwrap();
        assert!((acknowledged..=sent).contains(&counted), "{acknowledged} <= {counted} <= {sent}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hung_server_costs_one_timeout_and_then_nothing() {
    let server = RedisServer::start();
    let guest = World::of_store(prompt(server.url())).trusted_guest();
    let lateness = Lateness::measure();
    let load = Load::of_echoes(&guest, 64);
    load.until(Instant::now(), 1000, answered).await;
    server.freeze();
    let frozen = Instant::now();
    load.until(frozen, 5000, breaker_open).await;
    let thawed = Instant::now();
    server.thaw();
    load.until(thawed, 1000, answered).await;
    let calls = load.end().await;
    let late = lateness.worst();

    assert!(calls.iter().all(|call| call.right));
    assert!(slowest(calls.iter()) <= CALL + late, "{:?}, timers late by {late:?}", slowest(calls.iter()));
    let opened = calls.iter().find(|call| breaker_open(&call.told)).unwrap().ended();
    let unsent = slowest(calls.iter().filter(|call| call.began > opened && call.ended() < thawed));
    assert!(unsent <= UNSENT + late, "{unsent:?}, timers late by {late:?}");
    let back = assert_back_within_a_second(&calls, 64, thawed, late);
    println!(
        "hung: slowest {:?}, opened after {:?}, then slowest {unsent:?}, back after {back:?}, timers late by {late:?}",
        slowest(calls.iter()),
        opened - frozen
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_late_answer_reaches_another_caller() {
    let server = RedisServer::start();
    let guest = World::of_store(prompt(server.url())).trusted_guest();
    let load = Load::of_echoes(&guest, 64);
    // Shorter than the timeout, about as long, and long enough for calls to give up and the connection to be dropped.
    for millis in [30, 95, 100, 105, 150, 95, 300, 100, 105] {
        load.until(Instant::now(), 500, answered).await;
        server.freeze();
        tokio::time::sleep(Duration::from_millis(millis)).await;
        server.thaw();
    }
    load.until(Instant::now(), 500, answered).await;
    let calls = load.end().await;
    let wrong = calls.iter().filter(|call| !call.right).count();
    assert_eq!(wrong, 0, "of {}", calls.len());
    assert!(calls.iter().any(|call| call.told.reason == "timeout"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_given_up_leave_the_answers_of_others_alone() {
    let server = RedisServer::start();
    let guest = World::of_store(redis(server.url())).trusted_guest();
    let load = Load::of_echoes(&guest, 8);
    for number in 0..2000u64 {
        // The point at which the call is dropped wanders over the whole of a round trip.
        let call = guest.state("redis", "none");
        let _ = tokio::time::timeout(Duration::from_micros(number % 400), call).await;
    }
    load.until(Instant::now(), 100, answered).await;
    let calls = load.end().await;
    assert!(calls.iter().all(|call| call.right && answered(&call.told)));
}

#[tokio::test]
async fn a_hung_server_is_noticed_by_callers_that_wait_less_than_the_stores_timeout() {
    let server = RedisServer::start();
    let guest = World::of_store(prompt(server.url())).trusted_guest();
    assert_eq!(guest.command(&["PING"]).await.status, 200);
    server.freeze();
    let short = async || {
        let mut call = http_call("redis", "GET", "/k", Bytes::new());
        call.timeout = Duration::from_millis(10);
        let HttpAnswer::Response { head, .. } = guest.0.http_call(&caller(), call).unwrap().await else { panic!() };
        head.headers["x-outrigger-reason"].to_str().unwrap().to_owned()
    };
    assert_eq!(short().await, "timeout");
    let noticed = async {
        while short().await == "timeout" {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), noticed).await.expect("calls fail at once in the end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_huge_value_is_not_read_and_others_are_soon_served_again() {
    let server = RedisServer::start();
    let mut client = server.client();
    let () = redis::cmd("SET").arg("huge").arg(vec![b'x'; 8 << 20]).query(&mut client).unwrap();
    let guest = World::of_store(redis(server.url())).trusted_guest();
    let lateness = Lateness::measure();
    let load = Load::of_echoes(&guest, 32);
    for _ in 0..5 {
        load.until(Instant::now(), 500, answered).await;
        assert_eq!(guest.http("redis", "GET", "/huge", "").await, told(502, "other", ""));
    }
    load.until(Instant::now(), 500, answered).await;
    let calls = load.end().await;
    let late = lateness.worst();
    assert!(calls.iter().all(|call| call.right));
    let mut longest = Duration::ZERO;
    for caller in 0..32 {
        let answers: Vec<_> = calls.iter().filter(|call| call.caller == caller && answered(&call.told)).collect();
        let gaps = answers.windows(2).map(|pair| pair[1].ended() - pair[0].ended());
        longest = longest.max(gaps.max().unwrap_or(Duration::MAX));
    }
    assert!(longest <= Duration::from_secs(1) + late, "{longest:?}, timers late by {late:?}");
    let failed = calls.iter().filter(|call| !answered(&call.told)).count();
    println!("huge: {failed} of {} other calls failed, longest gap {longest:?}, timers late by {late:?}", calls.len());
}

#[tokio::test]
async fn a_store_that_is_not_there_refuses_then_is_left_alone_until_it_comes() {
    let mut server = RedisServer::start();
    server.kill();
    let guest = World::of_store(redis(server.url())).trusted_guest();
    for _ in 0..5 {
        assert_eq!(guest.command(&["PING"]).await, told(502, "refused", ""));
    }
    assert_eq!(guest.command(&["PING"]).await, told(503, "breaker_open", ""));
    server.start_again();
    let returned = Instant::now();
    let lateness = Lateness::measure();
    while guest.command(&["PING"]).await.status != 200 {
        tokio::task::yield_now().await;
    }
    let back = returned.elapsed();
    assert!(back <= Duration::from_secs(1) + lateness.worst(), "{back:?}");
}

#[tokio::test]
async fn a_store_connects_when_it_is_first_called_and_lets_go_when_it_is_dropped() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let world = World::of_store(prompt(format!("redis://{}", listener.local_addr().unwrap())));
    let guest = world.trusted_guest();
    tokio::task::yield_now().await;
    assert_eq!(listener.accept().map(drop).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);

    // A server that takes the connection and says nothing.
    assert_eq!(guest.command(&["PING"]).await, told(504, "timeout", ""));
    let (mut connection, _) = listener.accept().unwrap();
    connection.set_nonblocking(false).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    drop((guest, world));
    let rest = tokio::task::spawn_blocking(move || {
        let mut rest = Vec::new();
        connection.read_to_end(&mut rest).map(|_| rest)
    });
    assert_eq!(rest.await.unwrap().unwrap(), b"*1\r\n$4\r\nPING\r\n");
}
