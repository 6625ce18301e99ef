//! Making a vm: instantiate, start functions, id, root context, vm start, configure.

use std::sync::{Arc, Weak};
use std::time::Instant;

use tracing::debug;
use wasmtime::{Instance, InstancePre, Store, UpdateDeadline};

use crate::exports::Exports;
use crate::guest::{Guest, Phase, ROOT};
use crate::load_error::LoadError;
use crate::module::describe;
use crate::plugin::Plugin;
use crate::process::{Process, VmPermit};
use crate::trap::Trap;
use crate::vm::{Kind, Vm};

/// A module linked for both kinds of vm. The inline kind is absent where the guest's host calls wait.
pub(crate) struct Linked {
    inline: Option<InstancePre<Guest>>,
    yielding: InstancePre<Guest>,
}

impl Linked {
    /// Links a module, naming every import that is missing or has another type.
    pub(crate) fn new(process: &Process, plugin: &Arc<Plugin>) -> Result<Self, LoadError> {
        check_imports(process, plugin)?;
        let code = &plugin.module.code;
        let refuse = |error| LoadError::new("imports", format!("cannot link the module: {error:#}"));
        let inline = (!plugin.module.facts.waits).then(|| process.linkers.inline.instantiate_pre(code));
        let yielding = process.linkers.yielding.instantiate_pre(code).map_err(refuse)?;
        Ok(Self { inline: inline.transpose().map_err(refuse)?, yielding })
    }

    /// The kind to make when there is no reason for fibers.
    pub(crate) fn preferred_kind(&self) -> Kind {
        if self.inline.is_some() { Kind::Inline } else { Kind::Yielding }
    }

    fn pre(&self, kind: Kind) -> &InstancePre<Guest> {
        match (kind, &self.inline) {
            (Kind::Inline, Some(inline)) => inline,
            _ => &self.yielding,
        }
    }
}

fn check_imports(process: &Process, plugin: &Arc<Plugin>) -> Result<(), LoadError> {
    let mut store = Store::new(process.engine.get(), Guest::new(Arc::clone(plugin), true));
    let mut problems = Vec::new();
    for import in plugin.module.code.imports() {
        let name = format!("`{}.{}`", import.module(), import.name());
        match process.linkers.yielding.get_by_import(&mut store, &import) {
            None => problems.push(format!("{name} {} is not offered", describe(&import.ty()))),
            Some(offered) => {
                let (offered, wanted) = (describe(&offered.ty(&store)), describe(&import.ty()));
                if offered != wanted {
                    problems.push(format!("{name} is imported as {wanted}, but is {offered}"));
                }
            }
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(LoadError::new("imports", format!("the module imports what this host has not: {}", problems.join("; "))))
}

/// Makes a vm and brings it to where exchanges can use it.
///
/// Guest code runs here for up to its start budget: not for a request thread. On an inline vm this never waits.
pub(crate) async fn start(
    process: &Process,
    plugin: &Arc<Plugin>,
    linked: &Linked,
    kind: Kind,
    permit: Option<VmPermit>,
) -> Result<Vm, LoadError> {
    let mut store = new_store(process, plugin, kind);
    let instance = instantiate(&mut store, linked, kind)
        .await
        .map_err(|error| LoadError::new("start", format!("cannot start the module: {error:#}")))?;
    let exports = Exports::new(&mut store, &instance)
        .map_err(|error| LoadError::new("exports", format!("cannot use the module's exports: {error:#}")))?;
    let mut vm = Vm { store, exports, kind, in_call: false, cell: Weak::new(), ticker: None, _permit: permit };
    run_start_functions(&mut vm, &instance).await?;
    Ok(vm)
}

fn new_store(process: &Process, plugin: &Arc<Plugin>, kind: Kind) -> Store<Guest> {
    let mut store = Store::new(process.engine.get(), Guest::new(Arc::clone(plugin), kind == Kind::Yielding));
    store.limiter(|guest| &mut guest.limit);
    store.epoch_deadline_callback(|mut context| {
        let guest = context.data_mut();
        Ok(match (guest.budget.tick(Instant::now(), guest.waited), guest.yielding) {
            (false, _) => UpdateDeadline::Interrupt,
            // Not `Yield`: a task that only wakes itself keeps tokio from looking at its sockets for sixty turns of 5 ms.
            (true, true) => UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())),
            (true, false) => UpdateDeadline::Continue(1),
        })
    });
    store.data_mut().budget.begin(plugin.settings.limits.start, Instant::now());
    store.set_epoch_deadline(1);
    store
}

async fn instantiate(store: &mut Store<Guest>, linked: &Linked, kind: Kind) -> wasmtime::Result<Instance> {
    match kind {
        Kind::Inline => linked.pre(kind).instantiate(store),
        Kind::Yielding => linked.pre(kind).instantiate_async(store).await,
    }
}

/// `_initialize` and then `main`, or `_start`.
async fn run_start_functions(vm: &mut Vm, instance: &Instance) -> Result<(), LoadError> {
    if vm.guest().plugin.module.facts.exports("_initialize") {
        run_start_function(vm, instance, "_initialize").await?;
        if let Ok(main) = instance.get_typed_func::<(u32, u32), u32>(&mut vm.store, "main") {
            start_result(call_start(vm, "main", &main, (0, 0)).await)?;
        } else if let Ok(main) = instance.get_typed_func::<(), u32>(&mut vm.store, "__main_void") {
            start_result(call_start(vm, "__main_void", &main, ()).await)?;
        }
    } else if vm.guest().plugin.module.facts.exports("_start") {
        run_start_function(vm, instance, "_start").await?;
    }
    Ok(())
}

async fn run_start_function(vm: &mut Vm, instance: &Instance, name: &'static str) -> Result<(), LoadError> {
    let function = instance
        .get_typed_func::<(), ()>(&mut vm.store, name)
        .map_err(|error| LoadError::new("exports", format!("cannot call `{name}`: {error:#}")))?;
    start_result(call_start(vm, name, &function, ()).await)
}

async fn call_start<P, R>(
    vm: &mut Vm,
    name: &'static str,
    function: &wasmtime::TypedFunc<P, R>,
    params: P,
) -> Result<(), Trap>
where
    P: wasmtime::WasmParams + Sync,
    R: wasmtime::WasmResults + Sync,
{
    let budget = vm.guest().plugin.settings.limits.start;
    match vm.enter(name, function, ROOT, params, budget).await {
        // A command ends by `proc_exit(0)`; its exports stay callable (TinyGo).
        Err(trap) if trap.exit_code == Some(0) => Ok(()),
        other => other.map(|_| ()),
    }
}

fn start_result(result: Result<(), Trap>) -> Result<(), LoadError> {
    result.map_err(|trap| LoadError::new("start", format!("the module's `{}` failed: {}", trap.callback, trap.message)))
}

/// Asks a Layotto function for its id: it writes it to buffer 8.
pub(crate) async fn announced_id(vm: &mut Vm) -> Result<Option<Arc<str>>, LoadError> {
    let Some(get_id) = vm.exports.get_id.clone() else { return Ok(None) };
    vm.guest_mut().call_data.clear();
    run_phase(vm, Phase::Announcing, "proxy_get_id", &get_id, (), "id").await?;
    let id = String::from_utf8(vm.guest_mut().call_data.split().to_vec());
    match id {
        Ok(id) if is_name(&id) => Ok(Some(id.into())),
        Ok(id) if id.is_empty() => {
            Err(LoadError::new("id", "the guest's `proxy_get_id` wrote no id to buffer 8 (CallData)"))
        }
        _ => {
            let message = "the id that the guest's `proxy_get_id` wrote is not a name: 1 to 128 visible ASCII characters without `/`";
            Err(LoadError::new("id", message))
        }
    }
}

fn is_name(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/')
}

/// Creates the root context and configures it.
pub(crate) async fn configure(vm: &mut Vm) -> Result<(), LoadError> {
    if let Some(create) = vm.exports.on_context_create.clone() {
        run_phase(vm, Phase::Configuring, "proxy_on_context_create", &create, (ROOT, 0), "start").await?;
    }
    let settings = &vm.guest().plugin.settings;
    let (vm_size, size) = (len(&settings.vm_configuration), len(&settings.configuration));
    if let Some(on_vm_start) = vm.exports.on_vm_start.clone() {
        let accepted =
            run_phase(vm, Phase::VmStart, "proxy_on_vm_start", &on_vm_start, (ROOT, vm_size), "vm_start").await?;
        refused(accepted, "vm_start", "proxy_on_vm_start")?;
    }
    if let Some(on_configure) = vm.exports.on_configure.clone() {
        let accepted =
            run_phase(vm, Phase::Configuring, "proxy_on_configure", &on_configure, (ROOT, size), "configure").await?;
        refused(accepted, "configure", "proxy_on_configure")?;
    }
    let guest = vm.guest_mut();
    guest.phase = Phase::Running;
    // A start is slow on a thread of its own, which is no reason for fibers.
    guest.budget.overran = false;
    debug!(function = %vm.guest().plugin.id(), kind = ?vm.kind, "a vm has started");
    Ok(())
}

async fn run_phase<P, R>(
    vm: &mut Vm,
    phase: Phase,
    callback: &'static str,
    function: &wasmtime::TypedFunc<P, R>,
    params: P,
    step: &'static str,
) -> Result<R, LoadError>
where
    P: wasmtime::WasmParams + Sync,
    R: wasmtime::WasmResults + Sync,
{
    vm.guest_mut().phase = phase;
    let budget = vm.guest().plugin.settings.limits.start;
    vm.enter(callback, function, ROOT, params, budget).await.map_err(|trap| {
        LoadError::new(step, format!("the guest's `{callback}` failed ({}): {}", trap.reason, trap.message))
    })
}

/// Layotto's host never looked at the answer, but a guest that says no means it.
fn refused(accepted: u32, step: &'static str, callback: &str) -> Result<(), LoadError> {
    if accepted != 0 {
        return Ok(());
    }
    Err(LoadError::new(step, format!("the guest's `{callback}` refused its configuration; its log says why")))
}

fn len(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
