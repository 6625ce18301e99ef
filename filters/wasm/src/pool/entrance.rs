//! The way in: a vm for each exchange that begins, at once or after a wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chain::Failure;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::Pool;
use crate::cell::{VmCell, VmGuard};
use crate::worker;

impl Pool {
    /// A vm for a new exchange, locked: the worker's own one, else another that is free, else the first to come free.
    pub(crate) async fn enter(self: &Arc<Self>) -> Result<(Arc<VmCell>, VmGuard), Failure> {
        let entered = match self.find_free() {
            Some(found) => Ok(found),
            None => self.queue().await,
        };
        entered.inspect(|(cell, _)| cell.entered.store(true, Ordering::Relaxed))
    }

    async fn queue(self: &Arc<Self>) -> Result<(Arc<VmCell>, VmGuard), Failure> {
        let queue = self.plugin.settings.queue;
        let Some(_place) = Place::take(&self.waiting, queue.length) else {
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
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable(); // before the look, so that no change falls between the two
            self.grow();
            let cells = self.cells.load_full();
            if cells.is_empty() && self.is_hopeless() {
                return Err(Failure::NotReady(self.id().to_string()));
            }
            tokio::select! {
                Some((cell, guard)) = first_free(&cells) => if cell.death().is_none() { return Ok((cell, guard)) },
                () = changed => (),
            }
        }
    }

    /// No vm is being made, and none is there.
    fn is_hopeless(&self) -> bool {
        let state = self.state.lock();
        state.building == 0 && self.cells.load().is_empty()
    }
}

/// The first of some vms to come free. `None` where there is none.
async fn first_free(cells: &[Arc<VmCell>]) -> Option<(Arc<VmCell>, VmGuard)> {
    let lock = |cell: &Arc<VmCell>| {
        let cell = Arc::clone(cell);
        async move {
            let guard = cell.lock().await;
            (cell, guard)
        }
    };
    cells.iter().map(lock).collect::<FuturesUnordered<_>>().next().await
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
