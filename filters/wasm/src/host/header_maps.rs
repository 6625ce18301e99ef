//! HTTP fields: request and response headers, trailers, and those of answered calls.

use bytes::Bytes;

use super::call::{Call, CopyOut};
use crate::abi::{HostResult, MapType, Status};
use crate::guest::Guest;
use crate::header_map::{MapMut, MapRef};
use crate::pairs;

/// Size in bytes of the serialized map.
pub(super) fn proxy_get_header_map_size(call: &mut Call<'_>, map: u32, size_out: u32) -> HostResult<()> {
    let map = MapType::try_from(map)?;
    let size = with_map(call.guest, map, |map| map.map_or(0, |map| pairs::encoded_len(map.pairs())));
    call.memory.put_u32(size_out, u32::try_from(size).unwrap_or(u32::MAX))
}

/// Gives a whole map; one that is not available is empty.
pub(super) fn proxy_get_header_map_pairs(
    call: &mut Call<'_>,
    map: u32,
    address_out: u32,
    size_out: u32,
) -> HostResult<CopyOut> {
    let map = MapType::try_from(map)?;
    let blob = with_map(call.guest, map, |map| {
        map.map_or_else(Vec::new, |map| pairs::encode(&map.pairs().collect::<Vec<_>>()))
    });
    Ok(CopyOut { bytes: blob.into(), address_out, size_out })
}

/// Replaces a whole map.
pub(super) fn proxy_set_header_map_pairs(call: &mut Call<'_>, map: u32, data: u32, len: u32) -> HostResult<()> {
    let map = MapType::try_from(map)?;
    let pairs = pairs::decode(call.memory.bytes(data, len)?)?;
    Ok(map_mut(call.guest, map)?.set_all(&pairs)?)
}

/// Gives the first value of a name.
pub(super) fn proxy_get_header_map_value(
    call: &mut Call<'_>,
    map: u32,
    name: u32,
    name_len: u32,
    address_out: u32,
    size_out: u32,
) -> HostResult<CopyOut> {
    let map = MapType::try_from(map)?;
    let name = call.memory.bytes(name, name_len)?;
    let bytes = with_map(call.guest, map, |map| match map {
        Some(map) => map.get(name).map(Bytes::copy_from_slice).ok_or(Status::NotFound),
        None => Err(unavailable(call.guest)),
    })?;
    Ok(CopyOut { bytes, address_out, size_out })
}

/// Adds a field.
pub(super) fn proxy_add_header_map_value(
    call: &mut Call<'_>,
    map: u32,
    name: u32,
    name_len: u32,
    value: u32,
    value_len: u32,
) -> HostResult<()> {
    let map = MapType::try_from(map)?;
    let (name, value) = (call.memory.bytes(name, name_len)?, call.memory.bytes(value, value_len)?);
    Ok(map_mut(call.guest, map)?.add(name, value)?)
}

/// Sets a field to one value, whatever it had.
pub(super) fn proxy_replace_header_map_value(
    call: &mut Call<'_>,
    map: u32,
    name: u32,
    name_len: u32,
    value: u32,
    value_len: u32,
) -> HostResult<()> {
    let map = MapType::try_from(map)?;
    let (name, value) = (call.memory.bytes(name, name_len)?, call.memory.bytes(value, value_len)?);
    Ok(map_mut(call.guest, map)?.replace(name, value)?)
}

/// Removes all values of a name; one that is absent is no error.
pub(super) fn proxy_remove_header_map_value(call: &mut Call<'_>, map: u32, name: u32, name_len: u32) -> HostResult<()> {
    let map = MapType::try_from(map)?;
    let name = call.memory.bytes(name, name_len)?;
    map_mut(call.guest, map)?.remove(name);
    Ok(())
}

/// In `proxy_on_log` a map that is gone is "not found"; anywhere else asking for it is a mistake (Envoy's codes).
fn unavailable(guest: &Guest) -> Status {
    let logging = guest.stream().is_some_and(|stream| stream.logging);
    if logging { Status::NotFound } else { Status::BadArgument }
}

fn map_mut(guest: &mut Guest, map: MapType) -> HostResult<MapMut<'_>> {
    let found = match map {
        MapType::Headers(side) => guest.stream_mut().and_then(|stream| stream.headers_mut(side)),
        MapType::Trailers(side) => guest.stream_mut().and_then(|stream| stream.trailers_mut(side)),
        MapType::Grpc | MapType::CallResponseHeaders | MapType::CallResponseTrailers => None,
    };
    Ok(found.ok_or(Status::BadArgument)?)
}

/// Looks at a map where it lies now: in the stream's table, in the exchange once it was consumed, in an answered call.
fn with_map<T>(guest: &Guest, map: MapType, look: impl FnOnce(Option<MapRef<'_>>) -> T) -> T {
    match (map, guest.stream()) {
        (MapType::CallResponseHeaders, _) => {
            let head = guest.call_response.as_ref().and_then(|response| response.head.as_ref());
            let empty = http::HeaderMap::new();
            match (head, guest.call_response.is_some()) {
                (Some(head), _) => look(Some(MapRef::Response(head))),
                (None, true) => look(Some(MapRef::Fields(&empty))), // a failed call has an empty map
                (None, false) => look(None),
            }
        }
        (MapType::CallResponseTrailers, _) => {
            look(guest.call_response.as_ref().map(|response| MapRef::Fields(&response.trailers)))
        }
        (_, Some(stream)) if stream.logging => stream.exchange.parked(|parked| {
            use crate::abi::Side::{Request, Response};
            look(match map {
                MapType::Headers(Request) => parked.request.as_ref().map(MapRef::Request),
                MapType::Headers(Response) => parked.response.as_ref().map(MapRef::Response),
                MapType::Trailers(Request) => parked.request_trailers.as_ref().map(MapRef::Fields),
                MapType::Trailers(Response) => parked.response_trailers.as_ref().map(MapRef::Fields),
                _ => None,
            })
        }),
        (MapType::Headers(side), Some(stream)) => look(stream.headers(side)),
        (MapType::Trailers(side), Some(stream)) => look(stream.trailers(side)),
        _ => look(None),
    }
}
