//! The supply of vms: more while exchanges wait, new ones for those that died, fewer when they are not needed.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use tracing::{error, info, warn};

use super::{LastTrap, Pool, State, load};
use crate::cell::VmCell;
use crate::load_error::LoadError;
use crate::trap::Trap;
use crate::vm::{Kind, Vm};

/// How long a vm over the minimum may go without an exchange that begins on it.
const UNNEEDED: Duration = Duration::from_secs(10);

/// Why a vm is made in the background.
enum After {
    Grow,
    Rebuild,
    /// It takes the place of one that is to end with its streams.
    Replace(Weak<VmCell>),
}

impl Pool {
    /// Makes one more vm in the background, if there may be one and nothing is being made.
    pub(super) fn grow(self: &Arc<Self>) {
        let mut state = self.state.lock();
        let live = self.cells.load().len();
        let may = state.no_growth_before.is_none_or(|before| Instant::now() >= before);
        if may && state.building == 0 && live > 0 && live + state.resting < state.instances.max {
            state.building += 1;
            self.make_in_background(After::Grow);
        }
    }

    /// A vm trapped: takes it out and makes another.
    pub(crate) fn lost(self: &Arc<Self>, lost: &Arc<VmCell>, trap: &Trap) {
        self.observer.trapped(trap.reason);
        warn!(
            function = %self.id(), version = self.plugin.settings.version, callback = trap.callback,
            reason = trap.reason, trap = trap.message, "guest trapped; its vm is given up"
        );
        let mut state = self.state.lock();
        state.traps += 1;
        state.last_trap = Some(LastTrap {
            at: SystemTime::now(),
            callback: trap.callback,
            reason: trap.reason,
            message: trap.message.clone(),
        });
        if trap.reason == "cpu" {
            self.call_on_fibers(&mut state);
        }
        let pause = state.rebuild.after_failure(Instant::now());
        self.change_cells(|cells| cells.retain(|cell| !Arc::ptr_eq(cell, lost)));
        if self.cells.load().len() + state.building + state.resting < state.instances.min {
            self.rebuild(&mut state, pause);
        }
    }

    /// An inline vm met a tick: the function's vms run on fibers from now on. This one ends with its streams.
    pub(crate) fn overran(self: &Arc<Self>, slow: &Arc<VmCell>) {
        let mut state = self.state.lock();
        if slow.death().is_some() || !self.cells.load().iter().any(|cell| Arc::ptr_eq(cell, slow)) {
            return;
        }
        self.call_on_fibers(&mut state);
        state.building += 1;
        self.make_in_background(After::Replace(Arc::downgrade(slow)));
    }

    fn call_on_fibers(&self, state: &mut State) {
        if state.kind == Kind::Inline {
            info!(function = %self.id(), "a call took longer than a time slice; the next vms run on fibers");
        }
        state.kind = Kind::Yielding;
    }

    /// Makes a vm in the place of one that died, after a pause. While the pause runs nothing counts as being made:
    /// exchanges get their answer at once.
    fn rebuild(self: &Arc<Self>, state: &mut State, pause: Duration) {
        if pause.is_zero() {
            state.building += 1;
            return self.make_in_background(After::Rebuild);
        }
        state.resting += 1;
        info!(function = %self.id(), ?pause, "the function keeps failing; its next vm is made after a pause");
        let pool = Arc::downgrade(self);
        self.process.runtime.spawn(async move {
            tokio::time::sleep(pause).await;
            let Some(pool) = pool.upgrade() else { return };
            let mut state = pool.state.lock();
            state.resting -= 1;
            state.building += 1;
            pool.make_in_background(After::Rebuild);
        });
    }

    fn make_in_background(self: &Arc<Self>, after: After) {
        let pool = Arc::downgrade(self);
        self.process.runtime.spawn_blocking(move || {
            if let Some(pool) = pool.upgrade() {
                pool.build(&after);
            }
        });
    }

    fn build(self: &Arc<Self>, after: &After) {
        let kind = self.state.lock().kind;
        let made = self.make(kind);
        let mut state = self.state.lock();
        state.building -= 1;
        match made {
            Ok(vm) => {
                if let After::Replace(slow) = after {
                    self.change_cells(|cells| cells.retain(|cell| !std::ptr::eq(Arc::as_ptr(cell), slow.as_ptr())));
                }
                // The maximum may have been lowered meanwhile.
                if self.cells.load().len() < state.instances.max {
                    self.add(vm);
                    self.shrink_again(&mut state);
                }
            }
            Err(failed) => {
                error!(function = %self.id(), step = failed.step, error = %failed, "cannot make a vm");
                let (now, base) = (Instant::now(), self.plugin.settings.backoff.base);
                match after {
                    After::Rebuild => {
                        let pause = state.rebuild.after_failure(now).max(base);
                        self.rebuild(&mut state, pause);
                    }
                    After::Grow => state.no_growth_before = Some(now + base),
                    After::Replace(_) => (),
                }
                drop(state);
                self.changed.notify_waiters();
            }
        }
    }

    /// Gives up vms over the minimum that are not needed any more, as long as there are any over it.
    fn shrink_again(self: &Arc<Self>, state: &mut State) {
        if state.shrinking || self.cells.load().len() <= state.instances.min {
            return;
        }
        state.shrinking = true;
        let pool = Arc::downgrade(self);
        self.process.runtime.spawn(async move {
            loop {
                tokio::time::sleep(UNNEEDED).await;
                let Some(pool) = pool.upgrade() else { return };
                let mut state = pool.state.lock();
                pool.shrink(&state);
                state.shrinking = pool.cells.load().len() > state.instances.min;
                if !state.shrinking {
                    return;
                }
            }
        });
    }

    /// Takes out vms over the minimum on which no exchange has begun since the last look. They end with their streams.
    fn shrink(&self, state: &State) {
        let cells = self.cells.load_full();
        let unneeded = cells.iter().rev().filter(|cell| !cell.entered.swap(false, Ordering::Relaxed));
        let unneeded: Vec<_> = unneeded.take(cells.len().saturating_sub(state.instances.min)).collect();
        if !unneeded.is_empty() {
            self.change_cells(|cells| cells.retain(|cell| !unneeded.iter().any(|gone| Arc::ptr_eq(cell, gone))));
        }
    }

    pub(super) fn make(&self, kind: Kind) -> Result<Vm, LoadError> {
        load::make(&self.process, &self.plugin, &self.linked, kind)
    }

    pub(super) fn add(self: &Arc<Self>, vm: Vm) {
        let cell = VmCell::new(vm, Arc::downgrade(self), self.process.runtime.clone());
        self.change_cells(|cells| cells.push(Arc::clone(&cell)));
    }

    pub(super) fn change_cells(&self, change: impl Fn(&mut Vec<Arc<VmCell>>)) {
        self.cells.rcu(|cells| {
            let mut cells = Vec::clone(cells);
            change(&mut cells);
            cells
        });
        self.changed.notify_waiters();
    }
}
