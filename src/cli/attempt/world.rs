//! The world around the module: stores in memory, stub clusters, the other functions of the configuration.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use chain::Filter;
use dispatch::{DispatchFilter, Dispatcher, MemorySettings, Names, Policy, Store, Targets};
use function::{InstallError, NamedFunction, Registry, Version};
use parking_lot::Mutex;
use prometheus::Registry as Series;
use tokio::runtime::Runtime;
use wasm::{GuestMetrics, Process, WasmFilter};

use super::report::Refused;
use super::stub::{Calls, StubClusters, StubUpstream, TriedFunctions};
use crate::config::{self, Config, StoreKind};
use crate::live::installable;

/// The store that is there without a configuration: that of the quick start.
const STORE: &str = "state_demo";

/// Everything that a module meets.
pub(super) struct World {
    registry: Arc<Registry>,
    dispatcher: Arc<Dispatcher>,
    pub(super) upstream: Arc<StubUpstream>,
    pub(super) calls: Arc<Calls>,
    /// What the reader should know.
    pub(super) notes: Mutex<Vec<String>>,
    max_module: u64,
}

impl World {
    pub(super) fn new(config: Option<&Config>, runtime: &Runtime) -> anyhow::Result<Self> {
        let (series, wasm) = (Series::new(), config.map(|config| config.wasm.clone()).unwrap_or_default());
        let process = Process::new(GuestMetrics::new(&series), runtime.handle().clone(), wasm.vms as usize)
            .map_err(|error| anyhow!("the WebAssembly engine cannot start: {error:#}"))?;
        let registry = Registry::new(process, function::Metrics::new(&series)?);
        let names = config.map(|config| config.clusters.iter().map(|cluster| cluster.name.to_string()).collect());
        let clusters = Arc::new(StubClusters(names));
        let functions = TriedFunctions { registry: Arc::clone(&registry), clusters: Arc::clone(&clusters) };
        let targets = Arc::new(Targets::new(stores(config)?, clusters, Arc::new(functions)));
        let calls = Arc::new(Calls::default());
        let dispatcher = Dispatcher::new(everything(), targets, Arc::new(dispatch::Metrics::new(&series)?));
        let dispatcher = dispatcher.context("cannot let host calls through")?.observed(Arc::clone(&calls) as _);
        let dispatcher = Arc::new(dispatcher);
        let reach = Arc::clone(&dispatcher);
        registry.set_root_scope(move |_| Some(reach.open_root()));
        let (upstream, notes) = Default::default();
        Ok(Self { registry, dispatcher, upstream, calls, notes, max_module: wasm.max_module.bytes() })
    }

    /// Installs the module, and the other functions of the configuration for it to call.
    pub(super) fn install(&self, module: &Path, config: Option<&Config>) -> Result<Arc<Version>, Refused> {
        let functions = config.map_or(&[][..], |config| &config.functions);
        let entry = functions.iter().find(|entry| is_of(entry, module));
        let tried = entry.cloned().or_else(|| plain(module)).ok_or_else(|| Refused {
            step: "source".to_owned(),
            message: format!("`{}` has no file name that could name a function", module.display()),
        })?;
        if entry.is_none() && config.is_some() {
            self.note("no function of the configuration has this module: it runs with default settings".to_owned());
        }
        let mut spec = installable(&tried, 1, self.max_module);
        spec.path = module.to_owned();
        spec.sha256 = None; // the file that is named is the one that is meant
        let version = self.registry.install(spec).map_err(|error| Refused::from(&error))?;
        if version.id() != version.pool.name() && entry.is_some() {
            self.note(format!(
                "the guest calls itself `{}`: that is its id, not the configured `{}`",
                version.id(),
                tried.name
            ));
        }
        self.install_others(functions, &tried.name);
        Ok(version)
    }

    /// Functions for the tried one to call. One that cannot be loaded is a note: it may never be called.
    fn install_others(&self, functions: &[config::Function], tried: &config::Name) {
        for other in functions.iter().filter(|other| other.name != *tried) {
            match self.registry.install(installable(other, 1, self.max_module)) {
                // The id of the tried one, or of another that is there.
                Ok(_) | Err(InstallError::InUse { .. }) => {}
                Err(error) => self.note(format!("function `{}` is not there to be called: {error}", other.name)),
            }
        }
    }

    /// The filters that the request passes.
    pub(super) fn chain(&self, tried: &Version) -> Arc<[Arc<dyn Filter>]> {
        let function = NamedFunction::new(Arc::clone(&self.registry), tried.id().to_string());
        let dispatch = DispatchFilter(Arc::clone(&self.dispatcher));
        Arc::from([
            Arc::new(dispatch) as Arc<dyn Filter>,
            Arc::new(WasmFilter::new(function)),
            Arc::clone(&self.upstream) as Arc<dyn Filter>,
        ])
    }

    fn note(&self, note: String) {
        self.notes.lock().push(note);
    }
}

/// The stores of the configuration with their seeds, all in memory; without one, an empty store.
fn stores(config: Option<&Config>) -> Result<Vec<Arc<Store>>, dispatch::Error> {
    let Some(config) = config else {
        return Ok(vec![Arc::new(Store::memory(STORE, "", MemorySettings::default())?)]);
    };
    let store = |store: &config::Store| {
        let settings = match store.kind() {
            Some(StoreKind::Memory(memory)) => {
                MemorySettings { seed: memory.seed.clone(), max_bytes: memory.max_bytes.bytes() }
            }
            _ => MemorySettings::default(),
        };
        Store::memory(store.name.as_str(), &store.key_prefix, settings).map(Arc::new)
    };
    config.stores.iter().map(store).collect()
}

fn everything() -> Policy {
    Policy { stores: Names::All, clusters: Names::All, functions: Names::All, ..Policy::default() }
}

/// Whether an entry of the configuration is the module's: its file, or its name.
fn is_of(entry: &config::Function, module: &Path) -> bool {
    let canonical = |path: &Path| path.canonicalize().ok();
    let same_file = canonical(&entry.vm_config.path).is_some_and(|path| Some(path) == canonical(module));
    same_file || module.file_stem().is_some_and(|stem| stem == entry.name.as_str())
}

/// A function with default settings, named as its file; every line of its log is kept.
fn plain(module: &Path) -> Option<config::Function> {
    let name = module.file_stem()?.to_str()?;
    let entry = serde_json::json!({"name": name, "vm_config": {"path": module}, "log_level": "trace"});
    serde_json::from_value(entry).ok()
}
