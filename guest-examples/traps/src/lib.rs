//! Panics, which ends in the `unreachable` instruction. The request header `x-trap` names the callback to do it in:
//! `request_headers` (also without the header), `request_body`, `response_headers` or `response_body`.

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, LogLevel};

proxy_wasm::main! {{
    // Also makes the SDK report panics as log lines.
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_http_context(|_, _| Box::new(Traps { trap_in: Vec::new() }));
}}

struct Traps {
    trap_in: Vec<u8>,
}

impl Context for Traps {}

impl HttpContext for Traps {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        self.trap_in = self.get_http_request_header_bytes("x-trap").unwrap_or_else(|| b"request_headers".to_vec());
        self.called("request_headers")
    }

    fn on_http_request_body(&mut self, _: usize, _: bool) -> Action {
        self.called("request_body")
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        self.called("response_headers")
    }

    fn on_http_response_body(&mut self, _: usize, _: bool) -> Action {
        self.called("response_body")
    }
}

impl Traps {
    fn called(&self, callback: &str) -> Action {
        assert!(self.trap_in != callback.as_bytes(), "panics in {callback}, as it was asked to");
        Action::Continue
    }
}
