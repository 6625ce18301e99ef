//! The way in: a vm for each exchange that begins, at once or after a wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

use chain::Failure;
use tokio::sync::{Mutex, Notify};

use super::Pool;
use crate::cell::{VmCell, VmGuard};
use crate::worker;

/// Where exchanges wait for a vm, in the order in which they came.
///
/// They do not wait at the vms' own locks: those are for streams that run, which are served first. Else each callback of
/// a stream would wait behind every exchange that wants to begin.
#[derive(Default)]
pub(crate) struct Entrance {
    /// Exchanges that wait.
    waiting: AtomicUsize,
    /// Held by the first of them, who alone looks for a vm.
    first: Mutex<()>,
    /// Wakes the first of them.
    changed: Notify,
}

impl Entrance {
    /// A vm was unlocked.
    pub(crate) fn unlocked(&self) {
        // Either this sees the exchange that counted itself and then found the vm locked, or that one finds it unlocked.
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.changed.notify_one();
        }
    }

    /// Vms came or went, or will.
    pub(super) fn changed(&self) {
        self.changed.notify_one();
    }
}

impl Pool {
    /// A vm for a new exchange, locked: the worker's own one, else another that is free, else the first to come free.
    pub(crate) async fn enter(self: &Arc<Self>) -> Result<(Arc<VmCell>, VmGuard), Failure> {
        let nobody_waits = self.entrance.waiting.load(Ordering::Relaxed) == 0;
        let entered = match nobody_waits.then(|| self.find_free()).flatten() {
            Some(found) => Ok(found),
            None => self.queue().await,
        };
        entered.inspect(|(cell, _)| cell.entered.store(true, Ordering::Relaxed))
    }

    async fn queue(self: &Arc<Self>) -> Result<(Arc<VmCell>, VmGuard), Failure> {
        let queue = self.plugin.settings.queue;
        let Some(_place) = Place::take(&self.entrance.waiting, queue.length) else {
            return Err(Failure::NoInstance(self.id().to_string()));
        };
        let waited = tokio::time::timeout(queue.wait, self.wait_for_vm()).await;
        waited.unwrap_or_else(|_| Err(Failure::NoInstance(self.id().to_string())))
    }

    fn find_free(&self) -> Option<(Arc<VmCell>, VmGuard)> {
        let cells = self.cells.load();
        let own = worker::index();
        (0..cells.len()).find_map(|step| {
            let cell = &cells[(own + step) % cells.len()];
            let guard = cell.try_lock().filter(|_| cell.death().is_none())?;
            Some((Arc::clone(cell), guard))
        })
    }

    async fn wait_for_vm(self: &Arc<Self>) -> Result<(Arc<VmCell>, VmGuard), Failure> {
        let _first = self.entrance.first.lock().await;
        loop {
            let mut changed = std::pin::pin!(self.entrance.changed.notified());
            changed.as_mut().enable(); // before the look, so that no change falls between the two
            fence(Ordering::SeqCst);
            if let Some(found) = self.find_free() {
                return Ok(found);
            }
            if self.is_hopeless() {
                return Err(Failure::NotReady(self.id().to_string()));
            }
            self.grow();
            changed.await;
        }
    }

    /// No vm is being made, and none is there.
    fn is_hopeless(&self) -> bool {
        let state = self.state.lock();
        state.building == 0 && self.cells.load().is_empty()
    }
}

/// A place among those that wait; left by dropping it.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, length: usize) -> Option<Self> {
        if waiting.fetch_add(1, Ordering::AcqRel) >= length {
            waiting.fetch_sub(1, Ordering::AcqRel);
            return None;
        }
        Some(Self(waiting))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
