//! Clocks and timers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::call::Call;
use crate::abi::HostResult;

/// Wall-clock time in nanoseconds since the epoch.
pub(super) fn proxy_get_current_time_nanoseconds(call: &mut Call<'_>, time_out: u32) -> HostResult<()> {
    call.memory.put_u64(time_out, wall_clock())
}

/// Sets the period of the root context's `proxy_on_tick`; 0 ends it.
pub(super) fn proxy_set_tick_period_milliseconds(call: &mut Call<'_>, period: u32) -> HostResult<()> {
    call.guest.new_tick_period = Some(Duration::from_millis(period.into()));
    Ok(())
}

/// Nanoseconds since the Unix epoch; 0 for a clock set before it.
pub(super) fn wall_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
