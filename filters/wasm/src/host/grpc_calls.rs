//! gRPC calls. Every SDK imports them, so they link; no cluster speaks HTTP/2 yet, so none can start, and there is never
//! a token to send to, close or cancel.

use tracing::warn;

use super::call::Call;
use crate::abi::{HostResult, Status};
use crate::guest::not_found;

/// Cannot start: status 10, which guests of every SDK survive.
#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
pub(super) fn proxy_grpc_call(
    call: &mut Call<'_>,
    upstream: u32,
    upstream_len: u32,
    _service: u32,
    _service_len: u32,
    _method: u32,
    _method_len: u32,
    _metadata: u32,
    _metadata_len: u32,
    _message: u32,
    _message_len: u32,
    _timeout_ms: u32,
    token_out: u32,
) -> HostResult<()> {
    refuse(call, upstream, upstream_len, token_out)
}

/// As `proxy_grpc_call`.
#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
pub(super) fn proxy_grpc_stream(
    call: &mut Call<'_>,
    upstream: u32,
    upstream_len: u32,
    _service: u32,
    _service_len: u32,
    _method: u32,
    _method_len: u32,
    _metadata: u32,
    _metadata_len: u32,
    token_out: u32,
) -> HostResult<()> {
    refuse(call, upstream, upstream_len, token_out)
}

fn refuse(call: &mut Call<'_>, upstream: u32, upstream_len: u32, token_out: u32) -> HostResult<()> {
    let upstream = String::from_utf8_lossy(call.memory.bytes(upstream, upstream_len)?);
    warn!(function = %call.guest.plugin.id(), %upstream, "cannot start a gRPC call: clusters speak HTTP/1.1 only");
    call.memory.put_u32(token_out, 0)?;
    Err(Status::InternalFailure.into())
}

/// No such stream.
pub(super) fn proxy_grpc_send(
    call: &mut Call<'_>,
    _token: u32,
    message: u32,
    message_len: u32,
    _end_stream: u32,
) -> HostResult<()> {
    call.memory.check(message, message_len)?;
    Err(not_found())
}

/// No such call.
pub(super) fn proxy_grpc_close(_call: &mut Call<'_>, _token: u32) -> HostResult<()> {
    Err(not_found())
}

/// No such call.
pub(super) fn proxy_grpc_cancel(_call: &mut Call<'_>, _token: u32) -> HostResult<()> {
    Err(not_found())
}
