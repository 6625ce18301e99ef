//! A Layotto function that answers any input with its configuration: `plugin: name=a x=1; vm: engine=wasmtime path=…`.
//! Without a configuration of its own a Layotto function gets pairs; one that was written for it comes as it is.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root::default()));
}}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_get_id() {
    layotto::announce("tells_configuration");
}

#[derive(Default)]
struct Root {
    vm: String,
    plugin: String,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_vm_start(&mut self, _: usize) -> bool {
        self.vm = text(&self.get_vm_configuration().unwrap_or_default());
        true
    }

    fn on_configure(&mut self, _: usize) -> bool {
        self.plugin = text(&self.get_plugin_configuration().unwrap_or_default());
        true
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Tells(format!("plugin: {}; vm: {}", self.plugin, self.vm).into())))
    }
}

struct Tells(Rc<str>);

impl Context for Tells {}

impl HttpContext for Tells {
    fn on_http_request_body(&mut self, _: usize, _: bool) -> Action {
        self.set_http_response_body(0, self.0.len(), self.0.as_bytes());
        Action::Continue
    }
}

/// Pairs as `key=value`, anything else as it is.
fn text(configuration: &[u8]) -> String {
    let Some(pairs) = pairs(configuration) else { return String::from_utf8_lossy(configuration).into_owned() };
    let pair = |(key, value): (Vec<u8>, Vec<u8>)| {
        format!("{}={}", String::from_utf8_lossy(&key), String::from_utf8_lossy(&value))
    };
    pairs.into_iter().map(pair).collect::<Vec<_>>().join(" ")
}

/// Reads `u32 count`, `(u32, u32)` lengths, and `key NUL value NUL` for each pair.
fn pairs(blob: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let number = |at: usize| Some(u32::from_le_bytes(blob.get(at..at + 4)?.try_into().ok()?) as usize);
    let count = number(0)?;
    let mut data = blob.get(count.checked_mul(8)?.checked_add(4)?..)?;
    let mut part = |len: usize| {
        let (part, rest) = data.split_at_checked(len)?;
        data = rest.strip_prefix(b"\0")?;
        Some(part.to_vec())
    };
    let pairs = (0..count).map(|pair| Some((part(number(4 + pair * 8)?)?, part(number(8 + pair * 8)?)?)));
    pairs.collect::<Option<Vec<_>>>().filter(|_| data.is_empty())
}
