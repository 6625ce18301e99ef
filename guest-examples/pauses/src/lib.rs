//! A Layotto function that pauses. The input `call` starts a call that resumes it and answers with what the store
//! `state_demo` holds for `book1`; for any other input nothing is left that could ever resume it. With the request header
//! `x-pause` it pauses in the headers already.

use std::time::Duration;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

proxy_wasm::main! {{
    proxy_wasm::set_http_context(|_, _| Box::new(Pauses));
}}

#[unsafe(no_mangle)]
pub extern "C" fn proxy_get_id() {
    layotto::announce("pauses");
}

struct Pauses;

impl HttpContext for Pauses {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        if self.get_http_request_header("x-pause").is_some() { Action::Pause } else { Action::Continue }
    }

    fn on_http_request_body(&mut self, body_size: usize, _: bool) -> Action {
        if self.get_http_request_body(0, body_size).as_deref() == Some(b"call") {
            let headers = vec![(":method", "GET"), (":path", "/book1"), (":authority", "state_demo")];
            let _ = self.dispatch_http_call("state_demo", headers, None, vec![], Duration::from_secs(1));
        }
        Action::Pause
    }
}

impl Context for Pauses {
    fn on_http_call_response(&mut self, _: u32, _: usize, body_size: usize, _: usize) {
        let value = self.get_http_call_response_body(0, body_size).unwrap_or_default();
        self.set_http_response_body(0, value.len(), &value);
        self.resume_http_request();
    }
}
