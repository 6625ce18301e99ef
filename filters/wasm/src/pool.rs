//! The vms of one version: made ahead, handed to exchanges, replaced when they die.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use chain::Failure;
use dispatch::Scope;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::{error, info, warn};

use crate::cell::{VmCell, VmGuard};
use crate::load_error::LoadError;
use crate::module::{Facts, Module};
use crate::observer::Observer;
use crate::plugin::{Plugin, RootScope};
use crate::process::Process;
use crate::rebuild::Rebuild;
use crate::settings::{FailurePolicy, Instances, Level, Settings};
use crate::start::{Linked, announced_id, configure, start};
use crate::trap::Trap;
use crate::vm::{Kind, Vm};
use crate::worker;

/// How long a vm over the minimum may be unused.
const IDLE: Duration = Duration::from_secs(10);

/// A version that runs: its module, its settings and its vms.
pub struct Pool {
    process: Arc<Process>,
    pub(crate) plugin: Arc<Plugin>,
    linked: Linked,
    cells: ArcSwap<Vec<Arc<VmCell>>>,
    state: Mutex<State>,
    /// Told whenever a vm came or went.
    changed: Notify,
    waiting: AtomicUsize,
    pub(crate) exchanges: Exchanges,
    pub(crate) observer: Arc<dyn Observer>,
}

struct State {
    instances: Instances,
    /// Vms that are being made.
    building: usize,
    /// Why the last one could not be made.
    build_error: Option<LoadError>,
    kind: Kind,
    rebuild: Rebuild,
    traps: u64,
    last_trap: Option<LastTrap>,
}

/// Exchanges of a pool.
#[derive(Default)]
pub(crate) struct Exchanges {
    pub(crate) live: AtomicUsize,
    pub(crate) total: AtomicU64,
}

/// The last trap of a pool.
#[derive(Debug, Clone)]
pub struct LastTrap {
    /// When it happened.
    pub at: SystemTime,
    /// ABI name of the callback.
    pub callback: &'static str,
    /// The contract's word for it: `cpu`, `unreachable`, …
    pub reason: &'static str,
    /// What the runtime says.
    pub message: String,
}

/// What an operator sees of a pool.
#[derive(Debug, Clone)]
pub struct Stats {
    /// Bounds of the number of vms.
    pub instances: Instances,
    /// Vms that are there.
    pub live: usize,
    /// Vms that run a guest now.
    pub busy: usize,
    /// Bytes of linear memory of all vms.
    pub memory_bytes: usize,
    /// Exchanges that run now.
    pub exchanges_live: usize,
    /// Exchanges ever.
    pub exchanges_total: u64,
    /// Traps ever.
    pub traps: u64,
    /// The last of them.
    pub last_trap: Option<LastTrap>,
}

impl Pool {
    /// Loads a module: compiles it, tries it in a throw-away vm, and makes `instances.min` vms.
    ///
    /// Takes from milliseconds to the guest's start budget: call it from a thread that may block. `reach` gives what
    /// root contexts may call from the beginning on.
    ///
    /// # Errors
    ///
    /// The first step that fails. Nothing of the module stays then.
    pub fn load(
        process: &Arc<Process>,
        bytes: &[u8],
        settings: Settings,
        observer: Arc<dyn Observer>,
        reach: &RootScope,
    ) -> Result<Arc<Self>, LoadError> {
        let module = Arc::new(Module::compile(&process.engine, bytes)?);
        let (plugin, linked) = try_out(process, &module, settings, reach)?;
        let pool = Arc::new(Self::new(process, plugin, linked, observer));
        for _ in 0..pool.instances().min {
            let vm = pool.make(pool.state.lock().kind)?;
            pool.add(vm);
        }
        Ok(pool)
    }

    /// Loads a module as [`load`](Self::load) does and keeps nothing: what `outrigger check` calls.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn check(process: &Arc<Process>, bytes: &[u8], settings: Settings) -> Result<(Arc<str>, Facts), LoadError> {
        let module = Arc::new(Module::compile(&process.engine, bytes)?);
        let (plugin, _) = try_out(process, &module, settings, &|_| None)?;
        Ok((Arc::clone(plugin.id()), plugin.module.facts.clone()))
    }

    fn new(process: &Arc<Process>, plugin: Arc<Plugin>, linked: Linked, observer: Arc<dyn Observer>) -> Self {
        let state = State {
            instances: plugin.settings.instances,
            building: 0,
            build_error: None,
            kind: linked.preferred_kind(),
            rebuild: Rebuild::new(plugin.settings.backoff),
            traps: 0,
            last_trap: None,
        };
        Self {
            process: Arc::clone(process),
            plugin,
            linked,
            cells: ArcSwap::default(),
            state: Mutex::new(state),
            changed: Notify::new(),
            waiting: AtomicUsize::new(0),
            exchanges: Exchanges::default(),
            observer,
        }
    }

    /// What the guest announced as its id, or the configured name.
    #[must_use]
    pub fn id(&self) -> &Arc<str> {
        self.plugin.id()
    }

    /// The configured name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        self.plugin.name()
    }

    /// What is known of the module.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.plugin.module.facts
    }

    /// The settings that the version was loaded with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.plugin.settings
    }

    /// Sets what the root contexts' callouts go through.
    pub fn set_root_scope(&self, scope: Option<Arc<Scope>>) {
        self.plugin.set_root_scope(scope);
    }

    /// Sets the level below which the guest's lines are dropped.
    pub fn set_log_level(&self, level: Level) {
        self.plugin.log.set_level(level);
    }

    /// The level below which the guest's lines are dropped.
    #[must_use]
    pub fn log_level(&self) -> Level {
        self.plugin.log.level()
    }

    /// The bounds of the number of vms.
    #[must_use]
    pub fn instances(&self) -> Instances {
        self.state.lock().instances
    }

    /// Changes the number of vms. Vms over the new maximum end with their last exchange.
    ///
    /// Makes vms at once: call it from a thread that may block.
    ///
    /// # Errors
    ///
    /// When a vm cannot be made; those that could stay.
    pub fn resize(self: &Arc<Self>, instances: Instances) -> Result<(), LoadError> {
        self.state.lock().instances = instances;
        self.change_cells(|cells| cells.truncate(instances.max));
        while self.cells.load().len() < instances.min {
            let vm = self.make(self.state.lock().kind)?;
            self.add(vm);
        }
        Ok(())
    }

    /// What an operator sees.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let cells = self.cells.load();
        let state = self.state.lock();
        Stats {
            instances: state.instances,
            live: cells.len(),
            busy: cells.iter().filter(|cell| cell.is_busy()).count(),
            memory_bytes: cells.iter().map(|cell| cell.memory.load(Ordering::Relaxed)).sum(),
            exchanges_live: self.exchanges.live.load(Ordering::Relaxed),
            exchanges_total: self.exchanges.total.load(Ordering::Relaxed),
            traps: state.traps,
            last_trap: state.last_trap.clone(),
        }
    }

    pub(crate) fn is_fail_open(&self) -> bool {
        self.plugin.settings.failure_policy == FailurePolicy::Open
    }

    /// A vm for a new exchange, locked: the worker's own one, else another that is free, else the first to come free.
    pub(crate) async fn enter(self: &Arc<Self>) -> Result<(Arc<VmCell>, VmGuard), Failure> {
        if let Some(found) = self.find_free() {
            return Ok(found);
        }
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
            let least = self.cells.load().iter().min_by_key(|cell| cell.waiting.load(Ordering::Relaxed)).cloned();
            let Some(cell) = least else {
                if self.is_hopeless() {
                    return Err(Failure::NotReady(self.id().to_string()));
                }
                changed.await;
                continue;
            };
            let _waiter = Place::take(&cell.waiting, usize::MAX);
            tokio::select! {
                guard = cell.lock() => if cell.death().is_none() { return Ok((Arc::clone(&cell), guard)) },
                () = changed => (),
            }
        }
    }

    /// Nothing is there and nothing is being made.
    fn is_hopeless(&self) -> bool {
        let state = self.state.lock();
        state.building == 0 && self.cells.load().is_empty()
    }

    /// Makes one more vm in the background, if there may be one and nothing is being made.
    fn grow(self: &Arc<Self>) {
        let mut state = self.state.lock();
        let live = self.cells.load().len();
        if state.building == 0 && live > 0 && live < state.instances.max {
            state.building += 1;
            self.make_in_background(state.kind, Duration::ZERO, After::Grow);
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
        let pause = state.rebuild.after_failure(Instant::now());
        self.change_cells(|cells| cells.retain(|cell| !Arc::ptr_eq(cell, lost)));
        if self.cells.load().len() + state.building < state.instances.min {
            // While a pause runs nothing counts as being made: exchanges get their answer at once.
            state.building += usize::from(pause.is_zero());
            self.make_in_background(state.kind, pause, After::Rebuild);
        }
    }

    /// An inline vm met a tick: the function's vms run on fibers from now on. This one ends with its streams.
    pub(crate) fn overran(self: &Arc<Self>, slow: &Arc<VmCell>) {
        let mut state = self.state.lock();
        if slow.death().is_some() || !self.cells.load().iter().any(|cell| Arc::ptr_eq(cell, slow)) {
            return;
        }
        if state.kind == Kind::Inline {
            info!(function = %self.id(), "a call took longer than a time slice; the next vms run on fibers");
        }
        state.kind = Kind::Yielding;
        state.building += 1;
        self.make_in_background(Kind::Yielding, Duration::ZERO, After::Replace(Arc::downgrade(slow)));
    }

    /// Watches a pool that has grown: a vm over the minimum that nobody used for a while is given back.
    fn shrink_when_idle(self: &Arc<Self>) {
        let pool = Arc::downgrade(self);
        self.process.runtime.spawn(async move {
            loop {
                tokio::time::sleep(IDLE).await;
                let Some(pool) = pool.upgrade() else { return };
                let min = pool.state.lock().instances.min;
                if pool.cells.load().len() <= min {
                    return;
                }
                pool.retire_one_unused(min);
            }
        });
    }

    fn retire_one_unused(&self, min: usize) {
        let cells = self.cells.load_full();
        let unused: Vec<_> = cells.iter().filter(|cell| !cell.used.swap(false, Ordering::Relaxed)).collect();
        if let Some(last) = unused.last() {
            self.change_cells(|cells| {
                if cells.len() > min {
                    cells.retain(|cell| !Arc::ptr_eq(cell, last));
                }
            });
        }
    }

    fn make_in_background(self: &Arc<Self>, kind: Kind, pause: Duration, after: After) {
        let pool = Arc::downgrade(self);
        self.process.runtime.spawn(async move {
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
                let Some(pool) = pool.upgrade() else { return };
                pool.state.lock().building += 1;
            }
            let _ = tokio::task::spawn_blocking(move || {
                if let Some(pool) = pool.upgrade() {
                    pool.build(kind, &after);
                }
            })
            .await;
        });
    }

    fn build(self: &Arc<Self>, kind: Kind, after: &After) {
        let made = self.make(kind);
        let mut state = self.state.lock();
        state.building -= 1;
        match made {
            Ok(vm) => {
                drop(state);
                if matches!(after, After::Grow) {
                    self.shrink_when_idle();
                }
                if let After::Replace(slow) = after {
                    self.change_cells(|cells| cells.retain(|cell| !std::ptr::eq(Arc::as_ptr(cell), slow.as_ptr())));
                }
                self.add(vm);
            }
            Err(failed) => {
                error!(function = %self.id(), step = failed.step, error = %failed, "cannot make a vm");
                state.build_error = Some(failed);
                if matches!(after, After::Rebuild) {
                    let pause = state.rebuild.after_failure(Instant::now()).max(self.plugin.settings.backoff.base);
                    self.make_in_background(state.kind, pause, After::Rebuild);
                }
                drop(state);
                self.changed.notify_waiters();
            }
        }
    }

    fn make(&self, kind: Kind) -> Result<Vm, LoadError> {
        make(&self.process, &self.plugin, &self.linked, kind)
    }

    fn add(self: &Arc<Self>, vm: Vm) {
        let cell = VmCell::new(vm, Arc::downgrade(self), self.process.runtime.clone());
        self.change_cells(|cells| cells.push(Arc::clone(&cell)));
    }

    fn change_cells(&self, change: impl Fn(&mut Vec<Arc<VmCell>>)) {
        self.cells.rcu(|cells| {
            let mut cells = Vec::clone(cells);
            change(&mut cells);
            cells
        });
        self.changed.notify_waiters();
    }
}

/// Why a vm is made in the background.
enum After {
    Grow,
    Rebuild,
    /// It takes the place of one that is to end with its streams.
    Replace(Weak<VmCell>),
}

/// Runs the module in a throw-away vm, and learns the id that the guest announces.
fn try_out(
    process: &Arc<Process>,
    module: &Arc<Module>,
    settings: Settings,
    reach: &RootScope,
) -> Result<(Arc<Plugin>, Linked), LoadError> {
    let plugin = Plugin::new(process, Arc::clone(module), settings.clone(), Arc::clone(&settings.name), reach);
    let linked = Linked::new(process, &plugin)?;
    let announced = process.block_on(async {
        let mut canary = start(process, &plugin, &linked, linked.preferred_kind(), None).await?;
        let announced = announced_id(&mut canary).await?;
        configure(&mut canary).await?;
        Ok(announced)
    })?;
    match announced {
        Some(id) if id != settings.name => {
            let plugin = Plugin::new(process, Arc::clone(module), settings, id, reach);
            Ok((plugin, linked))
        }
        _ => Ok((plugin, linked)),
    }
}

fn make(process: &Arc<Process>, plugin: &Arc<Plugin>, linked: &Linked, kind: Kind) -> Result<Vm, LoadError> {
    let permit = process.permit().ok_or_else(|| {
        let max = process.max_vms();
        LoadError::new("start", format!("the process has all the {max} vms that it may have; raise `wasm.vms`"))
    })?;
    process.block_on(async {
        let mut vm = start(process, plugin, linked, kind, Some(permit)).await?;
        announced_id(&mut vm).await?;
        configure(&mut vm).await?;
        Ok(vm)
    })
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
