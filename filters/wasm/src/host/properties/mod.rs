//! Properties: facts of the exchange by path, and what guests keep beside them for later filters.

mod attributes;
mod encoding;
mod message;
mod stored;

use bytes::Bytes;

use super::call::{Call, CopyOut};
use crate::abi::{HostResult, Status};
use crate::guest::Guest;

use stored::{Properties, put};

/// Why a path gives no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// No attribute has this path; a guest may have stored something under it.
    Unknown,
    /// There is such an attribute, and it has no value now.
    Unavailable,
    /// The path stands for a whole object.
    Object,
}

type Lookup = Result<Bytes, Missing>;

/// Gives the value of a property: an attribute, else what a guest has stored.
pub(super) fn proxy_get_property(
    call: &mut Call<'_>,
    path: u32,
    path_len: u32,
    address_out: u32,
    size_out: u32,
) -> HostResult<CopyOut> {
    let path = without_end(call.memory.bytes(path, path_len)?);
    let bytes = match attributes::find(call.guest, &segments(path)) {
        Ok(bytes) => bytes,
        Err(Missing::Unknown) => get_stored(call.guest, path).ok_or(Status::NotFound)?,
        Err(Missing::Unavailable) => return Err(Status::NotFound.into()),
        Err(Missing::Object) => return Err(Status::SerializationFailure.into()),
    };
    Ok(CopyOut { bytes, address_out, size_out })
}

/// Stores a value for later filters of the exchange, or in a root context for the root. Attributes stay as they are.
pub(super) fn proxy_set_property(
    call: &mut Call<'_>,
    path: u32,
    path_len: u32,
    value: u32,
    value_len: u32,
) -> HostResult<()> {
    let path = without_end(call.memory.bytes(path, path_len)?);
    let value = call.memory.bytes(value, value_len)?;
    if path.is_empty() {
        return Err(Status::BadArgument.into());
    }
    match call.guest.stream() {
        Some(stream) => Properties::of(&stream.exchange).set(path, value)?,
        None => put(&mut call.guest.root_properties, path, value)?,
    }
    Ok(())
}

/// What a guest stored. Envoy keeps it as filter state `wasm.PATH`, and there are guests that read it so.
fn get_stored(guest: &Guest, path: &[u8]) -> Option<Bytes> {
    let path = path.strip_prefix(b"filter_state\0wasm.").unwrap_or(path);
    match guest.stream() {
        Some(stream) => Properties::of(&stream.exchange).get(path),
        None => guest.root_properties.get(path).cloned(),
    }
}

/// The C++ SDK ends a path by a NUL; the others do not.
fn without_end(path: &[u8]) -> &[u8] {
    path.strip_suffix(b"\0").unwrap_or(path)
}

/// The segments of a path, which lie between NULs. A path of no bytes has none.
fn segments(path: &[u8]) -> Vec<&[u8]> {
    if path.is_empty() { Vec::new() } else { path.split(|byte| *byte == 0).collect() }
}

#[cfg(test)]
mod tests;
