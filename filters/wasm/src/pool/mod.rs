//! The vms of one version: made ahead, handed to exchanges, replaced when they die.

mod entrance;
mod load;
mod supply;

pub use load::{Compiled, Loaded};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwap;
use dispatch::Scope;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::cell::VmCell;
use crate::load_error::LoadError;
use crate::module::Facts;
use crate::observer::Observer;
use crate::plugin::Plugin;
use crate::process::Process;
use crate::rebuild::Rebuild;
use crate::settings::{FailurePolicy, Instances, Level, Settings};
use crate::start::Linked;
use crate::vm::Kind;

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
    /// Vms that will be made when a pause is over.
    resting: usize,
    /// No exchange that waits has a vm made before: there was none to be had.
    no_growth_before: Option<Instant>,
    /// Whether vms that are not needed are looked for.
    shrinking: bool,
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
    fn new(process: Arc<Process>, plugin: Arc<Plugin>, linked: Linked, observer: Arc<dyn Observer>) -> Self {
        let state = State {
            instances: plugin.settings.instances,
            building: 0,
            resting: 0,
            no_growth_before: None,
            shrinking: false,
            kind: linked.preferred_kind(),
            rebuild: Rebuild::new(plugin.settings.backoff),
            traps: 0,
            last_trap: None,
        };
        Self {
            process,
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
}
