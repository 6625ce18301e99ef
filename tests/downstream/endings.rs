//! How exchanges end: by the client, by a reset, by a task that is dropped. The finish hooks run once each time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use chain::{Body, Failure, Filter, Next, Request, Response, async_trait};
use http::StatusCode;

use crate::filters::{Answers, Counts, Last, Pieces, Stalls, count_end, says};
use crate::support::{Server, soon};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const POST: &str = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhell";

/// A chain that counts its ends and then waits for ever.
fn stalled() -> (Server, Arc<Stalls>, Arc<AtomicUsize>) {
    let (stalls, ended) = (Arc::new(Stalls::default()), Arc::default());
    let server = Server::start(vec![Arc::new(Counts(Arc::clone(&ended))), Arc::clone(&stalls) as Arc<dyn Filter>]);
    (server, stalls, ended)
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_exchange_and_the_hooks_run_once() {
    for request in [GET, POST] {
        let (server, stalls, ended) = stalled();
        let mut client = server.connect().await;
        client.send(request).await;
        soon(stalls.entered.notified()).await;
        drop(client);
        let seen = server.watcher.ended(1).await;
        assert_eq!((&seen[0].flags[..], seen[0].status), (&["DC"][..], None), "{request:?}");
        assert_eq!(seen[0].uri.as_deref(), Some("http://a/"));
        server.watcher.until(|watcher| watcher.closed.load(Ordering::SeqCst) == 1).await;
        assert_eq!((ended.load(Ordering::SeqCst), server.watcher.ended(1).await.len()), (1, 1));
    }
}

#[tokio::test]
async fn a_client_that_resets_ends_its_exchange() {
    let (server, stalls, ended) = stalled();
    let mut client = server.connect().await;
    client.send(GET).await;
    soon(stalls.entered.notified()).await;
    client.abort();
    assert_eq!(server.watcher.ended(1).await[0].flags, ["DC"]);
    assert_eq!(ended.load(Ordering::SeqCst), 1);
}

/// Answers after the client has closed its direction for certain.
struct Late(tokio::sync::Notify);

#[async_trait]
impl Filter for Late {
    async fn handle(&self, _: Request, _: Next) -> Result<Response, Failure> {
        self.0.notified().await;
        Ok(Response::new(StatusCode::OK, Pieces::body(&["late", "r"], Last::End)))
    }
}

#[tokio::test]
async fn a_client_that_closes_its_direction_only_gets_its_answer() {
    let late = Arc::new(Late(tokio::sync::Notify::new()));
    let server = Server::start(vec![Arc::clone(&late) as Arc<dyn Filter>]);
    let mut client = server.connect().await;
    client.send(GET).await;
    client.finish().await;
    assert_eq!(client.head().await.0, 100, "the client is asked whether it is still there");
    late.0.notify_one();
    assert_eq!(client.answer().await.text(), "later");
    assert!(client.closes().await);
    assert_eq!(server.watcher.ended(1).await[0].flags, [""; 0]);
}

#[tokio::test]
async fn a_client_that_leaves_during_a_response_ends_it() {
    let ended = Arc::default();
    let server = Server::start(vec![
        Arc::new(Counts(Arc::clone(&ended))),
        Arc::new(Answers(|_: Request| Response::new(StatusCode::OK, Pieces::body(&["first"], Last::Never)))),
    ]);
    let mut client = server.connect().await;
    client.send(GET).await;
    client.head().await;
    drop(client);
    let seen = server.watcher.ended(1).await;
    assert_eq!((&seen[0].flags[..], seen[0].status), (&["DC"][..], Some(200)));
    assert_eq!(ended.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_client_that_leaves_while_it_is_written_to_ends_the_response() {
    let endless = Bytes::from(vec![b'x'; 100_000]);
    let server = Server::start(vec![Arc::new(Answers(move |_: Request| {
        Response::new(StatusCode::OK, Body::source(Endless(endless.clone())))
    }))]);
    let mut client = server.connect().await;
    client.send(GET).await;
    client.head().await;
    drop(client);
    assert_eq!(server.watcher.ended(1).await[0].flags, ["DC"]);
}

/// The same piece for ever.
struct Endless(Bytes);

impl chain::Source for Endless {
    async fn next(&mut self) -> Option<Result<chain::Frame<Bytes>, Failure>> {
        Some(Ok(chain::Frame::data(self.0.clone())))
    }
}

/// Resets its exchange from another task: while the chain waits, or while a client that does not read is written to.
struct Resets {
    respond: bool,
}

#[async_trait]
impl Filter for Resets {
    async fn handle(&self, request: Request, _: Next) -> Result<Response, Failure> {
        let exchange = Arc::clone(&request.exchange);
        if !self.respond {
            let exchange = Arc::clone(&exchange);
            tokio::spawn(async move { exchange.reset("from_outside") });
            std::future::pending::<()>().await;
        }
        let mut frames = 0;
        let counted = FnSource(move || {
            frames += 1;
            if frames == 1_000 {
                exchange.reset("from_outside");
            }
            Bytes::from_static(&[b'x'; 8 * 1024])
        });
        Ok(Response::new(StatusCode::OK, Body::source(counted)))
    }
}

/// Yields what a function gives.
struct FnSource<F>(F);

impl<F: FnMut() -> Bytes + Send + 'static> chain::Source for FnSource<F> {
    async fn next(&mut self) -> Option<Result<chain::Frame<Bytes>, Failure>> {
        Some(Ok(chain::Frame::data((self.0)())))
    }
}

#[tokio::test]
async fn a_reset_is_honoured_while_the_chain_waits_and_while_the_response_is_written() {
    for respond in [false, true] {
        let server = Server::start(vec![Arc::new(Resets { respond })]);
        let mut client = server.connect().await;
        client.send(GET).await;
        assert!(client.resets().await);
        let seen = server.watcher.ended(1).await;
        assert_eq!((&seen[0].flags[..], seen[0].details.as_deref()), (&["LR"][..], Some("from_outside")));
    }
}

#[tokio::test]
async fn a_reset_is_honoured_while_a_client_does_not_read() {
    let exchange = Arc::new(parking_lot::Mutex::new(None));
    let kept = Arc::clone(&exchange);
    let server = Server::start(vec![Arc::new(Answers(move |request: Request| {
        *kept.lock() = Some(request.exchange);
        Response::new(StatusCode::OK, Body::source(Endless(Bytes::from(vec![b'x'; 1 << 20]))))
    }))]);
    let mut client = server.connect().await;
    client.send(GET).await;
    client.head().await;
    let exchange = exchange.lock().take().unwrap();
    tokio::spawn(async move { exchange.reset("from_outside") });
    assert_eq!(server.watcher.ended(1).await[0].details.as_deref(), Some("from_outside"));
}

/// Its finish hook waits until it is let go.
struct SlowHook(Arc<tokio::sync::Notify>);

#[async_trait]
impl Filter for SlowHook {
    async fn handle(&self, request: Request, next: Next) -> Result<Response, Failure> {
        let go = Arc::clone(&self.0);
        request.exchange.on_finish(move |_| Box::pin(async move { go.notified().await }));
        next.run(request).await
    }
}

#[tokio::test]
async fn a_slow_finish_hook_does_not_delay_the_next_request() {
    let go = Arc::new(tokio::sync::Notify::new());
    let server = Server::start(vec![Arc::new(SlowHook(Arc::clone(&go))), says("hello")]);
    let mut client = server.connect().await;
    for _ in 0..2 {
        client.send(GET).await;
        assert_eq!(client.answer().await.text(), "hello");
    }
    assert_eq!(server.watcher.started.load(Ordering::SeqCst), 2);
    go.notify_waiters();
    server.watcher.ended(2).await;
}

#[test]
fn an_exchange_whose_task_is_dropped_still_runs_its_hooks() {
    let ended = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let counted = Arc::clone(&ended);
    let server = runtime.block_on(async {
        let stalls = Arc::new(Stalls::default());
        let server = Server::start(vec![Arc::new(Ends(counted)), Arc::clone(&stalls) as Arc<dyn Filter>]);
        let mut client = server.connect().await;
        client.send(GET).await;
        soon(stalls.entered.notified()).await;
        server
    });
    drop(runtime);
    assert_eq!(ended.load(Ordering::SeqCst), 1);
    assert_eq!(server.watcher.closed.load(Ordering::SeqCst), 1);
}

/// A hook that has nothing to wait for.
struct Ends(Arc<AtomicUsize>);

#[async_trait]
impl Filter for Ends {
    async fn handle(&self, request: Request, next: Next) -> Result<Response, Failure> {
        let ended = Arc::clone(&self.0);
        request.exchange.on_finish(move |_| {
            ended.fetch_add(1, Ordering::SeqCst);
            Box::pin(std::future::ready(()))
        });
        next.run(request).await
    }
}

/// A filter with a bug.
struct Panics(Arc<AtomicUsize>);

#[async_trait]
impl Filter for Panics {
    async fn handle(&self, request: Request, _: Next) -> Result<Response, Failure> {
        count_end(&request, &self.0);
        panic!("a bug in a filter");
    }
}

#[tokio::test]
async fn a_filter_that_panics_ends_its_own_connection_only() {
    let ended = Arc::default();
    let server = Server::start(vec![Arc::new(Panics(Arc::clone(&ended)))]);
    for count in 1..=2 {
        let mut client = server.connect().await;
        client.send(GET).await;
        assert!(client.closes().await);
        server.watcher.ended(count).await;
    }
    assert_eq!(ended.load(Ordering::SeqCst), 2);
}

/// Panics in its finish hook, after it panicked.
struct PanicsTwice;

#[async_trait]
impl Filter for PanicsTwice {
    async fn handle(&self, request: Request, _: Next) -> Result<Response, Failure> {
        request.exchange.on_finish(|_| panic!("a bug in a hook"));
        panic!("a bug in a filter");
    }
}

#[tokio::test]
async fn a_hook_that_panics_while_its_task_unwinds_does_not_end_the_process() {
    let server = Server::start(vec![Arc::new(PanicsTwice)]);
    for _ in 0..2 {
        let mut client = server.connect().await;
        client.send(GET).await;
        assert!(client.closes().await);
    }
    server.listener.stop();
    assert!(server.listener.drained(std::time::Duration::from_secs(30)).await);
}
