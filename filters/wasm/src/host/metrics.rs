//! Metrics that the guest defines.

use super::call::Call;
use crate::abi::HostResult;
use crate::guest_metrics::Kind;

/// Defines a metric and gives its id; defining it again gives the same id.
pub(super) fn proxy_define_metric(
    call: &mut Call<'_>,
    kind: u32,
    name: u32,
    name_len: u32,
    id_out: u32,
) -> HostResult<()> {
    let kind = Kind::try_from(kind)?;
    call.memory.check(id_out, 4)?;
    let id = call.guest.plugin.metrics.define(kind, call.memory.bytes(name, name_len)?)?;
    call.memory.put_u32(id_out, id)
}

/// Moves a counter up, a gauge up or down.
pub(super) fn proxy_increment_metric(call: &mut Call<'_>, id: u32, delta: i64) -> HostResult<()> {
    Ok(call.guest.plugin.metrics.series(id)?.increment(delta)?)
}

/// Adds to a counter, sets a gauge, records in a histogram.
pub(super) fn proxy_record_metric(call: &mut Call<'_>, id: u32, value: u64) -> HostResult<()> {
    call.guest.plugin.metrics.series(id)?.record(value);
    Ok(())
}

/// Gives the value of a counter or a gauge, summed over all vms of the function.
pub(super) fn proxy_get_metric(call: &mut Call<'_>, id: u32, value_out: u32) -> HostResult<()> {
    let value = call.guest.plugin.metrics.series(id)?.get()?;
    call.memory.put_u64(value_out, value)
}
