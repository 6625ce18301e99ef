//! Requests and responses as filters see them.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{StatusCode, request, response};

use crate::{Body, Exchange, Failure};

/// A request on its way through the chain.
#[derive(Debug)]
pub struct Request {
    /// Method, target and header fields. `host` is folded into the URI's authority by the listener.
    pub head: request::Parts,
    /// The content, and trailers where there are any.
    pub body: Body,
    /// What request, response and callouts share.
    pub exchange: Arc<Exchange>,
}

impl Request {
    /// Answers with a failure; the head is parked for the access log.
    #[must_use]
    pub fn refuse(self, failure: Failure) -> Response {
        let Self { head, exchange, .. } = self;
        exchange.park(|parked| parked.request = Some(head));
        failure.into_response(&exchange)
    }
}

/// A response on its way back through the chain.
#[derive(Debug)]
pub struct Response {
    /// Status and header fields.
    pub head: response::Parts,
    /// The content, and trailers where there are any.
    pub body: Body,
}

impl Response {
    /// A response with a status and nothing else.
    #[must_use]
    pub fn empty(status: StatusCode) -> Self {
        Self::new(status, Body::empty())
    }

    /// A response with a status and a body, and no header fields.
    #[must_use]
    pub fn new(status: StatusCode, body: Body) -> Self {
        let (mut head, ()) = http::Response::new(()).into_parts();
        head.status = status;
        Self { head, body }
    }

    /// Outrigger's own answer: `{"error":"…"}` as `application/json`.
    #[must_use]
    pub fn error(status: StatusCode, reason: &str) -> Self {
        let body = serde_json::json!({ "error": reason }).to_string();
        let mut response = Self::new(status, Body::full(Bytes::from(body)));
        response.head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}
