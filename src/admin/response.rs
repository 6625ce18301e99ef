//! Answers of the admin server.

use bytes::Bytes;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use serde::Serialize;

/// What goes back to the operator.
#[derive(Debug)]
pub(super) struct AdminResponse {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    /// Header fields beside the content's type and length.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
}

impl AdminResponse {
    /// 200, `application/json`.
    pub(super) fn json(value: &impl Serialize) -> Self {
        let body = serde_json::to_vec(value).expect("answers have string keys and no failing serializer");
        Self::of("application/json", body)
    }

    /// 200, `text/plain`.
    pub(super) fn text(text: impl Into<Bytes>) -> Self {
        Self::of("text/plain; charset=utf-8", text)
    }

    /// 200 with any content.
    pub(super) fn of(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status: StatusCode::OK, content_type, headers: Vec::new(), body: body.into() }
    }

    /// 200, empty: how Layotto's endpoints say that it is done.
    pub(super) fn done() -> Self {
        Self::of("application/json", Bytes::new())
    }
}
