//! Descriptors: 1 and 2 are outputs to the function's log, and there are no others.

use super::Errno;
use crate::abi::HostResult;
use crate::host::call::Call;
use crate::log::{Level, MAX_MESSAGE};
use crate::memory::Memory;

/// Pieces of a single write, as Linux limits them.
const MAX_PIECES: u32 = 1024;

/// The right to write, the only one that outputs have.
const RIGHT_TO_WRITE: u64 = 1 << 6;

/// Writes to the log: 1 as info, 2 as error.
pub(super) fn fd_write(call: &mut Call<'_>, fd: u32, pieces: u32, count: u32, written_out: u32) -> HostResult<Errno> {
    let level = match fd {
        1 => Level::Info,
        2 => Level::Error,
        _ => return Ok(Errno::Badf),
    };
    if count > MAX_PIECES {
        return Ok(Errno::Inval);
    }
    let (message, written) = gather(&call.memory, pieces, count)?;
    call.memory.put_u32(written_out, written)?;
    let message = message.strip_suffix(b"\n").unwrap_or(&message);
    if !message.is_empty() {
        call.guest.plugin.log.write(level, message, call.guest.stream());
    }
    Ok(Errno::Success)
}

/// As `fd_write`: an output has no positions.
pub(super) fn fd_pwrite(
    call: &mut Call<'_>,
    fd: u32,
    pieces: u32,
    count: u32,
    _offset: u64,
    written_out: u32,
) -> HostResult<Errno> {
    fd_write(call, fd, pieces, count, written_out)
}

/// Tells that outputs can be written, and nothing else about them.
pub(super) fn fd_fdstat_get(call: &mut Call<'_>, fd: u32, stat_out: u32) -> HostResult<Errno> {
    if !matches!(fd, 1 | 2) {
        return Ok(Errno::Badf);
    }
    let mut stat = [0; 24];
    stat[8..16].copy_from_slice(&RIGHT_TO_WRITE.to_le_bytes());
    call.memory.put(stat_out, &stat)?;
    Ok(Errno::Success)
}

/// The position is always 0.
pub(super) fn fd_tell(call: &mut Call<'_>, _fd: u32, position_out: u32) -> HostResult<Errno> {
    call.memory.put_u64(position_out, 0)?;
    Ok(Errno::Success)
}

/// There is no directory to read; the number is the one that guests of Envoy know.
pub(super) fn fd_readdir(
    call: &mut Call<'_>,
    _fd: u32,
    _entries: u32,
    _len: u32,
    _cookie: u64,
    used_out: u32,
) -> HostResult<Errno> {
    call.memory.put_u32(used_out, 0)?;
    Ok(Errno::Exist)
}

/// There is no link to read.
pub(super) fn path_readlink(
    call: &mut Call<'_>,
    _fd: u32,
    _path: u32,
    _path_len: u32,
    _target: u32,
    _target_len: u32,
    used_out: u32,
) -> HostResult<Errno> {
    call.memory.put_u32(used_out, 0)?;
    Ok(Errno::Notsup)
}

/// Joins the pieces of a write and counts their bytes. What is too long for a log line is counted and not copied: a
/// thousand pieces may each be all of the memory.
fn gather(memory: &Memory<'_>, pieces: u32, count: u32) -> HostResult<(Vec<u8>, u32)> {
    let (mut message, mut written) = (Vec::new(), 0u32);
    for piece in memory.bytes(pieces, count * 8)?.chunks_exact(8) {
        let [address, len] = [&piece[..4], &piece[4..]].map(|word| word.try_into().map_or(0, u32::from_le_bytes));
        let bytes = memory.bytes(address, len)?;
        // One more than fits, so that the log sees that it has to cut, and one for the newline.
        let room = (MAX_MESSAGE + 2).saturating_sub(message.len());
        message.extend_from_slice(&bytes[..bytes.len().min(room)]);
        written = written.saturating_add(len);
    }
    Ok((message, written))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_joined_and_long_ones_are_counted() {
        let mut bytes = vec![b'x'; 1 << 16];
        bytes[..16].copy_from_slice(&[16, 0, 0, 0, 2, 0, 0, 0, 17, 0, 0, 0, 3, 0, 0, 0]);
        bytes[16..20].copy_from_slice(b"abcd");
        assert_eq!(gather(&Memory::new(&mut bytes), 0, 2).unwrap(), (b"abbcd".to_vec(), 5));
        bytes[4..8].copy_from_slice(&60_000u32.to_le_bytes());
        let (message, written) = gather(&Memory::new(&mut bytes), 0, 2).unwrap();
        assert_eq!((message.len(), written), (MAX_MESSAGE + 2, 60_003));
        bytes[8..12].copy_from_slice(&65_534u32.to_le_bytes());
        assert!(gather(&Memory::new(&mut bytes), 0, 2).is_err());
    }
}
