//! Waits for an HTTP call in every phase of an exchange: pauses, calls `GET /PHASE` on a cluster, resumes in the
//! callback. A body waits once, when it is complete. Its configuration: `{"cluster": "side", "phases":
//! ["request_headers", "request_body", "response_headers", "response_body"]}`; without `phases` it is all four.
//!
//! What waited in a headers phase carries the header `x-waited: PHASE` on that side; every resume is logged.

use std::rc::Rc;
use std::time::Duration;

use configured::Filter;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use serde::Deserialize;

proxy_wasm::main! {{
    configured::serve::<WaitsEverywhere>();
}}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    cluster: String,
    #[serde(default = "everywhere")]
    phases: Vec<Phase>,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Phase {
    RequestHeaders,
    RequestBody,
    ResponseHeaders,
    ResponseBody,
}

fn everywhere() -> Vec<Phase> {
    vec![Phase::RequestHeaders, Phase::RequestBody, Phase::ResponseHeaders, Phase::ResponseBody]
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Phase::RequestHeaders => "request_headers",
            Phase::RequestBody => "request_body",
            Phase::ResponseHeaders => "response_headers",
            Phase::ResponseBody => "response_body",
        }
    }
}

struct WaitsEverywhere {
    settings: Rc<Settings>,
    /// The call of each phase that has begun to wait.
    waits: Vec<(u32, Phase)>,
}

impl Filter for WaitsEverywhere {
    type Settings = Settings;

    fn new(settings: Rc<Settings>) -> WaitsEverywhere {
        WaitsEverywhere { settings, waits: Vec::new() }
    }
}

impl HttpContext for WaitsEverywhere {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        self.wait(Phase::RequestHeaders, true)
    }

    fn on_http_request_body(&mut self, _: usize, end_of_stream: bool) -> Action {
        self.wait(Phase::RequestBody, end_of_stream)
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        self.wait(Phase::RequestBody, true)
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        self.wait(Phase::ResponseHeaders, true)
    }

    fn on_http_response_body(&mut self, _: usize, end_of_stream: bool) -> Action {
        self.wait(Phase::ResponseBody, end_of_stream)
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        self.wait(Phase::ResponseBody, true)
    }
}

impl Context for WaitsEverywhere {
    fn on_http_call_response(&mut self, token: u32, _: usize, _: usize, _: usize) {
        let Some(&(_, phase)) = self.waits.iter().find(|(call, _)| *call == token) else { return };
        log::info!("{} resumes", phase.name());
        match phase {
            Phase::RequestHeaders => self.add_http_request_header("x-waited", phase.name()),
            Phase::ResponseHeaders => self.add_http_response_header("x-waited", phase.name()),
            Phase::RequestBody | Phase::ResponseBody => {}
        }
        match phase {
            Phase::RequestHeaders | Phase::RequestBody => self.resume_http_request(),
            Phase::ResponseHeaders | Phase::ResponseBody => self.resume_http_response(),
        }
    }
}

impl WaitsEverywhere {
    fn wait(&mut self, phase: Phase, complete: bool) -> Action {
        if !self.settings.phases.contains(&phase) || self.waits.iter().any(|(_, begun)| *begun == phase) {
            return Action::Continue;
        }
        if !complete {
            return Action::Pause;
        }
        let (cluster, path) = (&self.settings.cluster, format!("/{}", phase.name()));
        let headers = vec![(":method", "GET"), (":path", &path), (":authority", cluster)];
        match self.dispatch_http_call(cluster, headers, None, vec![], Duration::from_secs(5)) {
            Ok(token) => self.waits.push((token, phase)),
            Err(status) => {
                let problem = format!("{}: {cluster} cannot be called: {status:?}", phase.name());
                self.send_http_response(500, vec![], Some(problem.as_bytes()));
            }
        }
        Action::Pause
    }
}
