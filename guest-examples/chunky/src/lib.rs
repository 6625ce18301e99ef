//! Shows what reaches a filter, and in which pieces: one log line for each callback (`request_body 1024 end`), and the
//! lines of the request side together as the response header `x-seen`.

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, LogLevel};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_http_context(|_, _| Box::new(Chunky::default()));
}}

#[derive(Default)]
struct Chunky {
    seen: Vec<String>,
}

impl Context for Chunky {
    fn on_done(&mut self) -> bool {
        log::info!("done");
        true
    }
}

impl HttpContext for Chunky {
    fn on_http_request_headers(&mut self, num_headers: usize, end_of_stream: bool) -> Action {
        self.see("request_headers", num_headers, end_of_stream)
    }

    fn on_http_request_body(&mut self, body_size: usize, end_of_stream: bool) -> Action {
        self.see("request_body", body_size, end_of_stream)
    }

    fn on_http_request_trailers(&mut self, num_trailers: usize) -> Action {
        self.see("request_trailers", num_trailers, true)
    }

    fn on_http_response_headers(&mut self, num_headers: usize, end_of_stream: bool) -> Action {
        self.set_http_response_header("x-seen", Some(&self.seen.join(", ")));
        self.see("response_headers", num_headers, end_of_stream)
    }

    fn on_http_response_body(&mut self, body_size: usize, end_of_stream: bool) -> Action {
        self.see("response_body", body_size, end_of_stream)
    }

    fn on_http_response_trailers(&mut self, num_trailers: usize) -> Action {
        self.see("response_trailers", num_trailers, true)
    }

    fn on_log(&mut self) {
        log::info!("log");
    }
}

impl Chunky {
    fn see(&mut self, callback: &str, size: usize, end_of_stream: bool) -> Action {
        let line = format!("{callback} {size}{}", if end_of_stream { " end" } else { "" });
        log::info!("{line}");
        self.seen.push(line);
        Action::Continue
    }
}
