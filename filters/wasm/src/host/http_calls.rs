//! HTTP calls: from the guest through dispatch to a cluster or a store.

use std::time::Duration;

use bytes::Bytes;
use dispatch::{HttpCall, Refusal};
use http::{HeaderMap, request};

use super::call::{Call, CopyOut};
use crate::abi::{HostResult, Status};
use crate::guest::Outgoing;
use crate::header_map::MapMut;
use crate::pairs;

/// Starts a request. The answer arrives in `proxy_on_http_call_response`, never before this call has returned.
#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
pub(super) fn proxy_http_call(
    call: &mut Call<'_>,
    upstream: u32,
    upstream_len: u32,
    headers: u32,
    headers_len: u32,
    body: u32,
    body_len: u32,
    trailers: u32,
    trailers_len: u32,
    timeout_ms: u32,
    token_out: u32,
) -> HostResult<()> {
    let memory = &call.memory;
    let target = memory.text(upstream, upstream_len)?.to_owned();
    let head = request_head(&pairs::decode(memory.bytes(headers, headers_len)?)?)?;
    let body = Bytes::copy_from_slice(memory.bytes(body, body_len)?);
    let trailers = fields(&pairs::decode(memory.bytes(trailers, trailers_len)?)?)?;
    let timeout = i32::try_from(timeout_ms).map_err(|_| Status::BadArgument)?;
    call.memory.put_u32(token_out, 0)?; // proves the address before anything starts
    let scope = call.guest.scope().ok_or(Status::BadArgument)?;
    let request =
        HttpCall { target, head, body, trailers, timeout: Duration::from_millis(timeout.unsigned_abs().into()) };
    let answer = scope.http_call(call.guest.plugin.id(), request).map_err(|refusal| match refusal {
        Refusal::Unknown => Status::BadArgument,
        Refusal::Budget => Status::InternalFailure,
    })?;
    let token = call.guest.next_token();
    call.memory.put_u32(token_out, token)?;
    let context = call.guest.context();
    let stream = call.guest.streams.contains_key(&context).then_some(context);
    if let Some(stream) = call.guest.stream() {
        stream.signal.call_started();
    }
    call.guest.outgoing.push(Outgoing { token, stream, answer });
    Ok(())
}

/// Tells why the last callout failed.
pub(super) fn proxy_get_status(
    call: &mut Call<'_>,
    code_out: u32,
    address_out: u32,
    size_out: u32,
) -> HostResult<CopyOut> {
    let (code, message) = call.guest.last_status;
    call.memory.put_u32(code_out, code)?;
    Ok(CopyOut { bytes: Bytes::from_static(message.as_bytes()), address_out, size_out })
}

/// `:method`, `:path` and `:authority` are mandatory.
fn request_head(pairs: &[(&[u8], &[u8])]) -> HostResult<request::Parts> {
    let has = |name: &[u8]| pairs.iter().any(|(key, _)| *key == name);
    if !(has(b":method") && has(b":path") && has(b":authority")) {
        return Err(Status::BadArgument.into());
    }
    let (mut head, ()) = http::Request::new(()).into_parts();
    MapMut::Request(&mut head).set_all(pairs)?;
    Ok(head)
}

fn fields(pairs: &[(&[u8], &[u8])]) -> HostResult<HeaderMap> {
    let mut fields = HeaderMap::new();
    MapMut::Fields(&mut fields).set_all(pairs)?;
    Ok(fields)
}
