//! A version: one module of a function, installed and running.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use chain::Exchange;
use wasm::{Pool, Settings};

/// What is installed.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Settings of the plugin; `name` is the configured name.
    pub settings: Settings,
    /// File of the module.
    pub path: PathBuf,
    /// The engine that was asked for; everything runs on wasmtime.
    pub requested_engine: String,
    /// Lower-case hexadecimal digest that the module must have.
    pub sha256: Option<String>,
    /// Lower-case hexadecimal digest that the module must have (Layotto's key).
    pub md5: Option<String>,
    /// Most bytes that the module may have.
    pub max_module: u64,
    /// Who installs it.
    pub installed_by: InstalledBy,
}

/// Who installed a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstalledBy {
    /// The configuration file.
    Config,
    /// An operator, at run time.
    Admin,
}

/// One module of a function, running.
pub struct Version {
    /// Counts from 1 for each id.
    pub number: u64,
    /// Its module, settings and vms.
    pub pool: Arc<Pool>,
    /// Where the module came from.
    pub source: PathBuf,
    /// The engine that was asked for.
    pub requested_engine: String,
    /// When it was installed.
    pub installed_at: SystemTime,
    /// Who installed it.
    pub installed_by: InstalledBy,
}

impl Version {
    /// Id of its function: what the guest announced, or the configured name.
    #[must_use]
    pub fn id(&self) -> &Arc<str> {
        self.pool.id()
    }

    /// Notes the version as the one that the access log names.
    pub(crate) fn record(&self, exchange: &Exchange) {
        exchange.record(|record| {
            record.function = Some(Arc::clone(self.id()));
            record.function_version = Some(self.number);
        });
    }
}
