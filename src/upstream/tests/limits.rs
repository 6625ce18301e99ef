//! Circuit limits and weights.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use tokio::sync::Semaphore;

use super::super::{Cluster, ClusterSettings, Connections, Router, Unobserved};
use super::backend::{Backend, HELLO};
use super::caller::{get, request, run};

/// A backend that answers when it is let, one permit an answer, and the number of requests that wait for that.
struct Held {
    backend: Backend,
    answers: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

impl Held {
    async fn start() -> Self {
        let (answers, waiting) = (Arc::new(Semaphore::new(0)), Arc::<AtomicUsize>::default());
        let backend = Backend::start({
            let (answers, waiting) = (Arc::clone(&answers), Arc::clone(&waiting));
            move |_, mut peer| {
                let (answers, waiting) = (Arc::clone(&answers), Arc::clone(&waiting));
                async move {
                    while peer.head().await.is_some() {
                        waiting.fetch_add(1, Ordering::SeqCst);
                        answers.acquire().await.unwrap().forget();
                        waiting.fetch_sub(1, Ordering::SeqCst);
                        peer.say(HELLO).await;
                    }
                }
            }
        })
        .await;
        Self { backend, answers, waiting }
    }

    async fn until_waiting(&self, count: usize) {
        while self.waiting.load(Ordering::SeqCst) != count {
            tokio::task::yield_now().await;
        }
    }
}

fn limited(backends: &[&Backend], connections: Connections) -> Arc<Cluster> {
    let mut settings = ClusterSettings::new("app", backends.iter().map(|backend| backend.address));
    settings.connections = connections;
    Cluster::new(settings, Arc::new(Unobserved))
}

#[tokio::test]
async fn one_request_over_the_limit_is_503() {
    let held = Held::start().await;
    let router = Router::new(limited(&[&held.backend], Connections { requests: 3, ..Connections::default() }));
    let within = join_all((0..3).map(|_| get(&router, "/")));
    let over = async {
        held.until_waiting(3).await;
        let reply = get(&router, "/").await;
        held.answers.add_permits(10);
        reply
    };
    let (within, over) = tokio::join!(within, over);
    assert!(within.iter().all(|reply| reply.status == StatusCode::OK));
    assert_eq!((over.status, over.flags()), (StatusCode::SERVICE_UNAVAILABLE, vec!["UO"]));
    assert_eq!(get(&router, "/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn requests_wait_for_a_connection_and_the_queue_has_an_end() {
    let held = Held::start().await;
    let limits = Connections { max: 2, pending: 1, ..Connections::default() };
    let router = Router::new(limited(&[&held.backend], limits));
    let within = join_all((0..3).map(|_| get(&router, "/")));
    let over = async {
        held.until_waiting(2).await;
        let reply = get(&router, "/").await;
        assert_eq!(held.waiting.load(Ordering::SeqCst), 2);
        held.answers.add_permits(10);
        reply
    };
    let (within, over) = tokio::join!(within, over);
    assert!(within.iter().all(|reply| reply.status == StatusCode::OK));
    assert_eq!((over.status, over.flags()), (StatusCode::SERVICE_UNAVAILABLE, vec!["UO"]));
    assert_eq!(held.backend.connections(), 2);
}

#[tokio::test]
async fn a_request_does_not_wait_for_a_connection_longer_than_for_its_response() {
    let held = Held::start().await;
    let limits = Connections { max: 1, ..Connections::default() };
    let cluster = limited(&[&held.backend], limits);
    let patient = Router::new(Arc::clone(&cluster));
    let hasty = Router::new(cluster).timeout(Duration::from_millis(50));
    let late = async {
        held.until_waiting(1).await;
        let late = get(&hasty, "/").await;
        held.answers.add_permits(1);
        late
    };
    let (in_time, late) = tokio::join!(get(&patient, "/"), late);
    assert_eq!((in_time.status, late.status), (StatusCode::OK, StatusCode::GATEWAY_TIMEOUT));
    assert_eq!(held.backend.heads().len(), 1);
}

#[tokio::test]
async fn an_idle_connection_to_another_endpoint_makes_room() {
    let (one, two) = (Backend::answering(HELLO).await, Backend::answering(HELLO).await);
    let cluster = limited(&[&one, &two], Connections { max: 1, ..Connections::default() });
    let router = Router::new(Arc::clone(&cluster));
    for _ in 0..6 {
        assert_eq!(get(&router, "/").await.status, StatusCode::OK);
        assert_eq!(cluster.pool.counts(), (1, 1));
    }
    assert_eq!((one.connections(), two.connections()), (3, 3));
}

#[tokio::test]
async fn a_response_that_nobody_reads_to_its_end_gives_everything_back() {
    let backend = Backend::answering("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf").await;
    let limits = Connections { max: 1, pending: 0, requests: 1, ..Connections::default() };
    let cluster = limited(&[&backend], limits);
    let router = Router::new(Arc::clone(&cluster));
    for _ in 0..3 {
        let get = request("GET http://app.test/", chain::Body::empty());
        let status = run(&router, get, async |response| response.unwrap().head.status).await;
        assert_eq!((status, cluster.pool.counts()), (StatusCode::OK, (0, 0)));
    }
}

#[tokio::test]
async fn endpoints_get_requests_by_their_weight() {
    let (one, two) = (Backend::answering(HELLO).await, Backend::answering(HELLO).await);
    let mut settings = ClusterSettings::new("app", [one.address, two.address]);
    settings.endpoints[1].weight = NonZeroU32::new(3).unwrap();
    let router = Router::new(Cluster::new(settings, Arc::new(Unobserved)));
    for _ in 0..40 {
        get(&router, "/").await;
    }
    assert_eq!((one.heads().len(), two.heads().len()), (10, 30));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_limits_hold_whatever_happens_at_once() {
    // Each connection serves a few requests and is closed, some of them before the first.
    let backend = || {
        Backend::start(|number, mut peer| async move {
            for _ in 0..number % 7 {
                if peer.head().await.is_none() {
                    break;
                }
                peer.say(HELLO).await;
            }
        })
    };
    let (one, two, three) = (backend().await, backend().await, backend().await);
    let limits = Connections { max: 5, pending: 100, ..Connections::default() };
    let cluster = limited(&[&one, &two, &three], limits);
    let router = Arc::new(Router::new(Arc::clone(&cluster)));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let (router, cluster) = (Arc::clone(&router), Arc::clone(&cluster));
        tasks.spawn(async move {
            for _ in 0..50 {
                get(&router, "/").await;
                let (open, idle) = cluster.pool.counts();
                assert!(open <= 5 && idle <= open, "{open} open, {idle} idle");
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    let (open, idle) = cluster.pool.counts();
    assert_eq!(open, idle);
}
