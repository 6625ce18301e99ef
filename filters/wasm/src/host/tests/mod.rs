//! Host calls as a guest makes them: a real vm, with one export for each import.

mod properties;
mod state;
mod wasi;

use std::sync::Arc;

use chain::{Connection, Exchange};
use wasmtime::{Instance, Store, Val};

use crate::exports::Exports;
use crate::guest::{Guest, Phase};
use crate::guest_metrics::GuestMetrics;
use crate::module::Module;
use crate::plugin::Plugin;
use crate::process::Process;
use crate::settings::Settings;
use crate::signal::Signal;
use crate::stream::Stream;

/// What the guest imports and passes on: module, name, types of the parameters, result.
const IMPORTS: &[(&str, &str, &str, &str)] = &[
    ("env", "proxy_get_shared_data", "i32 i32 i32 i32 i32", "i32"),
    ("env", "proxy_set_shared_data", "i32 i32 i32 i32 i32", "i32"),
    ("env", "proxy_define_metric", "i32 i32 i32 i32", "i32"),
    ("env", "proxy_increment_metric", "i32 i64", "i32"),
    ("env", "proxy_record_metric", "i32 i64", "i32"),
    ("env", "proxy_get_metric", "i32 i32", "i32"),
    ("env", "proxy_get_property", "i32 i32 i32 i32", "i32"),
    ("env", "proxy_set_property", "i32 i32 i32 i32", "i32"),
    ("env", "proxy_call_foreign_function", "i32 i32 i32 i32 i32 i32", "i32"),
    ("env", "pthread_equal", "i32 i32", "i32"),
    ("env", "abort", "i32 i32 i32 i32", ""),
    ("wasi_unstable", "fd_write", "i32 i32 i32 i32", "i32"),
    ("wasi_snapshot_preview1", "fd_fdstat_get", "i32 i32", "i32"),
    ("wasi_snapshot_preview1", "fd_prestat_get", "i32 i32", "i32"),
    ("wasi_snapshot_preview1", "fd_sync", "i32", "i32"),
    ("wasi_snapshot_preview1", "environ_sizes_get", "i32 i32", "i32"),
    ("wasi_snapshot_preview1", "environ_get", "i32 i32", "i32"),
    ("wasi_snapshot_preview1", "clock_time_get", "i32 i64 i32", "i32"),
    ("wasi_snapshot_preview1", "random_get", "i32 i32", "i32"),
    ("wasi_snapshot_preview1", "poll_oneoff", "i32 i32 i32 i32", "i32"),
    ("wasi_snapshot_preview1", "proc_exit", "i32", ""),
];

/// Bytes of the guest's memory: one page.
const MEMORY: u32 = 1 << 16;
/// What the guest's allocator gives, whatever it is asked for.
const ALLOCATED: u32 = 0x8000;
/// Where the tests put what the guest passes.
const INPUT: u32 = 0x100;
/// Where the tests let the host write.
const OUT: u32 = 0x4000;

fn module() -> Vec<u8> {
    let (mut imports, mut exports) = (String::new(), String::new());
    for (module, name, parameters, result) in IMPORTS {
        let result = if result.is_empty() { String::new() } else { format!("(result {result})") };
        let r#type = format!("(param {parameters}) {result}");
        imports += &format!("(import \"{module}\" \"{name}\" (func ${name} {type}))\n");
        let arguments: String = (0..parameters.split(' ').count()).map(|at| format!("(local.get {at}) ")).collect();
        exports += &format!("(func (export \"{name}\") {type} (call ${name} {arguments}))\n");
    }
    let allocator = format!("(func (export \"malloc\") (param i32) (result i32) (i32.const {ALLOCATED}))");
    let marker = "(func (export \"proxy_abi_version_0_2_1\"))";
    wat::parse_str(format!("(module {imports} (memory (export \"memory\") 1 1) {allocator} {marker} {exports})"))
        .unwrap()
}

struct Vm {
    process: Arc<Process>,
    store: Store<Guest>,
    instance: Instance,
}

impl Vm {
    fn new() -> Self {
        let metrics = GuestMetrics::new(&prometheus::Registry::new());
        Self::of(&Process::new(metrics, tokio::runtime::Handle::current(), 1).unwrap())
    }

    fn of(process: &Arc<Process>) -> Self {
        let module = Arc::new(Module::compile(&process.engine, &module()).unwrap());
        let mut settings = Settings::new("f");
        settings.root_id = "root".into();
        settings.environment = vec![("A".into(), "1".into())];
        let plugin = Plugin::new(process, Arc::clone(&module), settings, "f".into(), &|_| None);
        let mut store = Store::new(process.engine.get(), Guest::new(plugin, false));
        store.set_epoch_deadline(u64::MAX / 2);
        let instance = process.linkers.inline.instantiate(&mut store, &module.code).unwrap();
        Exports::new(&mut store, &instance).unwrap();
        store.data_mut().phase = Phase::Running;
        Self { process: Arc::clone(process), store, instance }
    }

    /// Calls an import. Numbers are as wide as the import's parameters.
    fn call(&mut self, name: &str, arguments: &[i64]) -> wasmtime::Result<i32> {
        let function = self.instance.get_func(&mut self.store, name).unwrap();
        let r#type = function.ty(&self.store);
        let arguments: Vec<Val> = arguments
            .iter()
            .zip(r#type.params())
            .map(|(argument, kind)| if kind.is_i64() { Val::I64(*argument) } else { Val::I32(*argument as i32) })
            .collect();
        let mut results = vec![Val::I32(0); r#type.results().len()];
        function.call(&mut self.store, &arguments, &mut results)?;
        Ok(results.first().map_or(0, Val::unwrap_i32))
    }

    fn status(&mut self, name: &str, arguments: &[i64]) -> i32 {
        self.call(name, arguments).unwrap()
    }

    fn write(&mut self, address: u32, bytes: &[u8]) {
        let memory = self.store.data().memory.unwrap();
        memory.write(&mut self.store, address as usize, bytes).unwrap();
    }

    fn read(&self, address: u32, len: u32) -> Vec<u8> {
        let mut bytes = vec![0; len as usize];
        self.store.data().memory.unwrap().read(&self.store, address as usize, &mut bytes).unwrap();
        bytes
    }

    fn u32(&self, address: u32) -> u32 {
        u32::from_le_bytes(self.read(address, 4).try_into().unwrap())
    }

    fn u64(&self, address: u32) -> u64 {
        u64::from_le_bytes(self.read(address, 8).try_into().unwrap())
    }

    /// Puts an input into the guest's memory; gives its address and length.
    fn input(&mut self, bytes: &[u8]) -> (i64, i64) {
        self.write(INPUT, bytes);
        (INPUT.into(), bytes.len() as i64)
    }

    /// What the host has copied into the guest.
    fn output(&self, address_out: u32, size_out: u32) -> Vec<u8> {
        self.read(self.u32(address_out), self.u32(size_out))
    }

    fn get_property(&mut self, path: &[u8]) -> Result<Vec<u8>, i32> {
        let (path, len) = self.input(path);
        match self.status("proxy_get_property", &[path, len, OUT.into(), (OUT + 4).into()]) {
            0 => Ok(self.output(OUT, OUT + 4)),
            status => Err(status),
        }
    }

    fn set_property(&mut self, path: &[u8], value: &[u8]) -> i32 {
        self.write(INPUT + 0x100, value);
        let (path, len) = self.input(path);
        self.status("proxy_set_property", &[path, len, (INPUT + 0x100).into(), value.len() as i64])
    }

    /// Makes the guest work on a stream of an exchange.
    fn enter(&mut self, exchange: &Arc<Exchange>, id: u32) {
        let stream = Stream::new(Arc::clone(exchange), Arc::new(Signal::default()), head());
        let guest = self.store.data_mut();
        guest.streams.insert(id, stream);
        guest.current = id;
    }
}

fn head() -> http::request::Parts {
    http::Request::get("http://a/b").body(()).unwrap().into_parts().0
}

fn exchange() -> Arc<Exchange> {
    let (peer, local) = ("1.2.3.4:5678".parse().unwrap(), "1.2.3.4:80".parse().unwrap());
    Exchange::new(Arc::new(Connection { id: 1, listener: "l".into(), peer, local }), None, &head())
}
