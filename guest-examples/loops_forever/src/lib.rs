//! Never returns from the request headers: the host has to stop it at its CPU limit.

use std::hint::black_box;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

proxy_wasm::main! {{
    proxy_wasm::set_http_context(|_, _| Box::new(Loops));
}}

struct Loops;

impl Context for Loops {}

impl HttpContext for Loops {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let mut turns = 0_u64;
        loop {
            turns = black_box(turns.wrapping_add(1));
        }
    }
}
