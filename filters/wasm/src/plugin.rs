//! A plugin: a module together with its settings, as every vm of it sees them.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use dispatch::Scope;

use crate::guest::Phase;
use crate::guest_metrics::GuestMetricsHandle;
use crate::log::GuestLog;
use crate::module::Module;
use crate::process::Process;
use crate::settings::Settings;
use crate::shared_data::SharedDataHandle;
use crate::shared_queue::SharedQueues;

/// Gives what the root contexts of a function may reach; `None` is nothing.
pub type RootScope = dyn Fn(&str) -> Option<Arc<Scope>> + Send + Sync;

/// What the vms of a pool have in common.
pub(crate) struct Plugin {
    pub(crate) settings: Settings,
    pub(crate) module: Arc<Module>,
    pub(crate) log: GuestLog,
    pub(crate) shared_data: SharedDataHandle,
    pub(crate) shared_queues: Arc<SharedQueues>,
    pub(crate) metrics: GuestMetricsHandle,
    pub(crate) started: Instant,
    id: Arc<str>,
    root_scope: ArcSwapOption<Scope>,
}

impl Plugin {
    /// `id` is what the guest announced, or the configured name.
    pub(crate) fn new(
        process: &Process,
        module: Arc<Module>,
        mut settings: Settings,
        id: Arc<str>,
        reach: &RootScope,
    ) -> Arc<Self> {
        if module.facts.layotto {
            if let Some(pairs) = settings.layotto.configuration.take() {
                settings.configuration = pairs;
            }
            if let Some(pairs) = settings.layotto.vm_configuration.take() {
                settings.vm_configuration = pairs;
            }
        }
        if settings.vm_id.is_empty() {
            settings.vm_id = id.to_string();
        }
        Arc::new(Self {
            log: GuestLog::new(Arc::clone(&id), settings.version, settings.log_level),
            shared_data: process.shared_data.open(&settings.vm_id),
            shared_queues: Arc::clone(&process.shared_queues),
            metrics: process.metrics.open(&id),
            started: Instant::now(),
            root_scope: ArcSwapOption::new(reach(&id)),
            settings,
            module,
            id,
        })
    }

    /// What the guest announced, or the configured name.
    pub(crate) fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// The configured name.
    pub(crate) fn name(&self) -> &Arc<str> {
        &self.settings.name
    }

    /// What the root contexts may reach.
    pub(crate) fn root_scope(&self) -> Option<Arc<Scope>> {
        self.root_scope.load_full()
    }

    pub(crate) fn set_root_scope(&self, scope: Option<Arc<Scope>>) {
        self.root_scope.store(scope);
    }

    /// ABI 0.1.0's `proxy_get_configuration` reads the vm's or the plugin's configuration, by phase.
    pub(crate) fn configuration_of(&self, phase: Phase) -> Bytes {
        match phase {
            Phase::VmStart => self.settings.vm_configuration.clone(),
            Phase::Configuring => self.settings.configuration.clone(),
            _ => Bytes::new(),
        }
    }
}
