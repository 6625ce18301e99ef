//! Replaces text in bodies. Each body is held until it is complete, and `content-length` goes, because the length
//! changes. Its configuration: `{"request": {"from": "a", "to": "b"}, "response": {"from": "c", "to": "d"}}`; either
//! may be left out.

use std::rc::Rc;

use configured::Filter;
use proxy_wasm::hostcalls::{get_buffer, set_buffer};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, BufferType};
use serde::Deserialize;

proxy_wasm::main! {{
    configured::serve::<BodyRewrite>();
}}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    request: Option<Replacement>,
    response: Option<Replacement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replacement {
    from: String,
    to: String,
}

struct BodyRewrite(Rc<Settings>);

impl Filter for BodyRewrite {
    type Settings = Settings;

    fn new(settings: Rc<Settings>) -> BodyRewrite {
        BodyRewrite(settings)
    }
}

impl Context for BodyRewrite {}

impl HttpContext for BodyRewrite {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        if self.0.request.is_some() {
            self.set_http_request_header("content-length", None);
        }
        if self.0.response.is_some() {
            // A compressed response has no text to replace.
            self.set_http_request_header("accept-encoding", None);
        }
        Action::Continue
    }

    fn on_http_request_body(&mut self, _: usize, end_of_stream: bool) -> Action {
        rewrite(&self.0.request, BufferType::HttpRequestBody, end_of_stream)
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        rewrite(&self.0.request, BufferType::HttpRequestBody, true)
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        if self.0.response.is_some() {
            self.set_http_response_header("content-length", None);
        }
        Action::Continue
    }

    fn on_http_response_body(&mut self, _: usize, end_of_stream: bool) -> Action {
        rewrite(&self.0.response, BufferType::HttpResponseBody, end_of_stream)
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        rewrite(&self.0.response, BufferType::HttpResponseBody, true)
    }
}

/// Holds the body until it is `complete`, then replaces the text in it. A body that is no text stays as it is.
fn rewrite(replacement: &Option<Replacement>, body: BufferType, complete: bool) -> Action {
    let Some(Replacement { from, to }) = replacement else { return Action::Continue };
    if !complete {
        return Action::Pause;
    }
    let bytes = get_buffer(body, 0, usize::MAX).ok().flatten().unwrap_or_default();
    if let Ok(text) = std::str::from_utf8(&bytes)
        && text.contains(from)
    {
        let _ = set_buffer(body, 0, bytes.len(), text.replace(from, to).as_bytes());
    }
    Action::Continue
}
