//! What all plugins of the process share: engine, linked host calls, shared data, metrics, the number of vms.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Handle;
use wasmtime::Result;

use crate::engine::Engine;
use crate::guest_metrics::GuestMetrics;
use crate::host::{self, Linkers};
use crate::shared_data::SharedData;
use crate::shared_queue::SharedQueues;

/// The Proxy-Wasm host of a process.
pub struct Process {
    pub(crate) engine: Arc<Engine>,
    pub(crate) linkers: Linkers,
    pub(crate) shared_data: Arc<SharedData>,
    pub(crate) shared_queues: Arc<SharedQueues>,
    pub(crate) metrics: GuestMetrics,
    /// Where guests run that no exchange is polling: callouts' callbacks, ticks, calls on fibers, new vms.
    pub(crate) runtime: Handle,
    vms: Arc<AtomicUsize>,
    max_vms: usize,
}

/// The right to have one vm; given back by dropping it.
pub(crate) struct VmPermit(Arc<AtomicUsize>);

impl Process {
    /// Links the host calls and starts the engine. `runtime` is the data plane's; at most `max_vms` vms live at once.
    ///
    /// # Errors
    ///
    /// When the engine cannot start on this machine.
    pub fn new(metrics: GuestMetrics, runtime: Handle, max_vms: usize) -> Result<Arc<Self>> {
        let engine = Engine::start()?;
        let linkers = host::link(engine.get())?;
        let (shared_data, shared_queues, vms) = Default::default();
        Ok(Arc::new(Self { engine, linkers, shared_data, shared_queues, metrics, runtime, vms, max_vms }))
    }

    /// `None` when the process has all the vms that it may have.
    pub(crate) fn permit(&self) -> Option<VmPermit> {
        let taken =
            self.vms.fetch_update(Ordering::AcqRel, Ordering::Acquire, |vms| (vms < self.max_vms).then_some(vms + 1));
        taken.is_ok().then(|| VmPermit(Arc::clone(&self.vms)))
    }

    /// Runs guest code on this thread, which may block, inside the data plane's runtime.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    pub(crate) fn max_vms(&self) -> usize {
        self.max_vms
    }
}

impl Drop for VmPermit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
