//! Foreign functions: calls by name that the ABI itself knows nothing of.

use bytes::Bytes;

use super::call::{Call, CopyOut};
use crate::abi::{HostResult, Status};
use crate::guest::{Guest, not_found};

/// Calls a foreign function. A guest that passes no address for the result does not get it.
pub(super) fn proxy_call_foreign_function(
    call: &mut Call<'_>,
    name: u32,
    name_len: u32,
    arguments: u32,
    arguments_len: u32,
    address_out: u32,
    size_out: u32,
) -> HostResult<Option<CopyOut>> {
    let name = call.memory.bytes(name, name_len)?;
    call.memory.bytes(arguments, arguments_len)?;
    let bytes = match name {
        b"get_log_level" => get_log_level(call.guest),
        b"clear_route_cache" => clear_route_cache(call.guest)?,
        _ => return Err(not_found()),
    };
    if address_out != 0 && size_out != 0 {
        return Ok(Some(CopyOut { bytes, address_out, size_out }));
    }
    // Without both words there is no telling the guest where the result is, so none is placed.
    for word in [address_out, size_out].into_iter().filter(|word| *word != 0) {
        call.memory.put_u32(word, 0)?;
    }
    Ok(None)
}

/// The level of the function's log, as `proxy_get_log_level` tells it.
fn get_log_level(guest: &Guest) -> Bytes {
    Bytes::copy_from_slice(&(guest.plugin.log.level() as u32).to_le_bytes())
}

/// Routes are chosen after the request's filters ran, so there is no choice to forget; status 2 without a stream.
fn clear_route_cache(guest: &Guest) -> Result<Bytes, Status> {
    guest.stream().map(|_| Bytes::new()).ok_or(Status::BadArgument)
}
