//! A redis that is gone, or hangs: clients feel little of it, and nobody gets another one's answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval_at};

use crate::demo::demo;
use crate::support::{Redis, Sidecar, eventually};

const CLIENTS: usize = 64;

/// Time between two requests of a client, whose turns are spread over it: the machine has some left, so that waiting
/// shows.
const PACE: Duration = Duration::from_millis(200);

/// What a call may cost that is refused at once, in the sidecar's own measure.
const ADDED: Duration = Duration::from_millis(5);

/// An answer that a client got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The number of the client's own book.
    Number,
    /// The function says that it does not know.
    Unknown,
    /// Redis is back, and empty.
    Empty,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    client: usize,
    begun: Instant,
    took: Duration,
    kind: Kind,
}

/// Clients that ask for a book each, again and again, and look whether the answer is theirs.
struct Crowd {
    samples: Arc<Mutex<Vec<Sample>>>,
    over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Crowd {
    async fn start(sidecar: &Sidecar) -> Self {
        let (samples, over) = (Arc::<Mutex<Vec<Sample>>>::default(), Arc::<AtomicBool>::default());
        let (mut clients, start) = (Vec::new(), tokio::time::Instant::now());
        for (client, turn) in (0..CLIENTS).zip(0..) {
            let mut connection = sidecar.client().await;
            let (samples, over) = (Arc::clone(&samples), Arc::clone(&over));
            clients.push(tokio::spawn(async move {
                let mut pace = interval_at(start + PACE * turn / CLIENTS as u32, PACE);
                pace.set_missed_tick_behavior(MissedTickBehavior::Skip);
                while !over.load(Ordering::Relaxed) {
                    pace.tick().await;
                    let begun = Instant::now();
                    let target = format!("/?name=book{client}");
                    let reply = connection.send("GET", &target, &[("id", "id_1")], b"").await;
                    let kind = kind(client, reply.status, &reply.text());
                    samples.lock().push(Sample { client, begun, took: begun.elapsed(), kind });
                }
            }));
        }
        Self { samples, over, clients }
    }

    /// Waits until every client has got `count` answers of a kind to requests that it sent from now on, and gives all
    /// samples from now on.
    async fn all_get(&self, count: usize, kind: Kind) -> Vec<Sample> {
        let now = Instant::now();
        let since = || self.samples.lock().iter().filter(|sample| sample.begun >= now).copied().collect::<Vec<_>>();
        let enough = || {
            let samples = since();
            let of = |client| samples.iter().filter(|sample| sample.client == client && sample.kind == kind).count();
            (0..CLIENTS).all(|client| of(client) >= count).then_some(samples)
        };
        let found = eventually(&format!("{count} answers {kind:?} for every client"), enough).await;
        // A client that failed an assertion has no more to say.
        assert!(self.clients.iter().all(|client| !client.is_finished()), "a client has stopped");
        found
    }

    /// Ends the clients, each of which has looked at every answer of its own.
    async fn end(self) -> Vec<Sample> {
        self.over.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.expect("every answer was right");
        }
        self.samples.lock().clone()
    }
}

/// What the answer to a client is. Panics when it is none that this client may get.
fn kind(client: usize, status: u16, text: &str) -> Kind {
    let right = format!("There are {client} inventories for book{client}.");
    let empty = format!("There are no inventories for book{client}.");
    let unknown = format!("The inventories for book{client} are unknown: calling id_2 failed: ");
    match (status, text) {
        (200, text) if text == right => Kind::Number,
        (200, text) if text == empty => Kind::Empty,
        (200, text) if text.starts_with(&unknown) => Kind::Unknown,
        wrong => panic!("client {client} got what is not its own: {wrong:?}"),
    }
}

fn slowest(samples: &[Sample]) -> Duration {
    samples.iter().map(|sample| sample.took).max().unwrap_or_default()
}

/// The time that ninety-nine of a hundred answers keep. A machine that is busy with something else now and then holds
/// one up by itself.
fn slowest_but_few(samples: &[Sample]) -> Duration {
    let mut times: Vec<_> = samples.iter().map(|sample| sample.took).collect();
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

/// Every client's book holds the client's number.
async fn fill(redis: &Redis) {
    let words = (0..CLIENTS).flat_map(|client| [format!("book{client}"), client.to_string()]);
    let words: Vec<String> = std::iter::once("MSET".to_owned()).chain(words).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    assert_eq!(redis.command(&words).await, "+OK\r\n");
}

async fn sidecar(redis: &Redis) -> Sidecar {
    Sidecar::start(&demo(&format!("redis: {{url: {}}}", redis.url()))).await
}

/// Time and number of the calls to redis so far.
async fn redis_calls(sidecar: &Sidecar) -> (f64, f64) {
    let labels = r#"{function="id_2",kind="redis",target="state_demo"}"#;
    let metric = async |part: &str| {
        let series = format!("outrigger_dispatch_call_seconds_{part}{labels}");
        sidecar.metric(&series).await
    };
    (metric("sum").await, metric("count").await)
}

/// Mean time of the calls to redis since then.
async fn mean_since((sum, count): (f64, f64), sidecar: &Sidecar) -> Duration {
    let (later_sum, later_count) = redis_calls(sidecar).await;
    assert!(later_count > count, "nothing was called");
    Duration::from_secs_f64((later_sum - sum) / (later_count - count))
}

#[tokio::test]
async fn a_killed_redis_costs_no_answer_more_than_200_ms_and_is_used_again_within_a_second() {
    let mut redis = Redis::start().await;
    fill(&redis).await;
    let sidecar = sidecar(&redis).await;
    let crowd = Crowd::start(&sidecar).await;
    let before = crowd.all_get(5, Kind::Number).await;

    redis.kill();
    let so_far = redis_calls(&sidecar).await;
    let outage = crowd.all_get(10, Kind::Unknown).await;
    let mean = mean_since(so_far, &sidecar).await;
    assert!(mean < ADDED, "a call to the dead redis takes {mean:?}");
    redis.restart().await;
    fill(&redis).await;
    let back = Instant::now();
    crowd.all_get(5, Kind::Number).await;
    let all = crowd.end().await;

    assert!(slowest_but_few(&outage) < Duration::from_millis(200) + slowest(&before), "{:?}", slowest_but_few(&outage));
    assert!(slowest(&outage) < Duration::from_secs(1) + slowest(&before), "{:?}", slowest(&outage));
    let late = all.iter().find(|sample| sample.begun > back + Duration::from_secs(1) && sample.kind != Kind::Number);
    assert!(late.is_none(), "still {late:?} a second after redis came back");
    assert!(before.iter().all(|sample| sample.kind == Kind::Number), "an outage before the outage");
}

#[tokio::test]
async fn a_hanging_redis_costs_a_second_at_most_and_next_to_nothing_once_the_breaker_is_open() {
    let redis = Redis::start().await;
    fill(&redis).await;
    let sidecar = sidecar(&redis).await;
    let crowd = Crowd::start(&sidecar).await;
    let before = crowd.all_get(5, Kind::Number).await;

    redis.stop();
    let opening = crowd.all_get(2, Kind::Unknown).await;
    assert!(slowest(&opening) < Duration::from_secs(1) + slowest(&before), "{:?}", slowest(&opening));
    let so_far = redis_calls(&sidecar).await;
    crowd.all_get(10, Kind::Unknown).await;
    let mean = mean_since(so_far, &sidecar).await;
    assert!(mean < ADDED, "a call to the hanging redis takes {mean:?}");

    redis.go_on();
    let back = Instant::now();
    crowd.all_get(5, Kind::Number).await;
    let all = crowd.end().await;
    let late = all.iter().find(|sample| sample.begun > back + Duration::from_secs(1) && sample.kind != Kind::Number);
    assert!(late.is_none(), "still {late:?} a second after redis went on");
}

#[tokio::test]
async fn late_replies_of_a_redis_that_stalls_again_and_again_reach_nobody_else() {
    let redis = Redis::start().await;
    fill(&redis).await;
    let sidecar = sidecar(&redis).await;
    let crowd = Crowd::start(&sidecar).await;
    let unknown = || crowd.samples.lock().iter().filter(|sample| sample.kind == Kind::Unknown).count();
    for _ in 0..10 {
        crowd.all_get(1, Kind::Number).await;
        let before = unknown();
        redis.stop();
        eventually("a call that gave up", || (unknown() > before).then_some(())).await;
        redis.go_on();
    }
    crowd.all_get(5, Kind::Number).await;
    let all = crowd.end().await;
    assert!(all.iter().all(|sample| sample.kind != Kind::Empty));
}

#[tokio::test]
async fn a_start_beside_a_dead_redis_works_and_so_does_the_redis_that_comes() {
    let mut redis = Redis::start().await;
    redis.kill();
    let sidecar = sidecar(&redis).await;
    assert_eq!(sidecar.admin_get("/ready").await.text(), "LIVE\n");
    let reply = sidecar.call("id_1", "/?name=book7").await;
    let status_10 = "The inventories for book7 are unknown: calling id_2 failed: the host could not do it (status 10).";
    assert_eq!((reply.status, reply.text().as_str()), (200, status_10));
    let reply = sidecar.send("POST", "/", &[("id", "id_2")], b"book7").await;
    let text = "The state is out of reach: the host could not do it (status 10).";
    assert_eq!((reply.status, reply.text().as_str()), (503, text));

    redis.restart().await;
    fill(&redis).await;
    let back = Instant::now();
    loop {
        match kind(7, 200, &sidecar.call("id_1", "/?name=book7").await.text()) {
            Kind::Number => break,
            Kind::Unknown => assert!(back.elapsed() < Duration::from_secs(1), "not back after a second"),
            Kind::Empty => panic!("the book is there"),
        }
    }
}

#[tokio::test]
async fn a_function_that_is_gone_is_unknown_to_its_caller() {
    let redis = Redis::start().await;
    fill(&redis).await;
    let sidecar = sidecar(&redis).await;
    assert_eq!(sidecar.admin_post("/wasm/uninstall", r#"{"name":"id_2"}"#).await.status, 200);
    assert_eq!(kind(7, 200, &sidecar.call("id_1", "/?name=book7").await.text()), Kind::Unknown);
}
