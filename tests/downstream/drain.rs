//! Listeners that stop, and limits on who may connect.

use std::sync::Arc;
use std::time::Duration;

use chain::{Failure, Filter, Next, Request, Response, async_trait};
use outrigger::exchange::Front;
use outrigger::listener::{Bound, Gate, Listener};
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::filters::{Last, Pieces, says};
use crate::support::{Server, chain, soon};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const LONG: Duration = Duration::from_secs(30);

/// Answers when it is told to.
#[derive(Default)]
struct Gated {
    entered: Notify,
    go: Notify,
}

#[async_trait]
impl Filter for Gated {
    async fn handle(&self, _: Request, _: Next) -> Result<Response, Failure> {
        self.entered.notify_one();
        self.go.notified().await;
        Ok(Response::new(http::StatusCode::OK, Pieces::body(&["held", " long"], Last::End)))
    }
}

#[tokio::test]
async fn a_stopped_listener_finishes_what_runs_closes_what_idles_and_refuses_the_rest() {
    let gated = Arc::new(Gated::default());
    let server = Server::start(vec![Arc::clone(&gated) as Arc<dyn Filter>]);
    let idle = server.connect().await;
    let mut busy = server.connect().await;
    busy.send([GET, GET].concat()).await;
    soon(gated.entered.notified()).await;

    server.listener.stop();
    assert!(idle.closes().await);
    assert!(!server.listener.drained(Duration::from_millis(50)).await, "an exchange still runs");
    assert!(TcpStream::connect(server.listener.address()).await.is_err());

    gated.go.notify_one();
    let answer = busy.answer().await;
    assert_eq!((answer.text(), answer.header("connection")), ("held long", Some("close")));
    assert!(busy.closes().await, "a second request is not begun");
    assert!(server.listener.drained(LONG).await);
    assert_eq!(server.listener.connections(), 0);
}

#[tokio::test]
async fn a_drain_waits_for_the_finish_hooks() {
    struct Hook(Arc<Notify>);

    #[async_trait]
    impl Filter for Hook {
        async fn handle(&self, request: Request, next: Next) -> Result<Response, Failure> {
            let go = Arc::clone(&self.0);
            request.exchange.on_finish(move |_| Box::pin(async move { go.notified().await }));
            next.run(request).await
        }
    }

    let go = Arc::new(Notify::new());
    let server = Server::start(vec![Arc::new(Hook(Arc::clone(&go))), says("hello")]);
    server.answer("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    server.listener.stop();
    assert!(!server.listener.drained(Duration::from_millis(50)).await);
    go.notify_one();
    assert!(server.listener.drained(LONG).await);
}

#[tokio::test]
async fn an_address_can_be_listened_on_again_after_a_stop() {
    let server = Server::start(vec![says("first")]);
    let address = server.listener.address();
    assert_eq!(server.answer(GET).await.text(), "first");
    server.listener.stop();
    assert!(server.listener.drained(LONG).await);
    let bound = Bound::new(address).unwrap();
    let front = Front::new("second", chain(vec![says("second")]));
    let second = Listener::start(bound, Arc::new(front), None);
    assert_eq!(second.address(), address);
    assert_eq!(server.answer(GET).await.text(), "second");
}

#[tokio::test]
async fn a_dropped_listener_stops_accepting() {
    let Server { listener, .. } = Server::start(vec![says("hello")]);
    let address = listener.address();
    drop(listener);
    soon(async { while TcpStream::connect(address).await.is_ok() {} }).await;
}

#[tokio::test]
async fn connections_over_the_limit_are_closed_at_once_and_counted() {
    let server = Server::start_with(vec![says("hello")], |front| front.limits.connections = 1);
    let mut first = server.connect().await;
    first.send(GET).await;
    assert_eq!(first.answer().await.status, 200);
    assert!(server.connect().await.closes().await);
    assert_eq!((server.listener.refused(), server.listener.connections()), (1, 1));
    first.send(GET).await;
    assert_eq!(first.answer().await.status, 200, "who is inside stays");
    drop(first);
    server.watcher.until(|watcher| watcher.closed.load(std::sync::atomic::Ordering::SeqCst) == 1).await;
    assert_eq!(server.answer(GET).await.status, 200);
}

#[tokio::test]
async fn listeners_share_the_gate_of_the_process() {
    let process = Arc::new(Gate::new(1));
    let start = || {
        let bound = Bound::new("127.0.0.1:0".parse().unwrap()).unwrap();
        let front = Arc::new(Front::new("shared", chain(vec![says("hello")])));
        Listener::start(bound, front, Some(Arc::clone(&process)))
    };
    let server = Server { listener: start(), watcher: Arc::default() };
    let other = Server { listener: start(), watcher: Arc::default() };
    let mut first = server.connect().await;
    first.send(GET).await;
    first.answer().await;
    assert!(other.connect().await.closes().await);
    assert_eq!((process.refused(), other.listener.refused(), other.listener.connections()), (1, 0, 0));
}

#[tokio::test]
async fn an_ipv6_listener_serves_ipv6_clients() {
    let bound = Bound::new("[::1]:0".parse().unwrap()).unwrap();
    let listener = Listener::start(bound, Arc::new(Front::new("v6", chain(vec![says("six")]))), None);
    let server = Server { listener, watcher: Arc::default() };
    assert_eq!(server.answer(GET).await.text(), "six");
}
