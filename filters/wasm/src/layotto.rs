//! Layotto's way: the function is the service. Its body is the request's, or the query string; what it writes to the
//! response buffer is the answer.

use std::sync::Arc;

use bytes::Bytes;
use chain::{Body, Failure, Request, Response};
use http::{StatusCode, request};

use crate::abi::{BodyAction, Side};
use crate::body::GuestBody;
use crate::signal::Event;
use crate::stream_handle::StreamHandle;

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
    let mut passed = content;
    if !shown.is_empty() {
        let seen = run_body(stream, shown, trailers.is_none()).await?;
        passed = if query.is_empty() { seen.unwrap_or(passed) } else { Bytes::new() };
    }
    if let Some(trailers) = trailers {
        match stream.trailers(Side::Request, trailers).await {
            Some(Ok(Some(_))) => (),
            Some(Ok(None)) => drop(wait(stream).await?),
            Some(Err(trap)) if !stream.pool.is_fail_open() => return Err(stream.trapped(&trap)),
            _ if stream.pool.is_fail_open() => (),
            _ => return Err(stream.death()),
        }
    }
    let exchange = Arc::clone(&stream.exchange);
    Ok(match stream.take_answer().await {
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
        Some(Ok(seen)) if seen.action == BodyAction::Continue => Ok(Some(seen.data)),
        Some(Ok(_)) => wait(stream).await.map(Some),
        _ if stream.pool.is_fail_open() => Ok(None),
        Some(Err(trap)) => Err(stream.trapped(&trap)),
        None => Err(stream.death()),
    }
}

/// A function that paused goes on when one of its callouts resumes it; with none outstanding nobody could.
async fn wait(stream: &Arc<StreamHandle>) -> Result<Bytes, Failure> {
    match stream.signal.wait_unless_idle(Side::Request).await {
        Event::Resume => Ok(stream.take_held(Side::Request).await.0),
        event => Err(stream.failure_of(event)),
    }
}
