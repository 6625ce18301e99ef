//! A module: compiled code and the facts that its imports and exports tell.

use std::collections::HashSet;

use sha2::{Digest, Sha256};
use wasmtime::{ExternType, FuncType, ValType};

use crate::engine::Engine;
use crate::load_error::LoadError;

/// The ABI markers that are accepted.
pub(crate) const MARKERS: [&str; 4] =
    ["proxy_abi_version_0_1_0", "proxy_abi_version_0_2_0", "proxy_abi_version_0_2_1", "proxy_abi_version_0_2_100"];

/// Exports that hand memory to the host; the first that is there is used.
pub(crate) const ALLOCATORS: [&str; 2] = ["proxy_on_memory_allocate", "malloc"];

/// Host calls that wait: a guest that imports one runs on fibers.
const WAITING_IMPORTS: [&str; 2] = ["proxy_get_state", "proxy_invoke_service"];

/// The exports that are called, with the numbers of `i32` parameters and results that they may have.
const CALLED_EXPORTS: &[(&str, &[(usize, usize)])] = &[
    ("_initialize", &[(0, 0)]),
    ("_start", &[(0, 0)]),
    ("main", &[(2, 1)]),
    ("__main_void", &[(0, 1)]),
    ("proxy_on_memory_allocate", &[(1, 1)]),
    ("malloc", &[(1, 1)]),
    ("proxy_get_id", &[(0, 0)]),
    ("proxy_on_context_create", &[(2, 0)]),
    ("proxy_on_vm_start", &[(2, 1)]),
    ("proxy_on_configure", &[(2, 1)]),
    ("proxy_on_tick", &[(1, 0)]),
    ("proxy_on_queue_ready", &[(2, 0)]),
    ("proxy_on_request_headers", &[(3, 1), (2, 1)]),
    ("proxy_on_request_body", &[(3, 1)]),
    ("proxy_on_request_trailers", &[(2, 1)]),
    ("proxy_on_response_headers", &[(3, 1), (2, 1)]),
    ("proxy_on_response_body", &[(3, 1)]),
    ("proxy_on_response_trailers", &[(2, 1)]),
    ("proxy_on_http_call_response", &[(5, 0)]),
    ("proxy_on_done", &[(1, 1), (1, 0)]),
    ("proxy_on_log", &[(1, 0)]),
    ("proxy_on_delete", &[(1, 0)]),
];

/// A compiled module.
pub(crate) struct Module {
    pub(crate) code: wasmtime::Module,
    pub(crate) facts: Facts,
}

/// What is known of a module without running it.
#[derive(Debug, Clone)]
pub struct Facts {
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// The ABI version that it announces, such as `0.2.1`.
    pub abi: String,
    /// Whether it announces its own id, as Layotto's functions do.
    pub layotto: bool,
    /// Whether it imports a host call that waits, so that its vms run on fibers.
    pub waits: bool,
    exports: HashSet<String>,
}

impl Facts {
    /// Whether the guest exports a function of this name.
    #[must_use]
    pub fn exports(&self, name: &str) -> bool {
        self.exports.contains(name)
    }
}

impl Module {
    /// Compiles a module and checks what it exports. Takes tens of milliseconds: not for a request thread.
    pub(crate) fn compile(engine: &Engine, bytes: &[u8]) -> Result<Self, LoadError> {
        check_preamble(bytes)?;
        let code = wasmtime::Module::new(engine.get(), bytes)
            .map_err(|error| LoadError::new("compile", format!("cannot compile the module: {error:#}")))?;
        let exports: HashSet<String> = code.exports().map(|export| export.name().to_owned()).collect();
        let abi = abi(&exports)?;
        check_exports(&code, &exports)?;
        let waits = code.imports().any(|import| import.module() == "env" && WAITING_IMPORTS.contains(&import.name()));
        let layotto = exports.contains("proxy_get_id");
        let facts = Facts { sha256: sha256_hex(bytes), abi, layotto, waits, exports };
        Ok(Self { code, facts })
    }
}

/// Tells a file that is no core module from one that is (WebAssembly core specification §5.5.16).
fn check_preamble(bytes: &[u8]) -> Result<(), LoadError> {
    let refuse = |message: &str| Err(LoadError::new("compile", message));
    match bytes {
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Ok(()),
        [0, b'a', b's', b'm', _, 0, 1, 0, ..] => refuse(
            "the file is a WebAssembly component, not a core module; build the function for the target `wasm32-wasip1`",
        ),
        [] => refuse("the file is empty"),
        [0, b'a', b's', b'm', ..] => refuse("the file is a WebAssembly module of an unknown version, or cut short"),
        _ => refuse("the file is not a WebAssembly module: it does not begin with `\\0asm`"),
    }
}

fn abi(exports: &HashSet<String>) -> Result<String, LoadError> {
    if let Some(marker) = MARKERS.iter().rev().find(|marker| exports.contains(**marker)) {
        return Ok(marker.trim_start_matches("proxy_abi_version_").replace('_', "."));
    }
    let accepted = MARKERS.map(|marker| format!("`{marker}`")).join(", ");
    let found = exports.iter().find(|name| name.starts_with("proxy_abi_"));
    let found = found.map_or("none".into(), |name| format!("`{name}`"));
    Err(LoadError::new(
        "abi",
        format!(
            "the module exports no Proxy-Wasm ABI marker that is known (found {found}; accepted are {accepted}); is it a Proxy-Wasm module?"
        ),
    ))
}

fn check_exports(code: &wasmtime::Module, exports: &HashSet<String>) -> Result<(), LoadError> {
    if !exports.contains("memory") {
        return Err(LoadError::new("exports", "the module exports no memory under the name `memory`"));
    }
    if !ALLOCATORS.iter().any(|name| exports.contains(*name)) {
        let message = "the module exports no allocator: neither `proxy_on_memory_allocate` nor `malloc`";
        return Err(LoadError::new("exports", message));
    }
    for (name, shapes) in CALLED_EXPORTS {
        let Some(export) = code.get_export(name) else { continue };
        let fits = matches!(&export, ExternType::Func(found) if shapes.iter().any(|shape| is_shape(found, *shape)));
        if !fits {
            let wanted = shapes.iter().map(|(params, results)| format!("{params} i32 -> {results} i32"));
            let wanted = wanted.collect::<Vec<_>>().join(" or ");
            let found = describe(&export);
            let message = format!("the export `{name}` has the type {found}, but must have {wanted}");
            return Err(LoadError::new("exports", message));
        }
    }
    Ok(())
}

fn is_shape(found: &FuncType, (params, results): (usize, usize)) -> bool {
    let all_i32 = found.params().chain(found.results()).all(|value| matches!(value, ValType::I32));
    all_i32 && found.params().len() == params && found.results().len() == results
}

/// A type in the words of the text format.
pub(crate) fn describe(external: &ExternType) -> String {
    match external {
        ExternType::Func(function) => {
            let list = |types: &mut dyn Iterator<Item = ValType>| {
                types.map(|value| value.to_string()).collect::<Vec<_>>().join(", ")
            };
            format!("({}) -> ({})", list(&mut function.params()), list(&mut function.results()))
        }
        ExternType::Global(_) => "a global".into(),
        ExternType::Table(_) => "a table".into(),
        ExternType::Memory(_) => "a memory".into(),
        _ => "a tag".into(),
    }
}

/// SHA-256 in lower-case hexadecimal.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
