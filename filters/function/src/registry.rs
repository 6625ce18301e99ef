//! Which functions are installed.

use std::collections::BTreeMap;
use std::path::{Path, absolute};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use dispatch::Scope;
use tracing::{info, warn};
use wasm::{Compiled, Instances, LoadError, Process, RootScope};

use crate::metrics::{Metrics, Recorder};
use crate::version::{Spec, Version};

type Map = BTreeMap<Arc<str>, Arc<Version>>;

/// The installed functions, by id.
pub struct Registry {
    process: Arc<Process>,
    metrics: Arc<Metrics>,
    map: ArcSwap<Map>,
    /// What root contexts may reach.
    reach: ArcSwap<Box<RootScope>>,
}

/// Why a function is not installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The module was refused.
    #[error(transparent)]
    Refused(#[from] LoadError),
    /// A function of this id runs.
    #[error("cannot install `{name}`: the id `{id}` is in use; uninstall it first")]
    InUse {
        /// The configured name.
        name: Arc<str>,
        /// What the guest calls itself.
        id: Arc<str>,
    },
}

/// No function has the id.
#[derive(Debug, thiserror::Error)]
#[error("no function has the id `{0}`")]
pub struct UnknownFunction(pub String);

impl Registry {
    /// An empty registry.
    #[must_use]
    pub fn new(process: Arc<Process>, metrics: Arc<Metrics>) -> Arc<Self> {
        let registry = Arc::new(Self {
            process,
            metrics,
            map: ArcSwap::default(),
            reach: ArcSwap::from_pointee(Box::new(|_: &str| None) as _),
        });
        registry.metrics.watch(&registry);
        registry
    }

    /// The running version of a function.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<Version>> {
        self.map.load().get(id).cloned()
    }

    /// All functions by id.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Version>> {
        self.map.load().values().cloned().collect()
    }

    /// Installs a function: reads, checks and loads its module, and lets exchanges find it.
    ///
    /// Takes from milliseconds to the guest's start budget: call it from a thread that may block.
    ///
    /// # Errors
    ///
    /// The step that refused the module, or that its id is in use. Nothing has changed then.
    pub fn install(&self, spec: Spec) -> Result<Arc<Version>, InstallError> {
        let version = Arc::new(self.load(spec)?);
        let id = Arc::clone(version.id());
        let mut taken = false;
        self.map.rcu(|map| {
            taken = map.contains_key(&id);
            let mut map = Map::clone(map);
            map.entry(Arc::clone(&id)).or_insert_with(|| Arc::clone(&version));
            map
        });
        if taken {
            // Somebody was faster.
            return Err(InstallError::InUse { name: Arc::clone(version.pool.name()), id });
        }
        self.log_installed(&version);
        Ok(version)
    }

    fn load(&self, spec: Spec) -> Result<Version, InstallError> {
        let bytes = read_module(&spec)?;
        let number = spec.settings.version;
        let name = Arc::clone(&spec.settings.name);
        let compiled = Compiled::new(&self.process, &bytes)?;
        if !compiled.facts().layotto {
            self.must_be_free(&name, &name)?;
        }
        let loaded = compiled.try_out(spec.settings, &**self.reach.load_full())?;
        // Before it has vms: their ticks and queues would meddle with those of the function that runs.
        self.must_be_free(loaded.id(), &name)?;
        let recorder = Arc::new(Recorder::new(Arc::clone(&self.metrics), number));
        recorder.name(loaded.id());
        let pool = loaded.start(Arc::clone(&recorder) as _)?;
        Ok(Version {
            number,
            pool,
            source: absolute(&spec.path).unwrap_or(spec.path),
            requested_engine: spec.requested_engine,
            installed_at: SystemTime::now(),
            installed_by: spec.installed_by,
        })
    }

    fn must_be_free(&self, id: &Arc<str>, name: &Arc<str>) -> Result<(), InstallError> {
        match self.get(id) {
            None => Ok(()),
            Some(_) => Err(InstallError::InUse { name: Arc::clone(name), id: Arc::clone(id) }),
        }
    }

    fn log_installed(&self, version: &Version) {
        let (id, name) = (version.id(), version.pool.name());
        info!(function = %id, version = version.number, source = %version.source.display(), "a function is installed");
        if id != name {
            warn!(function = %id, configured_name = %name, "the guest calls itself `{id}`: that is its id, not the configured name");
        }
        if version.requested_engine != "wasmtime" {
            warn!(function = %id, engine = version.requested_engine, "the function asks for another engine; it runs on wasmtime");
        }
    }

    /// Takes a function out. Exchanges that run it finish.
    ///
    /// # Errors
    ///
    /// When no function has the id.
    pub fn uninstall(&self, id: &str) -> Result<(), UnknownFunction> {
        let mut found = false;
        self.map.rcu(|map| {
            let mut map = Map::clone(map);
            found = map.remove(id).is_some();
            map
        });
        if !found {
            return Err(UnknownFunction(id.to_owned()));
        }
        info!(function = id, "a function is uninstalled");
        Ok(())
    }

    /// Changes the number of a function's vms.
    ///
    /// Makes vms at once: call it from a thread that may block.
    ///
    /// # Errors
    ///
    /// When no function has the id; `Ok(Err(…))` when a vm cannot be made, and the old number stands.
    pub fn resize(&self, id: &str, instances: Instances) -> Result<Result<(), LoadError>, UnknownFunction> {
        let version = self.get(id).ok_or_else(|| UnknownFunction(id.to_owned()))?;
        let (pool, before) = (&version.pool, version.pool.instances());
        if before == instances {
            return Ok(Ok(()));
        }
        let resized = pool.resize(instances);
        if resized.is_err() {
            // The vms that were made beyond the old bounds go again; the old ones are there.
            let _ = pool.resize(before);
        }
        Ok(resized)
    }

    /// Sets what the root contexts of each function, installed now or later, call through.
    pub fn set_root_scope(&self, scope: impl Fn(&str) -> Option<Arc<Scope>> + Send + Sync + 'static) {
        for version in self.list() {
            version.pool.set_root_scope(scope(version.id()));
        }
        self.reach.store(Arc::new(Box::new(scope)));
    }
}

/// Loads a function as an install would, and keeps nothing: what `outrigger check` does. Gives the guest's id.
///
/// # Errors
///
/// The step that refused the module.
pub fn check(process: &Arc<Process>, spec: Spec) -> Result<Arc<str>, LoadError> {
    let bytes = read_module(&spec)?;
    let loaded = Compiled::new(process, &bytes)?.try_out(spec.settings, &|_| None)?;
    Ok(Arc::clone(loaded.id()))
}

/// The bytes of the module, once they are what was asked for.
fn read_module(spec: &Spec) -> Result<Vec<u8>, LoadError> {
    let path = absolute(&spec.path).unwrap_or_else(|_| spec.path.clone());
    let bytes = read_capped(&path, spec.max_module)?;
    check_digest("sha256", spec.sha256.as_deref(), &path, || wasm::sha256_hex(&bytes))?;
    check_digest("md5", spec.md5.as_deref(), &path, || md5_hex(&bytes))?;
    Ok(bytes)
}

fn read_capped(path: &Path, limit: u64) -> Result<Vec<u8>, LoadError> {
    use std::io::Read as _;
    let refuse = |why: String| LoadError::new("source", format!("cannot read the module `{}`: {why}", path.display()));
    // Opening a pipe that nobody writes to would not return.
    let metadata = std::fs::metadata(path).map_err(|error| refuse(error.to_string()))?;
    if !metadata.is_file() {
        return Err(refuse("it is not a regular file".to_owned()));
    }
    let file = std::fs::File::open(path).map_err(|error| refuse(error.to_string()))?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|error| refuse(error.to_string()))?;
    if bytes.len() as u64 > limit {
        return Err(refuse(format!("it is larger than `wasm.max_module` ({limit} bytes)")));
    }
    Ok(bytes)
}

fn check_digest(
    kind: &'static str,
    wanted: Option<&str>,
    path: &Path,
    found: impl FnOnce() -> String,
) -> Result<(), LoadError> {
    let Some(wanted) = wanted else { return Ok(()) };
    let found = found();
    if found.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    let message = format!("the module `{}` has the {kind} digest {found}, but {wanted} was asked for", path.display());
    Err(LoadError::new("sha256", message))
}

fn md5_hex(bytes: &[u8]) -> String {
    use md5::{Digest, Md5};
    wasm::hex(&Md5::digest(bytes))
}
