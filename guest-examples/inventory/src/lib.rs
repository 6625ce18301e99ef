//! Answers from a store with nothing but the standard HTTP call: `/?name=book1` becomes `GET /book1` to `state_demo`, the
//! request waits, and the callback answers it.

use std::borrow::Cow;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

proxy_wasm::main! {{
    proxy_wasm::set_http_context(|_, _| Box::new(Inventory::default()));
}}

const STORE: &str = "state_demo";

#[derive(Default)]
struct Inventory {
    book: String,
}

impl HttpContext for Inventory {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let path = self.get_http_request_header_bytes(":path").unwrap_or_default();
        let Some(book) = book(&path) else {
            self.answer(400, "Which book? Send its name: ?name=book1");
            return Action::Pause;
        };
        let path = format!("/{}", utf8_percent_encode(&book, NON_ALPHANUMERIC));
        let headers = vec![(":method", "GET"), (":path", &path), (":authority", STORE)];
        self.book = book.into_owned();
        if let Err(status) = self.dispatch_http_call(STORE, headers, None, vec![], Duration::from_secs(1)) {
            self.answer(502, &format!("The inventories are out of reach: {STORE} cannot be called ({status:?})."));
        }
        Action::Pause
    }
}

impl Context for Inventory {
    fn on_http_call_response(&mut self, _: u32, _: usize, body_size: usize, _: usize) {
        let status = self.get_http_call_response_header_bytes(":status").unwrap_or_default();
        let body = self.get_http_call_response_body(0, body_size).unwrap_or_default();
        let (book, number) = (&self.book, String::from_utf8_lossy(&body));
        match &status[..] {
            b"200" => self.answer(200, &format!("There are {number} inventories for {book}.")),
            b"404" => self.answer(404, &format!("There are no inventories for {book}.")),
            _ => self
                .answer(502, &format!("The inventories are out of reach: {STORE} answered {}.", status.escape_ascii())),
        }
    }
}

impl Inventory {
    fn answer(&self, status: u32, sentence: &str) {
        self.send_http_response(status, vec![("content-type", "text/plain; charset=utf-8")], Some(sentence.as_bytes()));
    }
}

/// The value of `name` in the query of `path`.
fn book(path: &[u8]) -> Option<Cow<'_, str>> {
    let query = path.splitn(2, |byte| *byte == b'?').nth(1)?;
    let (_, book) = form_urlencoded::parse(query).find(|(key, value)| key == "name" && !value.is_empty())?;
    Some(book)
}
