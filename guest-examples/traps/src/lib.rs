//! Panics, which ends in the `unreachable` instruction. The request header `x-trap` names the callback to do it in:
//! `request_headers`, `request_body`, `response_headers`, `response_body` or `log`; the request header `x-hold` names one
//! of the first four to pause in, for good. With neither it panics in the request headers.

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, LogLevel};

proxy_wasm::main! {{
    // Also makes the SDK report panics as log lines.
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_http_context(|_, _| Box::new(Traps::default()));
}}

#[derive(Default)]
struct Traps {
    trap_in: Option<Vec<u8>>,
    hold_in: Option<Vec<u8>>,
}

impl Context for Traps {}

impl HttpContext for Traps {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        self.trap_in = self.get_http_request_header_bytes("x-trap");
        self.hold_in = self.get_http_request_header_bytes("x-hold");
        if self.trap_in.is_none() && self.hold_in.is_none() {
            self.trap_in = Some(b"request_headers".to_vec());
        }
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

    fn on_log(&mut self) {
        self.called("log");
    }
}

impl Traps {
    fn called(&self, callback: &str) -> Action {
        let asked = |what: &Option<Vec<u8>>| what.as_deref() == Some(callback.as_bytes());
        assert!(!asked(&self.trap_in), "panics in {callback}, as it was asked to");
        if asked(&self.hold_in) { Action::Pause } else { Action::Continue }
    }
}
