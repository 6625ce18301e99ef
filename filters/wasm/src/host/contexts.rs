//! Context lifecycle.

use super::call::Call;
use crate::abi::{HostResult, Status};
use crate::guest::{ROOT, not_found};

/// Makes the host calls of the running callback act on another context of this vm.
pub(super) fn proxy_set_effective_context(call: &mut Call<'_>, context: u32) -> HostResult<()> {
    if context != ROOT && !call.guest.streams.contains_key(&context) {
        return Err(Status::BadArgument.into());
    }
    call.guest.effective = Some(context);
    Ok(())
}

/// Ends a root context that had asked to stay; none of ours has.
pub(super) fn proxy_done(_call: &mut Call<'_>) -> HostResult<()> {
    Err(not_found())
}
