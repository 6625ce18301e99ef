//! The timer of a root context.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::cell::VmCell;
use crate::guest::ROOT;

/// Calls `proxy_on_tick` every `period`, counted from the end of the last call: no overlap, no burst to catch up.
pub(crate) fn start(cell: &Arc<VmCell>, period: Duration) -> AbortHandle {
    let (runtime, cell) = (cell.runtime.clone(), Arc::downgrade(cell));
    let ticking = runtime.spawn(async move {
        loop {
            tokio::time::sleep(period).await;
            let Some(cell) = cell.upgrade() else { return };
            let guard = cell.lock().await;
            if cell.death().is_some() {
                return;
            }
            // The call may set another period, which aborts this task: so it is a task of its own.
            let ticked = tokio::spawn(async move {
                cell.work(guard, |mut vm| async move {
                    if let Some(on_tick) = vm.exports.on_tick.clone() {
                        // A trap has been dealt with: nobody else waits for this call.
                        let _ = vm.call("proxy_on_tick", &on_tick, ROOT, ROOT).await;
                    }
                })
                .await;
            });
            if ticked.await.is_err() {
                return;
            }
        }
    });
    ticking.abort_handle()
}
