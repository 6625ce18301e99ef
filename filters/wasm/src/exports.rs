//! The callbacks of one vm, looked up once.

use wasmtime::{Instance, Result, Store, TypedFunc, WasmParams, WasmResults};

use crate::guest::Guest;
use crate::module::ALLOCATORS;

/// A headers callback: old guests take no end-of-stream flag, whatever their marker says.
#[derive(Clone)]
pub(crate) enum HeadersCallback {
    WithEnd(TypedFunc<(u32, u32, u32), u32>),
    WithoutEnd(TypedFunc<(u32, u32), u32>),
}

/// `proxy_on_done`: a few hand-written guests give no result.
#[derive(Clone)]
pub(crate) enum DoneCallback {
    Answers(TypedFunc<u32, u32>),
    Silent(TypedFunc<u32, ()>),
}

type Callback<P, R> = Option<TypedFunc<P, R>>;

/// Absent callbacks are `None`: they cost nothing.
pub(crate) struct Exports {
    pub(crate) get_id: Callback<(), ()>,
    pub(crate) on_context_create: Callback<(u32, u32), ()>,
    pub(crate) on_vm_start: Callback<(u32, u32), u32>,
    pub(crate) on_configure: Callback<(u32, u32), u32>,
    pub(crate) on_tick: Callback<u32, ()>,
    pub(crate) on_queue_ready: Callback<(u32, u32), ()>,
    pub(crate) on_headers: [Option<HeadersCallback>; 2],
    pub(crate) on_body: [Callback<(u32, u32, u32), u32>; 2],
    pub(crate) on_trailers: [Callback<(u32, u32), u32>; 2],
    pub(crate) on_http_call_response: Callback<(u32, u32, u32, u32, u32), ()>,
    pub(crate) on_done: Option<DoneCallback>,
    pub(crate) on_log: Callback<u32, ()>,
    pub(crate) on_delete: Callback<u32, ()>,
}

impl Exports {
    pub(crate) fn new(store: &mut Store<Guest>, instance: &Instance) -> Result<Self> {
        let memory = instance.get_memory(&mut *store, "memory");
        let allocator = ALLOCATORS.iter().find_map(|name| instance.get_typed_func(&mut *store, name).ok());
        let guest = store.data_mut();
        (guest.memory, guest.allocator) = (memory, allocator);
        let mut look = Look { store, instance };
        Ok(Self {
            get_id: look.up("proxy_get_id")?,
            on_context_create: look.up("proxy_on_context_create")?,
            on_vm_start: look.up("proxy_on_vm_start")?,
            on_configure: look.up("proxy_on_configure")?,
            on_tick: look.up("proxy_on_tick")?,
            on_queue_ready: look.up("proxy_on_queue_ready")?,
            on_headers: [look.headers("proxy_on_request_headers")?, look.headers("proxy_on_response_headers")?],
            on_body: [look.up("proxy_on_request_body")?, look.up("proxy_on_response_body")?],
            on_trailers: [look.up("proxy_on_request_trailers")?, look.up("proxy_on_response_trailers")?],
            on_http_call_response: look.up("proxy_on_http_call_response")?,
            on_done: look.done("proxy_on_done")?,
            on_log: look.up("proxy_on_log")?,
            on_delete: look.up("proxy_on_delete")?,
        })
    }
}

struct Look<'a> {
    store: &'a mut Store<Guest>,
    instance: &'a Instance,
}

impl Look<'_> {
    fn up<P: WasmParams, R: WasmResults>(&mut self, name: &str) -> Result<Callback<P, R>> {
        match self.instance.get_func(&mut *self.store, name) {
            Some(function) => Ok(Some(function.typed(&*self.store)?)),
            None => Ok(None),
        }
    }

    fn headers(&mut self, name: &str) -> Result<Option<HeadersCallback>> {
        match self.up(name) {
            Ok(callback) => Ok(callback.map(HeadersCallback::WithEnd)),
            Err(_) => Ok(self.up(name)?.map(HeadersCallback::WithoutEnd)),
        }
    }

    fn done(&mut self, name: &str) -> Result<Option<DoneCallback>> {
        match self.up(name) {
            Ok(callback) => Ok(callback.map(DoneCallback::Answers)),
            Err(_) => Ok(self.up(name)?.map(DoneCallback::Silent)),
        }
    }
}
