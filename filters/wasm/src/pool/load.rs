//! From a module to a pool: it is compiled, tried out in a throw-away vm, and gets its vms.

use std::sync::Arc;

use super::Pool;
use crate::load_error::LoadError;
use crate::module::{Facts, Module};
use crate::observer::Observer;
use crate::plugin::{Plugin, RootScope};
use crate::process::Process;
use crate::settings::Settings;
use crate::start::{Linked, announced_id, configure, start};
use crate::vm::{Kind, Vm};

/// A module that is compiled and has not run yet.
pub struct Compiled {
    process: Arc<Process>,
    module: Arc<Module>,
}

impl Compiled {
    /// Compiles a module and checks what it exports. Takes tens of milliseconds: call it from a thread that may block.
    ///
    /// # Errors
    ///
    /// When it is no Proxy-Wasm module.
    pub fn new(process: &Arc<Process>, bytes: &[u8]) -> Result<Self, LoadError> {
        let module = Arc::new(Module::compile(&process.engine, bytes)?);
        Ok(Self { process: Arc::clone(process), module })
    }

    /// What is known of the module.
    #[must_use]
    pub fn facts(&self) -> &Facts {
        &self.module.facts
    }

    /// Links the module and tries it in a throw-away vm. `reach` gives what root contexts may call from the beginning
    /// on.
    ///
    /// Takes up to the guest's start budget: call it from a thread that may block.
    ///
    /// # Errors
    ///
    /// The first step that fails. Nothing of the module stays then.
    pub fn try_out(self, settings: Settings, reach: &RootScope) -> Result<Loaded, LoadError> {
        let (plugin, linked) = try_out(&self.process, &self.module, settings, reach)?;
        Ok(Loaded { process: self.process, plugin, linked })
    }
}

/// A module that has been tried out and has no vms yet.
pub struct Loaded {
    process: Arc<Process>,
    plugin: Arc<Plugin>,
    linked: Linked,
}

impl Loaded {
    /// What the guest announced as its id, or the configured name.
    #[must_use]
    pub fn id(&self) -> &Arc<str> {
        self.plugin.id()
    }

    /// Makes the vms that are always there: call it from a thread that may block.
    ///
    /// # Errors
    ///
    /// When one of them cannot be made. Nothing of the module stays then.
    pub fn start(self, observer: Arc<dyn Observer>) -> Result<Arc<Pool>, LoadError> {
        let pool = Arc::new(Pool::new(self.process, self.plugin, self.linked, observer));
        for _ in 0..pool.instances().min {
            let vm = pool.make(pool.state.lock().kind)?;
            pool.add(vm);
        }
        Ok(pool)
    }
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

/// A vm that exchanges can use.
pub(super) fn make(process: &Arc<Process>, plugin: &Arc<Plugin>, linked: &Linked, kind: Kind) -> Result<Vm, LoadError> {
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
