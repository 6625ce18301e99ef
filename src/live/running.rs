//! The running configuration: its snapshot and its functions.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use function::{InstallError, InstalledBy, Registry, UnknownFunction, Version};
use wasm::LoadError;

use super::function::each_function;
use super::snapshot::{Parts, Snapshot};
use super::spec::{self, FunctionDefaults};
use crate::config::{Config, InstallBody, Instances, Problems};

/// The running configuration.
pub struct Live {
    /// As it was read, all defaults filled in.
    pub config: Config,
    /// Where it was read.
    pub path: PathBuf,
    /// When it was read.
    pub loaded_at: SystemTime,
    /// What was built from it.
    pub snapshot: Snapshot,
    /// The installed functions.
    pub registry: Arc<Registry>,
    defaults: FunctionDefaults,
}

impl Live {
    /// Builds the snapshot and installs the functions.
    ///
    /// Compiles modules: call it from a thread that may block.
    ///
    /// # Errors
    ///
    /// All problems that building shows. Nothing serves then.
    pub fn build(config: Config, path: PathBuf, parts: &Parts, threads: usize) -> Result<Self, Problems> {
        let defaults = FunctionDefaults { threads, max_module: config.wasm.max_module.bytes() };
        let snapshot = Snapshot::build(&config, parts)?;
        install_functions(&config, &parts.registry, defaults)?;
        parts.metrics.config_loaded(1);
        let registry = Arc::clone(&parts.registry);
        Ok(Self { config, path, loaded_at: SystemTime::now(), snapshot, registry, defaults })
    }

    /// Number of the configuration, from 1.
    #[must_use]
    pub fn generation(&self) -> u64 {
        1
    }

    /// Installs a function of an operator.
    ///
    /// Compiles the module: call it from a thread that may block.
    ///
    /// # Errors
    ///
    /// The step that refused it, or that its id is in use. Nothing has changed then.
    pub fn install(&self, body: &InstallBody) -> Result<Arc<Version>, InstallError> {
        let mut spec = spec::function(&body.function, &body.pairs, InstalledBy::Admin, self.defaults);
        spec.md5 = body.md5.map(|digest| wasm::hex(digest.bytes()));
        self.registry.install(spec)
    }

    /// Sets the number of a function's vms. An equal number changes nothing.
    ///
    /// Makes vms: call it from a thread that may block.
    ///
    /// # Errors
    ///
    /// No function has the id; `Ok(Err(…))` when a vm cannot be made.
    pub fn resize(&self, id: &str, instances: u32) -> Result<Result<(), LoadError>, UnknownFunction> {
        self.registry.resize(id, spec::instances(&Instances::exactly(instances), self.defaults.threads))
    }
}

/// Installs every function of a configuration.
fn install_functions(config: &Config, registry: &Registry, defaults: FunctionDefaults) -> Result<(), Problems> {
    each_function(config, |function, _| {
        registry.install(spec::function(function, &BTreeMap::new(), InstalledBy::Config, defaults)).map(|_| ())
    })
}
