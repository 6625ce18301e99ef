//! Takes as many milliseconds of CPU as the request header `x-take` says, and tells the upstream so by `x-took`. Shows what
//! becomes of a function that is slow and still within its limit.

use std::hint::black_box;
use std::time::Duration;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

proxy_wasm::main! {{
    proxy_wasm::set_http_context(|_, _| Box::new(TakesTime));
}}

struct TakesTime;

impl Context for TakesTime {}

impl HttpContext for TakesTime {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let asked = self.get_http_request_header("x-take").and_then(|millis| millis.parse().ok()).unwrap_or(0);
        self.take(Duration::from_millis(asked));
        self.set_http_request_header("x-took", Some(&asked.to_string()));
        Action::Continue
    }
}

impl TakesTime {
    fn take(&self, time: Duration) {
        let begin = self.get_current_time();
        while self.get_current_time().duration_since(begin).unwrap_or_default() < time {
            (0..1_000).for_each(|turn| {
                black_box(turn);
            });
        }
    }
}
