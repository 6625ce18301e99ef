//! Buffers: bodies, configurations, answers of calls.

use bytes::{Bytes, BytesMut};

use super::call::{Call, CopyOut};
use crate::abi::{BufferType, HostResult, Side, Status};
use crate::guest::{Guest, Phase, not_found};
use crate::stream::Answer;

/// Gives `max` bytes of a buffer from `start` on; fewer where the buffer ends.
pub(super) fn proxy_get_buffer_bytes(
    call: &mut Call<'_>,
    buffer: u32,
    start: u32,
    max: u32,
    address_out: u32,
    size_out: u32,
) -> HostResult<CopyOut> {
    let buffer = BufferType::try_from(buffer)?;
    let bytes = match readable(call.guest, buffer)? {
        Readable::Mutable(bytes) => Bytes::copy_from_slice(part(bytes, start, max)),
        Readable::Fixed(bytes) => bytes.slice_ref(part(&bytes, start, max)),
    };
    Ok(CopyOut { bytes, address_out, size_out })
}

/// Gives the length of a buffer. The flags are always 0.
pub(super) fn proxy_get_buffer_status(
    call: &mut Call<'_>,
    buffer: u32,
    len_out: u32,
    flags_out: u32,
) -> HostResult<()> {
    let len = match readable(call.guest, BufferType::try_from(buffer)?)? {
        Readable::Mutable(bytes) => bytes.len(),
        Readable::Fixed(bytes) => bytes.len(),
    };
    call.memory.check(flags_out, 4)?;
    call.memory.put_u32(len_out, u32::try_from(len).unwrap_or(u32::MAX))?;
    call.memory.put_u32(flags_out, 0)
}

/// Replaces `size` bytes of a buffer from `start` on; a start behind the end appends, size 0 inserts.
pub(super) fn proxy_set_buffer_bytes(
    call: &mut Call<'_>,
    buffer: u32,
    start: u32,
    size: u32,
    data: u32,
    len: u32,
) -> HostResult<()> {
    let buffer = BufferType::try_from(buffer)?;
    let data = call.memory.bytes(data, len)?;
    let target = writable(call.guest, buffer).ok_or(Status::BadArgument)?;
    edit(target, start, size, data);
    Ok(())
}

/// ABI 0.1.0: the configuration of the running phase.
pub(super) fn proxy_get_configuration(call: &mut Call<'_>, address_out: u32, size_out: u32) -> HostResult<CopyOut> {
    let bytes = call.guest.plugin.configuration_of(call.guest.phase);
    Ok(CopyOut { bytes, address_out, size_out })
}

enum Readable<'a> {
    Mutable(&'a [u8]),
    Fixed(Bytes),
}

/// The bytes of a buffer. A body outside its window is empty to a stream, as in Envoy.
fn readable(guest: &Guest, buffer: BufferType) -> HostResult<Readable<'_>> {
    Ok(match buffer {
        BufferType::Body(side) => {
            let stream = guest.stream().ok_or_else(not_found)?;
            match (&stream.answer, side) {
                (Answer::Written(answer), Side::Response) => Readable::Mutable(answer),
                _ => Readable::Mutable(stream.body(side).map_or(&[], |body| body)),
            }
        }
        BufferType::CallResponse => {
            let response = guest.call_response.as_ref().ok_or_else(not_found)?;
            Readable::Fixed(response.body.clone())
        }
        BufferType::VmConfiguration => Readable::Fixed(guest.plugin.settings.vm_configuration.clone()),
        BufferType::PluginConfiguration if guest.phase == Phase::Configuring => {
            Readable::Fixed(guest.plugin.settings.configuration.clone())
        }
        BufferType::CallData if guest.phase == Phase::Announcing => Readable::Mutable(&guest.call_data),
        BufferType::CallData | BufferType::PluginConfiguration | BufferType::Tcp | BufferType::GrpcReceive => {
            return Err(not_found());
        }
    })
}

fn writable(guest: &mut Guest, buffer: BufferType) -> Option<&mut BytesMut> {
    match buffer {
        BufferType::Body(side) => {
            let stream = guest.stream_mut()?;
            if side == Side::Response && !matches!(stream.answer, Answer::Closed) {
                return Some(stream.answer.open());
            }
            stream.body_mut(side)
        }
        BufferType::CallData if guest.phase == Phase::Announcing => Some(&mut guest.call_data),
        _ => None,
    }
}

fn part(bytes: &[u8], start: u32, max: u32) -> &[u8] {
    let start = (start as usize).min(bytes.len());
    let end = start.saturating_add(max as usize).min(bytes.len());
    &bytes[start..end]
}

/// Replaces `size` bytes at `start`, both cut to what is there.
fn edit(target: &mut BytesMut, start: u32, size: u32, data: &[u8]) {
    let start = (start as usize).min(target.len());
    let end = start.saturating_add(size as usize).min(target.len());
    if start == target.len() {
        target.extend_from_slice(data);
        return;
    }
    let tail = target.split_off(end);
    target.truncate(start);
    target.reserve(data.len() + tail.len());
    target.extend_from_slice(data);
    target.extend_from_slice(&tail);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(start: u32, size: u32, data: &str) -> String {
        let mut target = BytesMut::from("abcd");
        edit(&mut target, start, size, data.as_bytes());
        String::from_utf8(target.to_vec()).unwrap()
    }

    #[test]
    fn an_edit_prepends_appends_replaces_and_splices() {
        assert_eq!(edited(0, 0, "X"), "Xabcd");
        assert_eq!(edited(u32::MAX, 0, "Y"), "abcdY");
        assert_eq!(edited(0, u32::MAX, "Z"), "Z");
        assert_eq!(edited(0, 2, "Q"), "Qcd");
        assert_eq!(edited(1, 2, "R"), "aRd");
        assert_eq!(edited(0, u32::MAX, ""), "");
    }

    #[test]
    fn a_part_is_cut_at_the_end() {
        assert_eq!(part(b"abcd", 1, 2), b"bc");
        assert_eq!(part(b"abcd", 2, u32::MAX), b"cd");
        assert_eq!(part(b"abcd", 9, 1), b"");
    }
}
