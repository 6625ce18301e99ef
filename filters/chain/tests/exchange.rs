//! The exchange: local replies, resets, side work, the end.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::net::SocketAddr;
use std::sync::Arc;

use http::StatusCode;
use outrigger_chain::{Body, Connection, Exchange, Failure, Filter, Interrupt, Next, Request, Response, async_trait};
use parking_lot::Mutex;

fn request() -> Request {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let connection = Connection { id: 1, listener: "l".into(), peer: nowhere, local: nowhere };
    let (head, ()) = http::Request::new(()).into_parts();
    let exchange = Exchange::new(Arc::new(connection), None, &head);
    Request { head, body: Body::empty(), exchange }
}

fn reply(status: u16) -> Response {
    Response::empty(StatusCode::from_u16(status).unwrap())
}

/// Notes its name on the way in and on the way out.
struct Notes(&'static str, Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Filter for Notes {
    async fn handle(&self, request: Request, next: Next) -> Result<Response, Failure> {
        self.1.lock().push(format!("{} in", self.0));
        let response = next.run(request).await?;
        self.1.lock().push(format!("{} out", self.0));
        Ok(response)
    }
}

/// Waits as a router does, and returns a local reply that comes meanwhile.
struct Waits;

#[async_trait]
impl Filter for Waits {
    async fn handle(&self, request: Request, _next: Next) -> Result<Response, Failure> {
        match request.exchange.interrupted().await {
            Interrupt::Reply(response) => Ok(*response),
            Interrupt::Reset(reason) => Err(Failure::Reset(reason)),
        }
    }
}

#[tokio::test]
async fn requests_go_down_and_a_reply_to_a_waiting_chain_comes_up_through_everybody() {
    let notes = Arc::<Mutex<Vec<String>>>::default();
    let chain: Arc<[Arc<dyn Filter>]> = Arc::from([
        Arc::new(Notes("a", notes.clone())) as _,
        Arc::new(Notes("b", notes.clone())) as _,
        Arc::new(Waits) as _,
    ]);
    let request = request();
    let exchange = Arc::clone(&request.exchange);
    let running = tokio::spawn(Next::new(chain).run(request));
    assert!(exchange.reply(reply(418)));
    assert!(!exchange.reply(reply(419)), "the first reply wins");
    assert_eq!(running.await.unwrap().unwrap().head.status, 418);
    assert_eq!(*notes.lock(), ["a in", "b in", "b out", "a out"]);
}

#[tokio::test]
async fn a_chain_that_nobody_answers_is_404_with_its_reason() {
    let request = request();
    let exchange = Arc::clone(&request.exchange);
    let response = Next::new(Arc::from([])).run(request).await.unwrap();
    assert_eq!(response.head.status, 404);
    assert_eq!(
        exchange.record(|record| (record.flags.clone(), record.details.clone())),
        (vec!["NR"], Some("no_filter_answered".into()))
    );
    assert!(exchange.parked(|parked| parked.request.is_some()));
}

#[tokio::test]
async fn a_reset_beats_a_reply_that_nobody_took() {
    let exchange = request().exchange;
    exchange.reply(reply(418));
    assert!(exchange.reset("why"));
    assert!(matches!(exchange.interrupted().await, Interrupt::Reset("why")));
    assert_eq!(exchange.until_reset().await, "why");
    assert!(!exchange.reply(reply(418)));
}

#[tokio::test]
async fn side_work_is_polled_beside_the_chain_also_when_it_is_added_late() {
    let exchange = request().exchange;
    let (late, sent) = tokio::sync::oneshot::channel();
    let adder = Arc::clone(&exchange);
    exchange.drive(async move {
        tokio::task::yield_now().await;
        adder.drive(async move { late.send(7).unwrap() });
    });
    assert_eq!(exchange.run(sent).await.unwrap(), 7);

    let (late, sent) = tokio::sync::oneshot::channel();
    let adder = Arc::clone(&exchange);
    tokio::spawn(async move { adder.drive(async move { late.send(8).unwrap() }) });
    assert_eq!(exchange.run(sent).await.unwrap(), 8);
}

#[tokio::test]
async fn the_end_drops_side_work_and_runs_each_hook_once_in_order() {
    let exchange = request().exchange;
    let (ends, order) = (Arc::new(()), Arc::<Mutex<Vec<u8>>>::default());
    let held = Arc::clone(&ends);
    exchange.drive(async move {
        std::future::pending::<()>().await;
        drop(held);
    });
    for number in [1, 2] {
        let order = Arc::clone(&order);
        exchange.on_finish(move |_| Box::pin(async move { order.lock().push(number) }));
    }
    Arc::clone(&exchange).finish().await;
    Arc::clone(&exchange).finish().await;
    assert_eq!(*order.lock(), [1, 2]);
    assert_eq!(Arc::strong_count(&ends), 1);
}

#[test]
fn every_failure_has_its_face() {
    let exchange = request().exchange;
    let trap = Failure::GuestTrapped { function: "f".into(), callback: "proxy_on_log", reason: "cpu" };
    assert_eq!(trap.face().details, "wasm_fail_stream:f:proxy_on_log:cpu");
    let response = trap.into_response(&exchange);
    assert_eq!((response.head.status.as_u16(), response.body.length()), (503, Some(0)));
    assert_eq!(exchange.record(|record| record.flags.clone()), ["WF"]);
    assert!(Failure::ConnectFailed(String::new()).face().retry);
    assert!(!Failure::UpstreamReset(String::new()).face().retry);
}
