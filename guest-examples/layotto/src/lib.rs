//! What a Layotto function needs beside the Proxy-Wasm SDK: its shape, and the host calls that the SDK does not wrap.
//!
//! Such a function is a service of its own. It reads its input in the request-body callback (the query string, if the
//! request has no body) and writes its answer into the *response* body, still in that callback. The host calls return
//! their answer at once; the host suspends the guest meanwhile.

use std::fmt;
use std::marker::PhantomData;
use std::ptr::null_mut;

use proxy_wasm::hostcalls::set_buffer;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, BufferType};

/// A function: input in, answer out.
pub trait Function: 'static {
    /// Called once for each request that has an input. An error is answered with 503 and its text: a function that called
    /// this one sees that it failed.
    fn call(input: Vec<u8>) -> Result<Vec<u8>, String>;
}

/// Makes `F` what this module does. For the block of `proxy_wasm::main!`.
pub fn serve<F: Function>() {
    proxy_wasm::set_http_context(|_, _| Box::new(Exchange::<F> { input: Vec::new(), function: PhantomData }));
}

/// Tells the host which id this module serves. For the exported `proxy_get_id`, which the host calls once after start.
pub fn announce(id: &str) {
    let _ = set_buffer(BufferType::CallData, 0, id.len(), id.as_bytes());
}

struct Exchange<F> {
    input: Vec<u8>,
    function: PhantomData<F>,
}

impl<F> Context for Exchange<F> {}

impl<F: Function> HttpContext for Exchange<F> {
    fn on_http_request_body(&mut self, body_size: usize, end_of_stream: bool) -> Action {
        // Collected here and not paused for: a function that only waits for its body has nothing that could resume it.
        self.input.extend(self.get_http_request_body(0, body_size).unwrap_or_default());
        if end_of_stream { self.answer() } else { Action::Continue }
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        self.answer()
    }
}

impl<F: Function> Exchange<F> {
    fn answer(&mut self) -> Action {
        match F::call(std::mem::take(&mut self.input)) {
            Ok(answer) => {
                self.set_http_response_body(0, answer.len(), &answer);
                Action::Continue
            }
            Err(reason) => {
                self.send_http_response(
                    503,
                    vec![("content-type", "text/plain; charset=utf-8")],
                    Some(reason.as_bytes()),
                );
                Action::Pause
            }
        }
    }
}

mod env {
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        pub(crate) fn proxy_get_state(
            store: *const u8,
            store_len: usize,
            key: *const u8,
            key_len: usize,
            value: *mut *mut u8,
            value_len: *mut usize,
        ) -> u32;

        pub(crate) fn proxy_invoke_service(
            id: *const u8,
            id_len: usize,
            method: *const u8,
            method_len: usize,
            param: *const u8,
            param_len: usize,
            result: *mut *mut u8,
            result_len: *mut usize,
        ) -> u32;
    }
}

/// The status of a host call that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failed(pub u32);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("not found"),
            2 => f.write_str("bad argument"),
            10 => f.write_str("the host could not do it (status 10)"),
            status => write!(f, "status {status}"),
        }
    }
}

/// Reads `key` from `store`. A key that is missing has an empty value.
pub fn get_state(store: &str, key: &[u8]) -> Result<Vec<u8>, Failed> {
    let (mut value, mut len) = (null_mut(), 0);
    // SAFETY: every pointer is valid for its length while the call runs, and the two out words are ours.
    let status =
        unsafe { env::proxy_get_state(store.as_ptr(), store.len(), key.as_ptr(), key.len(), &mut value, &mut len) };
    // SAFETY: the host allocated what it returned with this module's allocator, or returned a null pointer.
    unsafe { take(status, value, len) }
}

/// Calls the function or service `id` and waits for its answer. `method` may be empty.
pub fn invoke(id: &str, method: &str, param: &[u8]) -> Result<Vec<u8>, Failed> {
    let (mut result, mut len) = (null_mut(), 0);
    // SAFETY: as in `get_state`.
    let status = unsafe {
        env::proxy_invoke_service(
            id.as_ptr(),
            id.len(),
            method.as_ptr(),
            method.len(),
            param.as_ptr(),
            param.len(),
            &mut result,
            &mut len,
        )
    };
    // SAFETY: as in `get_state`.
    unsafe { take(status, result, len) }
}

/// # Safety
/// `data` is null, or `len` bytes that this module's exported allocator gave out and nobody owns yet.
unsafe fn take(status: u32, data: *mut u8, len: usize) -> Result<Vec<u8>, Failed> {
    if status != 0 {
        return Err(Failed(status));
    }
    if data.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: the SDK's allocator makes a boxed slice of exactly `len` bytes.
    Ok(unsafe { Vec::from_raw_parts(data, len, len) })
}
