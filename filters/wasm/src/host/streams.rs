//! Stream control: continue, close, local replies. All of it is queued until the running callback has returned.

use bytes::Bytes;
use chain::{Body, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use tracing::warn;

use super::call::Call;
use crate::abi::{HostResult, Side, Status};
use crate::guest::Action;
use crate::pairs;

/// Lets what is held on.
pub(super) fn proxy_continue_stream(call: &mut Call<'_>, stream: u32) -> HostResult<()> {
    match stream {
        0 => call.guest.act(Action::Resume(Side::Request)),
        1 => call.guest.act(Action::Resume(Side::Response)),
        2 | 3 => (), // TCP streams
        _ => return Err(Status::BadArgument.into()),
    }
    Ok(())
}

/// Resets the stream.
pub(super) fn proxy_close_stream(call: &mut Call<'_>, stream: u32) -> HostResult<()> {
    match stream {
        0 | 1 => call.guest.act(Action::Close),
        2 | 3 => (),
        _ => return Err(Status::BadArgument.into()),
    }
    Ok(())
}

/// ABI 0.1.0: `proxy_continue_stream` of the request.
pub(super) fn proxy_continue_request(call: &mut Call<'_>) -> HostResult<()> {
    call.guest.act(Action::Resume(Side::Request));
    Ok(())
}

/// ABI 0.1.0: `proxy_continue_stream` of the response.
pub(super) fn proxy_continue_response(call: &mut Call<'_>) -> HostResult<()> {
    call.guest.act(Action::Resume(Side::Response));
    Ok(())
}

/// Routes are chosen after the request's filters ran, so there is no choice to forget.
pub(super) fn proxy_clear_route_cache(_call: &mut Call<'_>) -> HostResult<()> {
    Ok(())
}

/// Answers the request in the upstream's place.
#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
pub(super) fn proxy_send_local_response(
    call: &mut Call<'_>,
    status: u32,
    details: u32,
    details_len: u32,
    body: u32,
    body_len: u32,
    headers: u32,
    headers_len: u32,
    grpc_status: u32,
) -> HostResult<()> {
    let memory = &call.memory;
    let details = String::from_utf8_lossy(memory.bytes(details, details_len)?).replace(' ', "_");
    let body = Bytes::copy_from_slice(memory.bytes(body, body_len)?);
    let headers = memory.bytes(headers, headers_len)?;
    let Some(stream) = call.guest.stream() else {
        warn!(function = %call.guest.plugin.id(), "a local reply without a stream was ignored");
        return Ok(());
    };
    let mut response = Response::new(valid_status(status), Body::empty());
    add_headers(&mut response, headers);
    if stream.exchange.is_grpc() {
        to_grpc(&mut response, &body, grpc_status);
    } else if !body.is_empty() {
        let text = HeaderValue::from_static("text/plain");
        response.head.headers.entry(CONTENT_TYPE).or_insert(text);
        response.body = Body::full(body);
    }
    stream.exchange.record(|record| {
        record.details = Some(if details.is_empty() { "wasm_local_reply".into() } else { details.into() })
    });
    call.guest.act(Action::Reply(Box::new(response)));
    Ok(())
}

/// A status that a client can get; anything else answers 500, since most guests die of an error code here.
fn valid_status(status: u32) -> StatusCode {
    let valid = u16::try_from(status).ok().filter(|status| (200..=599).contains(status));
    valid.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// Adds the guest's header fields. What is malformed is left out: the reply itself must reach the client.
fn add_headers(response: &mut Response, blob: &[u8]) {
    let Ok(pairs) = pairs::decode(blob) else {
        warn!("the headers of a local reply are malformed; it is sent without them");
        return;
    };
    for (name, value) in pairs.into_iter().filter(|(name, _)| name.first() != Some(&b':')) {
        match (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            (Ok(name), Ok(value)) => {
                response.head.headers.append(name, value);
            }
            _ => warn!(name = %String::from_utf8_lossy(name), "an invalid header of a local reply is left out"),
        }
    }
}

/// A gRPC request is answered by trailers alone: status 200, and the outcome in `grpc-status`.
fn to_grpc(response: &mut Response, message: &Bytes, grpc_status: u32) {
    let status = if grpc_status <= 16 { grpc_status } else { chain::grpc_status(response.head.status).into() };
    response.head.status = StatusCode::OK;
    let headers = &mut response.head.headers;
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from(status));
    if let Ok(message) = HeaderValue::from_str(&chain::grpc_message(message)) {
        headers.insert("grpc-message", message);
    }
}
