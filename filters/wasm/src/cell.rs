//! A vm's place in its pool: the lock that is taken per callback, and what can be known without it.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use tokio::runtime::Handle;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::guest::ROOT;
use crate::pool::Pool;
use crate::trap::Trap;
use crate::vm::{Kind, Vm};

/// A vm and its lock.
pub(crate) struct VmCell {
    vm: Arc<Mutex<Vm>>,
    pub(crate) kind: Kind,
    /// Bytes of its linear memory.
    pub(crate) memory: Arc<AtomicUsize>,
    /// Whether an exchange has begun on it since its pool last looked for vms that it does not need.
    pub(crate) entered: AtomicBool,
    death: OnceLock<Trap>,
    overran: AtomicBool,
    last_context: AtomicU32,
    pool: Weak<Pool>,
    /// Where the guest runs when no exchange polls it.
    pub(crate) runtime: Handle,
}

/// The vm, locked. A guard that is dropped in the middle of a guest call leaves the vm dead.
pub(crate) struct VmGuard {
    vm: OwnedMutexGuard<Vm>,
    cell: Arc<VmCell>,
}

impl VmCell {
    pub(crate) fn new(vm: Vm, pool: Weak<Pool>, runtime: Handle) -> Arc<Self> {
        let cell = Arc::new(Self {
            kind: vm.kind,
            memory: vm.guest().limit.gauge(),
            entered: AtomicBool::new(true),
            death: OnceLock::new(),
            overran: AtomicBool::new(false),
            last_context: AtomicU32::new(ROOT),
            pool,
            runtime,
            vm: Arc::new(Mutex::new(vm)),
        });
        if let Ok(mut vm) = Arc::clone(&cell.vm).try_lock_owned() {
            vm.join(&cell);
        }
        cell
    }

    /// The vm, if nobody uses it now.
    pub(crate) fn try_lock(self: &Arc<Self>) -> Option<VmGuard> {
        let vm = Arc::clone(&self.vm).try_lock_owned().ok()?;
        Some(VmGuard { vm, cell: Arc::clone(self) })
    }

    /// The vm, in the order of asking.
    pub(crate) async fn lock(self: &Arc<Self>) -> VmGuard {
        match self.try_lock() {
            Some(guard) => guard,
            None => VmGuard { vm: Arc::clone(&self.vm).lock_owned().await, cell: Arc::clone(self) },
        }
    }

    /// Whether somebody uses the vm now.
    pub(crate) fn is_busy(&self) -> bool {
        self.vm.try_lock().is_err()
    }

    /// Why the vm is dead, if it is.
    pub(crate) fn death(&self) -> Option<&Trap> {
        self.death.get()
    }

    /// An id for a stream context, never used before in this vm.
    pub(crate) fn next_context(&self) -> u32 {
        self.last_context.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Does work on the vm that calls the guest.
    ///
    /// On an inline vm the work never waits and is done here. On a yielding one it is a task that owns the lock: a
    /// client that leaves does not cut the guest in the middle of a call. `None` only when the runtime shuts down.
    pub(crate) async fn work<F, T>(&self, guard: VmGuard, work: impl FnOnce(VmGuard) -> F) -> Option<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        match self.kind {
            Kind::Inline => Some(work(guard).await),
            Kind::Yielding => self.runtime.spawn(work(guard)).await.ok(),
        }
    }

    /// The vm is given up; its pool replaces it.
    pub(crate) fn died(self: &Arc<Self>, trap: &Trap) {
        if self.death.set(trap.clone()).is_ok()
            && let Some(pool) = self.pool.upgrade()
        {
            pool.lost(self, trap);
        }
    }
}

impl Deref for VmGuard {
    type Target = Vm;

    fn deref(&self) -> &Vm {
        &self.vm
    }
}

impl DerefMut for VmGuard {
    fn deref_mut(&mut self) -> &mut Vm {
        &mut self.vm
    }
}

impl Drop for VmGuard {
    fn drop(&mut self) {
        if self.vm.in_call {
            self.cell.died(&Trap::abandoned());
            for stream in self.vm.guest().streams.values() {
                stream.signal.dead();
            }
        }
        let overran = std::mem::take(&mut self.vm.guest_mut().budget.overran);
        if overran
            && self.cell.kind == Kind::Inline
            && !self.cell.overran.swap(true, Ordering::AcqRel)
            && let Some(pool) = self.cell.pool.upgrade()
        {
            pool.overran(&self.cell);
        }
    }
}
