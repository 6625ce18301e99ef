//! Sets one header on the request and on the response. Its configuration: `{"name": "x-outrigger", "value": "1"}`.

use std::rc::Rc;

use configured::Filter;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use serde::Deserialize;

proxy_wasm::main! {{
    configured::serve::<AddHeader>();
}}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    name: String,
    value: String,
}

struct AddHeader(Rc<Header>);

impl Filter for AddHeader {
    type Settings = Header;

    fn new(settings: Rc<Header>) -> AddHeader {
        AddHeader(settings)
    }
}

impl Context for AddHeader {}

impl HttpContext for AddHeader {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        self.set_http_request_header(&self.0.name, Some(&self.0.value));
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _: usize, _: bool) -> Action {
        self.set_http_response_header(&self.0.name, Some(&self.0.value));
        Action::Continue
    }
}
