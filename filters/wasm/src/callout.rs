//! Callouts: they start when the guest call that asked for them has returned, and end in a callback of the root context.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use dispatch::HttpAnswer;
use http::HeaderMap;

use crate::cell::VmCell;
use crate::guest::{CallResponse, Outgoing, ROOT};
use crate::vm::Vm;

/// What `proxy_get_status` says after a call that failed: "broken connection".
const BROKEN: (u32, &str) = (11, "reset");

/// Sends a callout on its way. It belongs to the vm: the stream that asked may be gone when the answer comes.
pub(crate) fn start(cell: &Arc<VmCell>, outgoing: Outgoing) {
    let (runtime, cell) = (cell.runtime.clone(), Arc::downgrade(cell));
    runtime.spawn(async move {
        let Outgoing { token, stream, answer } = outgoing;
        let begun = Instant::now();
        let answer = answer.await;
        deliver(&cell, token, stream, answer, begun.elapsed()).await;
    });
}

async fn deliver(cell: &Weak<VmCell>, token: u32, stream: Option<u32>, answer: HttpAnswer, took: Duration) {
    let Some(cell) = cell.upgrade() else { return };
    let guard = cell.lock().await;
    if cell.death().is_some() {
        return;
    }
    cell.work(guard, |mut vm| async move { on_http_call_response(&mut vm, token, stream, answer, took).await }).await;
}

async fn on_http_call_response(vm: &mut Vm, token: u32, stream: Option<u32>, answer: HttpAnswer, took: Duration) {
    let (response, status) = match answer {
        HttpAnswer::Response { head, body, trailers } => (CallResponse { head: Some(head), body, trailers }, (0, "")),
        HttpAnswer::Failed => {
            (CallResponse { head: None, body: bytes::Bytes::new(), trailers: HeaderMap::new() }, BROKEN)
        }
    };
    let headers = response.head.as_ref().map_or(0, |head| head.headers.len() + 1);
    let (body, trailers) = (response.body.len(), response.trailers.len());
    let guest = vm.guest_mut();
    (guest.call_response, guest.last_status) = (Some(response), status);
    if let Some(callback) = vm.exports.on_http_call_response.clone() {
        let params = (ROOT, token, size(headers), size(body), size(trailers));
        // A trap has been dealt with: nobody else waits for this call.
        let _ = vm.call("proxy_on_http_call_response", &callback, ROOT, params).await;
    }
    let guest = vm.guest_mut();
    (guest.call_response, guest.last_status) = (None, (0, ""));
    if let Some(stream) = stream.and_then(|id| guest.streams.get(&id)) {
        stream.exchange.record(|record| {
            record.host_calls += 1;
            record.host_call_time += took;
        });
        stream.signal.call_ended();
    }
}

fn size(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
