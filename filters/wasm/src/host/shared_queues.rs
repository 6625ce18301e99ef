//! Shared queues.

use bytes::Bytes;

use super::call::{Call, CopyOut};
use crate::abi::HostResult;
use crate::guest::not_found;

/// Makes a queue, or finds it, and has its entries announced to this vm.
pub(super) fn proxy_register_shared_queue(call: &mut Call<'_>, name: u32, len: u32, token_out: u32) -> HostResult<()> {
    let name = call.memory.text(name, len)?;
    let plugin = &call.guest.plugin;
    let token = plugin.shared_queues.register(&plugin.settings.vm_id, name);
    call.memory.put_u32(token_out, token)?;
    call.guest.registered_queues.push(token);
    Ok(())
}

/// Finds a queue; an empty vm id is the caller's own.
pub(super) fn proxy_resolve_shared_queue(
    call: &mut Call<'_>,
    vm_id: u32,
    vm_id_len: u32,
    name: u32,
    name_len: u32,
    token_out: u32,
) -> HostResult<()> {
    let (vm_id, name) = (call.memory.text(vm_id, vm_id_len)?, call.memory.text(name, name_len)?);
    let plugin = &call.guest.plugin;
    let vm_id = if vm_id.is_empty() { &plugin.settings.vm_id } else { vm_id };
    let token = plugin.shared_queues.resolve(vm_id, name).ok_or_else(not_found)?;
    call.memory.put_u32(token_out, token)
}

/// Takes the first entry out.
pub(super) fn proxy_dequeue_shared_queue(
    call: &mut Call<'_>,
    token: u32,
    address_out: u32,
    size_out: u32,
) -> HostResult<CopyOut> {
    call.memory.check(address_out, 4)?;
    call.memory.check(size_out, 4)?;
    let bytes = call.guest.plugin.shared_queues.dequeue(token)?;
    Ok(CopyOut { bytes, address_out, size_out })
}

/// Appends an entry.
pub(super) fn proxy_enqueue_shared_queue(call: &mut Call<'_>, token: u32, data: u32, len: u32) -> HostResult<()> {
    let entry = Bytes::copy_from_slice(call.memory.bytes(data, len)?);
    Ok(call.guest.plugin.shared_queues.enqueue(token, entry)?)
}
