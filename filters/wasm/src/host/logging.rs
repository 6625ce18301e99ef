//! Logging.

use super::call::Call;
use crate::abi::{HostResult, Status};
use crate::log::Level;

/// Writes a line to the log; the level is checked before the memory.
pub(super) fn proxy_log(call: &mut Call<'_>, level: u32, message: u32, len: u32) -> HostResult<()> {
    let level = Level::try_from(level).map_err(|()| Status::BadArgument)?;
    let message = call.memory.bytes(message, len)?;
    call.guest.plugin.log.write(level, message, call.guest.stream());
    Ok(())
}

/// Tells the level below which lines are dropped, as it is now.
pub(super) fn proxy_get_log_level(call: &mut Call<'_>, level_out: u32) -> HostResult<()> {
    call.memory.put_u32(level_out, call.guest.plugin.log.level() as u32)
}
