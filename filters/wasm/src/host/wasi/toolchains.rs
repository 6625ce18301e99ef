//! What toolchains import beside WASI: Emscripten's two functions, AssemblyScript's two.

use wasmtime::{Caller, Error, Linker, Result};

use crate::abi::{HostError, HostResult};
use crate::guest::Guest;
use crate::host::call::{Call, run};
use crate::log::{Level, escape};
use crate::memory::Memory;

/// Bytes of a message that an abort's error names.
const MAX_MESSAGE: usize = 1024;

pub(super) fn link(linker: &mut Linker<Guest>) -> Result<()> {
    linker.func_wrap("env", "emscripten_notify_memory_growth", |_memory: u32| ())?;
    linker.func_wrap("env", "pthread_equal", |one: u32, other: u32| u32::from(one == other))?;
    linker.func_wrap("env", "abort", abort)?;
    linker.func_wrap("env", "seed", rand::random::<f64>)?;
    Ok(())
}

/// Logs why an AssemblyScript guest gives up, and traps.
fn abort(mut caller: Caller<'_, Guest>, message: u32, file: u32, line: u32, column: u32) -> Result<()> {
    let end: HostResult<()> = run(&mut caller, "abort", true, |call: &mut Call<'_>| {
        let (message, file) = (string(&call.memory, message), string(&call.memory, file));
        let reason = format!("abort: {message} ({file}:{line}:{column})");
        call.guest.plugin.log.write(Level::Critical, reason.as_bytes(), call.guest.stream());
        Err(HostError::Trap(Error::msg(escape(reason.as_bytes(), MAX_MESSAGE).into_owned())))
    });
    match end {
        Err(HostError::Trap(error)) => Err(error),
        _ => Err(Error::msg("abort")),
    }
}

/// A string of AssemblyScript: UTF-16, its length in bytes in front of it. A guest that aborts may have lost it.
fn string(memory: &Memory<'_>, address: u32) -> String {
    let read = || {
        let len = memory.u32(address.checked_sub(4)?).ok()?;
        memory.bytes(address, len.min(crate::log::MAX_MESSAGE as u32)).ok()
    };
    let Some(bytes) = read() else { return "?".to_owned() };
    let units = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    char::decode_utf16(units).map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_utf_16_behind_their_length() {
        let mut bytes = vec![0; 64];
        bytes[..8].copy_from_slice(&[4, 0, 0, 0, b'h', 0, 0xE9, 0]);
        assert_eq!(string(&Memory::new(&mut bytes), 4), "hé");
        for lost in [0, 3, 65, u32::MAX] {
            assert_eq!(string(&Memory::new(&mut bytes), lost), "?");
        }
        assert_eq!(string(&Memory::new(&mut bytes), 60), "");
    }
}
