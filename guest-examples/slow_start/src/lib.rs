//! Takes about 200 ms of CPU to configure itself; requests pass untouched.

use std::hint::black_box;
use std::time::Duration;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root));
}}

struct Root;

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _: usize) -> bool {
        let begin = self.get_current_time();
        while self.get_current_time().duration_since(begin).unwrap_or_default() < Duration::from_millis(200) {
            (0..10_000).for_each(|turn| {
                black_box(turn);
            });
        }
        true
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Passes))
    }
}

struct Passes;

impl Context for Passes {}

impl HttpContext for Passes {}
