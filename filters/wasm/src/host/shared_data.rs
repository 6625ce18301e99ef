//! The shared key-value store.

use super::call::{Call, CopyOut};
use crate::abi::HostResult;
use crate::guest::not_found;

/// Gives the value of a key, and its compare-and-swap number.
pub(super) fn proxy_get_shared_data(
    call: &mut Call<'_>,
    key: u32,
    key_len: u32,
    address_out: u32,
    size_out: u32,
    cas_out: u32,
) -> HostResult<CopyOut> {
    let key = call.memory.bytes(key, key_len)?;
    let (bytes, cas) = call.guest.plugin.shared_data.get(key).ok_or_else(not_found)?;
    call.memory.put_u32(cas_out, cas)?;
    Ok(CopyOut { bytes, address_out, size_out })
}

/// Stores a value; with a number other than 0 only if the key's number is still that one.
pub(super) fn proxy_set_shared_data(
    call: &mut Call<'_>,
    key: u32,
    key_len: u32,
    value: u32,
    value_len: u32,
    cas: u32,
) -> HostResult<()> {
    let (key, value) = (call.memory.bytes(key, key_len)?, call.memory.bytes(value, value_len)?);
    Ok(call.guest.plugin.shared_data.set(key, value, cas)?)
}
