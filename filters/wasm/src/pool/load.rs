//! Vms from modules: the throw-away one that tries a module out, and those of a pool.

use std::sync::Arc;

use crate::load_error::LoadError;
use crate::module::Module;
use crate::plugin::{Plugin, RootScope};
use crate::process::Process;
use crate::settings::Settings;
use crate::start::{Linked, announced_id, configure, start};
use crate::vm::{Kind, Vm};

/// Runs the module in a throw-away vm, and learns the id that the guest announces.
pub(super) fn try_out(
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
