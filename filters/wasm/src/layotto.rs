//! Layotto's way: the function is the service. Its body is the request's, or the query string; what it writes to the
//! response buffer is the answer.

use std::sync::Arc;

use bytes::Bytes;
use chain::{Body, Failure, Request, Response};
use http::{HeaderMap, StatusCode, request};

use crate::abi::{BodyAction, Side};
use crate::body::GuestBody;
use crate::signal::Event;
use crate::stream_handle::{Met, StreamHandle};

/// What became of a request.
pub(crate) enum Outcome {
    Answered(Box<Response>),
    Goes(Box<Request>),
}

/// Gives the function its body in one piece and looks for its answer.
pub(crate) async fn run(
    stream: &Arc<StreamHandle>,
    head: request::Parts,
    mut body: GuestBody,
) -> Result<Outcome, Failure> {
    let (content, trailers) = body.collect().await?;
    let query = if content.is_empty() { head.uri.query().unwrap_or_default() } else { "" };
    let shown = if query.is_empty() { content.clone() } else { Bytes::copy_from_slice(query.as_bytes()) };
    let (mut passed, mut skipped) = (content, false);
    if !shown.is_empty() {
        match run_body(stream, shown, trailers.is_none()).await? {
            Some(left) if query.is_empty() => passed = left,
            Some(_) => (),
            None => skipped = true,
        }
    }
    if let Some(trailers) = trailers.filter(|_| !skipped) {
        skipped = !run_trailers(stream, trailers).await?;
    }
    let answer = if skipped { None } else { stream.take_answer().await };
    let exchange = Arc::clone(&stream.exchange);
    Ok(match answer {
        Some(answer) => {
            exchange.record(|record| record.details = Some("wasm_answered".into()));
            exchange.park(|parked| parked.request = Some(head));
            Outcome::Answered(Box::new(Response::new(StatusCode::OK, Body::full(answer))))
        }
        None => Outcome::Goes(Box::new(Request { head, body: Body::full(passed), exchange })),
    })
}

/// The body callback; gives the body as the guest left it, or `None` where its vm failed and the policy is to go on.
async fn run_body(stream: &Arc<StreamHandle>, shown: Bytes, end: bool) -> Result<Option<Bytes>, Failure> {
    match stream.body(Side::Request, shown, end).await {
        Met::Seen(seen) if seen.action == BodyAction::Continue => Ok(Some(seen.data)),
        Met::Seen(_) => wait(stream).await,
        _ if stream.pool.is_fail_open() => Ok(None),
        Met::Trapped(trap) => Err(stream.trapped(&trap)),
        Met::Dead(_) => Err(stream.death()),
    }
}

/// The trailers callback; `false` where its vm failed and the policy is to go on.
async fn run_trailers(stream: &Arc<StreamHandle>, trailers: HeaderMap) -> Result<bool, Failure> {
    match stream.trailers(Side::Request, trailers).await {
        Met::Seen(Some(_)) => Ok(true),
        Met::Seen(None) => Ok(wait(stream).await?.is_some()),
        _ if stream.pool.is_fail_open() => Ok(false),
        Met::Trapped(trap) => Err(stream.trapped(&trap)),
        Met::Dead(_) => Err(stream.death()),
    }
}

/// A function that paused goes on when one of its callouts resumes it; with none outstanding nobody could. Gives the body
/// as [`run_body`] does.
async fn wait(stream: &Arc<StreamHandle>) -> Result<Option<Bytes>, Failure> {
    match stream.signal.wait_unless_idle(Side::Request).await {
        Event::Resume => Ok(Some(stream.take_held(Side::Request).await.0)),
        event if stream.outlives(&event) => Ok(None),
        event => Err(stream.failure_of(event)),
    }
}
