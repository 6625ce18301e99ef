//! What one configured use of a module is given.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

pub use crate::log::Level;

/// One configured use of a module.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The configured name; the function's id unless the guest announces another.
    pub name: Arc<str>,
    /// Number of the version, for logs.
    pub version: u64,
    /// Selects a plugin inside the module (`plugin_root_id`).
    pub root_id: String,
    /// Scope of shared data; empty means the function's id.
    pub vm_id: String,
    /// What `proxy_on_vm_start` reads.
    pub vm_configuration: Bytes,
    /// What `proxy_on_configure` reads.
    pub configuration: Bytes,
    /// What a Layotto function reads in their place, where none was configured.
    pub layotto: Layotto,
    /// The guest's environment variables.
    pub environment: Vec<(String, String)>,
    /// What an exchange gets when a vm has failed.
    pub failure_policy: FailurePolicy,
    /// How long a vm that keeps failing is left unbuilt.
    pub backoff: Backoff,
    /// What a guest may take.
    pub limits: Limits,
    /// How many vms there are.
    pub instances: Instances,
    /// Exchanges that wait for a vm.
    pub queue: Queue,
    /// Lines below it are dropped.
    pub log_level: Level,
}

/// The pairs blobs of Layotto's host.
#[derive(Debug, Clone, Default)]
pub struct Layotto {
    /// In place of `vm_configuration`; `None` when one was configured.
    pub vm_configuration: Option<Bytes>,
    /// In place of `configuration`; `None` when one was configured.
    pub configuration: Option<Bytes>,
}

/// What an exchange gets when its vm trapped or none is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FailurePolicy {
    /// 503.
    #[default]
    Closed,
    /// The filter is skipped.
    Open,
}

/// Pauses between rebuilds.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// The first pause; each further one is twice as long.
    pub base: Duration,
    /// The longest pause.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Duration::from_secs(1), max: Duration::from_secs(60) }
    }
}

/// What a guest may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Guest time of one callback.
    pub cpu: Duration,
    /// Guest time of start, `proxy_on_vm_start` and `proxy_on_configure`, each.
    pub start: Duration,
    /// Bytes of linear memory of one vm.
    pub memory: usize,
    /// Bytes of a body that may be held, for each direction.
    pub body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { cpu: Duration::from_millis(50), start: Duration::from_secs(1), memory: 64 << 20, body: 1 << 20 }
    }
}

/// How many vms a pool has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instances {
    /// Vms that are always there.
    pub min: usize,
    /// Vms that there are at most when exchanges wait.
    pub max: usize,
}

/// Exchanges that wait for a vm.
#[derive(Debug, Clone, Copy)]
pub struct Queue {
    /// How many may wait.
    pub length: usize,
    /// How long one may wait.
    pub wait: Duration,
}

impl Default for Queue {
    fn default() -> Self {
        Self { length: 1024, wait: Duration::from_secs(1) }
    }
}

impl Settings {
    /// Defaults for a function of this name: one vm, all limits at their defaults.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            version: 1,
            root_id: String::new(),
            vm_id: String::new(),
            vm_configuration: Bytes::new(),
            configuration: Bytes::new(),
            layotto: Layotto::default(),
            environment: Vec::new(),
            failure_policy: FailurePolicy::default(),
            backoff: Backoff::default(),
            limits: Limits::default(),
            instances: Instances { min: 1, max: 1 },
            queue: Queue::default(),
            log_level: Level::Info,
        }
    }
}
