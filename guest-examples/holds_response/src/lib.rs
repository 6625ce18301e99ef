//! Holds a response until an HTTP call has judged it: collects the whole body, calls `POST /` on a cluster with it, and
//! puts `[ANSWER] ` in front of it when the answer comes. `content-length` goes before, while the headers are still at
//! hand. Its configuration: `{"cluster": "side"}`.

use std::rc::Rc;
use std::time::Duration;

use configured::Filter;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use serde::Deserialize;

proxy_wasm::main! {{
    configured::serve::<HoldsResponse>();
}}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    cluster: String,
}

struct HoldsResponse {
    settings: Rc<Settings>,
    body: Vec<u8>,
}

impl Filter for HoldsResponse {
    type Settings = Settings;

    fn new(settings: Rc<Settings>) -> HoldsResponse {
        HoldsResponse { settings, body: Vec::new() }
    }
}

impl HttpContext for HoldsResponse {
    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        self.set_http_response_header("content-length", None);
        Action::Continue
    }

    fn on_http_response_body(&mut self, _: usize, end_of_stream: bool) -> Action {
        if end_of_stream { self.ask() } else { Action::Pause }
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        self.ask()
    }
}

impl HoldsResponse {
    fn ask(&mut self) -> Action {
        self.body = self.get_http_response_body(0, usize::MAX).unwrap_or_default();
        let cluster = &self.settings.cluster;
        let headers = vec![(":method", "POST"), (":path", "/"), (":authority", cluster)];
        match self.dispatch_http_call(cluster, headers, Some(&self.body), vec![], Duration::from_secs(5)) {
            Ok(_) => Action::Pause,
            Err(status) => {
                log::error!("{cluster} cannot be called: {status:?}");
                Action::Continue
            }
        }
    }
}

impl Context for HoldsResponse {
    fn on_http_call_response(&mut self, _: u32, _: usize, body_size: usize, _: usize) {
        let answer = self.get_http_call_response_body(0, body_size).unwrap_or_default();
        let judged = [b"[", &answer[..], b"] ", &self.body].concat();
        self.set_http_response_body(0, self.body.len(), &judged);
        self.resume_http_response();
    }
}
