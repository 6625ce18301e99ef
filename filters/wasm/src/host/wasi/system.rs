//! Arguments, environment, clocks, random bytes, waiting and the end.

use rand::RngCore;
use wasmtime::Result;

use super::Errno;
use crate::abi::HostResult;
use crate::host::call::Call;
use crate::host::clocks::wall_clock;
use crate::memory::Memory;

/// Most random bytes of one call.
const MAX_RANDOM: u32 = 1 << 16;

/// `proc_exit`. With code 0 a normal end of a start function; at any other time the guest has given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the guest exited with code {0}")]
pub(crate) struct Exit(pub(crate) u32);

/// There are no arguments.
pub(super) fn args_sizes_get(call: &mut Call<'_>, count_out: u32, size_out: u32) -> HostResult<Errno> {
    put_sizes(&mut call.memory, count_out, size_out, [0, 0])
}

/// There are no arguments.
pub(super) fn args_get(_call: &mut Call<'_>, _pointers_out: u32, _strings_out: u32) -> HostResult<Errno> {
    Ok(Errno::Success)
}

/// Number and bytes of the configured variables.
pub(super) fn environ_sizes_get(call: &mut Call<'_>, count_out: u32, size_out: u32) -> HostResult<Errno> {
    let environment = &call.guest.plugin.settings.environment;
    let size = environment.iter().map(|(name, value)| variable_len(name, value)).sum();
    put_sizes(&mut call.memory, count_out, size_out, [environment.len(), size])
}

/// The configured variables, and nothing of the process' own environment.
pub(super) fn environ_get(call: &mut Call<'_>, pointers_out: u32, strings_out: u32) -> HostResult<Errno> {
    put_environment(&mut call.memory, &call.guest.plugin.settings.environment, pointers_out, strings_out)
}

/// All clocks count nanoseconds.
pub(super) fn clock_res_get(call: &mut Call<'_>, _clock: u32, resolution_out: u32) -> HostResult<Errno> {
    call.memory.put_u64(resolution_out, 1)?;
    Ok(Errno::Success)
}

/// The wall clock is 0, the monotonic clock is 1.
pub(super) fn clock_time_get(call: &mut Call<'_>, clock: u32, _precision: u64, time_out: u32) -> HostResult<Errno> {
    let time = match clock {
        0 => wall_clock(),
        // From 1 on: Go's runtime does not start when its clock shows 0.
        1 => u64::try_from(call.guest.plugin.started.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1),
        _ => return Ok(Errno::Notsup),
    };
    call.memory.put_u64(time_out, time)?;
    Ok(Errno::Success)
}

/// Random bytes that cannot be foretold.
pub(super) fn random_get(call: &mut Call<'_>, bytes_out: u32, len: u32) -> HostResult<Errno> {
    if len > MAX_RANDOM {
        return Ok(Errno::Inval);
    }
    let mut bytes = vec![0; len as usize];
    rand::rng().fill_bytes(&mut bytes);
    call.memory.put(bytes_out, &bytes)?;
    Ok(Errno::Success)
}

/// Nothing has happened, at once: a guest never makes a worker wait, and Go's runtime needs a success.
pub(super) fn poll_oneoff(
    call: &mut Call<'_>,
    _subscriptions: u32,
    _events: u32,
    _count: u32,
    happened_out: u32,
) -> HostResult<Errno> {
    call.memory.put_u32(happened_out, 0)?;
    Ok(Errno::Success)
}

/// Ends the running guest call; whoever made it decides by [`Exit`] what that means.
pub(super) fn proc_exit(code: u32) -> Result<()> {
    Err(Exit(code).into())
}

fn put_sizes(memory: &mut Memory<'_>, count_out: u32, size_out: u32, sizes: [usize; 2]) -> HostResult<Errno> {
    let [count, size] = sizes.map(|size| u32::try_from(size).unwrap_or(u32::MAX));
    memory.check(size_out, 4)?;
    memory.put_u32(count_out, count)?;
    memory.put_u32(size_out, size)?;
    Ok(Errno::Success)
}

/// Addresses of the strings at `pointers_out`, `NAME=VALUE NUL` one after another at `strings_out`.
fn put_environment(
    memory: &mut Memory<'_>,
    environment: &[(String, String)],
    pointers_out: u32,
    strings_out: u32,
) -> HostResult<Errno> {
    let (mut pointers, mut strings) = (Vec::new(), Vec::new());
    for (name, value) in environment {
        // A string too far away to be addressed does not fit into the memory either, which `put` finds out.
        let offset = u32::try_from(strings.len()).unwrap_or(u32::MAX);
        pointers.extend_from_slice(&strings_out.saturating_add(offset).to_le_bytes());
        strings.extend_from_slice(format!("{name}={value}\0").as_bytes());
    }
    memory.put(strings_out, &strings)?;
    memory.put(pointers_out, &pointers)?;
    Ok(Errno::Success)
}

fn variable_len(name: &str, value: &str) -> usize {
    name.len() + value.len() + "=\0".len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_lie_one_after_another_and_are_pointed_at() {
        let environment = [("A".to_owned(), "1".to_owned()), ("BC".to_owned(), String::new())];
        let mut bytes = [0xEE; 32];
        assert_eq!(put_environment(&mut Memory::new(&mut bytes), &environment, 4, 16).unwrap(), Errno::Success);
        assert_eq!(bytes[4..12], [16, 0, 0, 0, 20, 0, 0, 0]);
        assert_eq!(bytes[16..25], *b"A=1\0BC=\0\xEE");
        let size: usize = environment.iter().map(|(name, value)| variable_len(name, value)).sum();
        assert_eq!(size, 8);
        assert!(put_environment(&mut Memory::new(&mut bytes), &environment, 4, 25).is_err());
    }
}
