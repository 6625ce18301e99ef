//! Layotto's two host calls. They look synchronous to the guest, so only vms on fibers can run guests that import them.

use bytes::Bytes;
use tracing::debug;

use super::call::{Call, Wait};
use crate::abi::{HostResult, Status};

/// Reads a key of a store. A missing key is an empty value; every error is status 10.
pub(super) fn proxy_get_state(
    call: &mut Call<'_>,
    store: u32,
    store_len: u32,
    key: u32,
    key_len: u32,
    address_out: u32,
    size_out: u32,
) -> HostResult<Wait> {
    let store = call.memory.text(store, store_len)?.to_owned();
    let key = call.memory.bytes(key, key_len)?.to_vec();
    let scope = call.guest.scope().ok_or(Status::InternalFailure)?;
    let caller = call.guest.plugin.id().clone();
    let answer = Box::pin(async move {
        scope.get_state(&caller, &store, &key).await.map_err(|error| {
            debug!(function = %caller, store, %error, "a state read failed");
            Status::InternalFailure
        })
    });
    Ok(Wait { answer, address_out, size_out })
}

/// Calls another function, or a cluster. Every error is status 10.
#[expect(clippy::too_many_arguments, reason = "the signature of Layotto's host")]
pub(super) fn proxy_invoke_service(
    call: &mut Call<'_>,
    id: u32,
    id_len: u32,
    method: u32,
    method_len: u32,
    param: u32,
    param_len: u32,
    address_out: u32,
    size_out: u32,
) -> HostResult<Wait> {
    let id = call.memory.text(id, id_len)?.to_owned();
    let method = call.memory.text(method, method_len)?.to_owned();
    let param = Bytes::copy_from_slice(call.memory.bytes(param, param_len)?);
    let scope = call.guest.scope().ok_or(Status::InternalFailure)?;
    let caller = call.guest.plugin.id().clone();
    let answer = Box::pin(async move {
        scope.invoke_service(&caller, &id, &method, param).await.map_err(|error| {
            debug!(function = %caller, service = id, %error, "a service call failed");
            Status::InternalFailure
        })
    });
    Ok(Wait { answer, address_out, size_out })
}
