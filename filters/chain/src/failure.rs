//! Everything that can go wrong in an exchange, and its one table: status, flag, details, retry.

use std::borrow::Cow;
use std::fmt;

use http::StatusCode;

use crate::{Body, Exchange, Response};

/// Why an exchange, or an attempt of it, did not go as asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A ready reply, made on the response side: written as it is if nothing is committed.
    #[error("a local reply takes the place of the response")]
    Reply(Box<Response>),
    /// The stream is to be reset. The text is what the access log says.
    #[error("the stream was reset: {0}")]
    Reset(&'static str),
    /// The client closed the connection or reset the stream.
    #[error("the client is gone")]
    ClientGone,
    /// The request cannot be understood.
    #[error("{0}")]
    BadRequest(Cow<'static, str>),
    /// The request's header section is over a limit of the listener.
    #[error("{0}")]
    HeadersTooLarge(Cow<'static, str>),
    /// The header section did not arrive in time.
    #[error("the request's header section did not arrive in time")]
    HeaderTimeout,
    /// Nothing moved on the stream for the listener's `stream_idle`.
    #[error("nothing moved on the stream in time")]
    StreamIdle,
    /// The whole exchange took longer than the listener's `request` timeout.
    #[error("the exchange took longer than the listener allows")]
    RequestTimeout,
    /// The request names no function.
    #[error("the request has no `{header}` header that names a function")]
    FunctionIdMissing {
        /// The header that the lookup reads.
        header: String,
    },
    /// No function has the id, or the lookup does not allow it.
    #[error("no function has the id `{id}`")]
    FunctionNotFound {
        /// The id that was asked for.
        id: String,
    },
    /// The chain ran to its end.
    #[error("no filter of the chain answered the request")]
    NoFilterAnswered,
    /// No route matches.
    #[error("no route matches the request")]
    RouteNotFound,
    /// A cluster of this name does not exist.
    #[error("no cluster is named `{0}`")]
    UnknownCluster(String),
    /// A guest trapped and its policy is to fail closed.
    #[error("function `{function}` trapped in `{callback}`: {reason}")]
    GuestTrapped {
        /// Id of the function.
        function: String,
        /// ABI name of the callback.
        callback: &'static str,
        /// One of the contract's reasons: `unreachable`, `cpu`, `memory`, …
        reason: &'static str,
    },
    /// No vm came free in time, or too many exchanges wait.
    #[error("no instance of function `{0}` came free in time")]
    NoInstance(String),
    /// The function has no version that can run.
    #[error("function `{0}` has no ready version")]
    NotReady(String),
    /// A Layotto function paused and nothing is left that could resume it.
    #[error("function `{0}` paused and has no call outstanding that could resume it")]
    Paused(String),
    /// A request body had to be held and is over the limit.
    #[error("the request body is over the limit of {0} bytes")]
    RequestTooLarge(u64),
    /// A response body had to be held and is over the limit.
    #[error("the response body is over the limit of {0} bytes")]
    ResponseTooLarge(u64),
    /// No connection to the endpoint could be made.
    #[error("cannot connect to the upstream: {0}")]
    ConnectFailed(String),
    /// The cluster has no endpoint to offer.
    #[error("cluster `{0}` has no healthy endpoint")]
    NoHealthyEndpoint(String),
    /// A circuit limit of the cluster is reached.
    #[error("cluster `{0}` is at its limit")]
    Overflow(String),
    /// The upstream closed or reset before the response was whole.
    #[error("the upstream closed the connection: {0}")]
    UpstreamReset(String),
    /// A pooled connection was found closed before a byte of the request was taken.
    #[error("the upstream closed an idle connection")]
    StaleConnection,
    /// The upstream's answer is not HTTP.
    #[error("the upstream's response is malformed: {0}")]
    UpstreamMalformed(String),
    /// The upstream did not answer in time.
    #[error("the upstream did not answer in time")]
    UpstreamTimeout,
}

/// What a failure looks like from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Face {
    /// Status of the answer, if one can still be given.
    pub status: StatusCode,
    /// Envoy's response flag; empty for none.
    pub flag: &'static str,
    /// The access log's details.
    pub details: Cow<'static, str>,
    /// Whether nothing was sent, so that the request may go out again.
    pub retry: bool,
}

impl Failure {
    /// The one table of contract §3.
    #[must_use]
    pub fn face(&self) -> Face {
        match self {
            Self::Reply(response) => face(response.head.status.as_u16(), "", "local_reply"),
            Self::Reset(reason) => face(502, "LR", *reason),
            Self::ClientGone => face(499, "DC", "downstream_remote_disconnect"),
            Self::BadRequest(_) => face(400, "DPE", "http1.codec_error"),
            Self::HeadersTooLarge(_) => face(431, "DPE", "request_headers_too_large"),
            Self::HeaderTimeout => face(408, "SI", "request_header_timeout"),
            Self::StreamIdle => face(408, "SI", "stream_idle_timeout"),
            Self::RequestTimeout => face(408, "DT", "request_overall_timeout"),
            Self::FunctionIdMissing { .. } => face(400, "NF", "function_id_missing"),
            Self::FunctionNotFound { .. } => face(404, "NF", "function_not_found"),
            Self::NoFilterAnswered => face(404, "NR", "no_filter_answered"),
            Self::RouteNotFound => face(404, "NR", "route_not_found"),
            Self::UnknownCluster(_) => face(503, "NC", "cluster_not_found"),
            Self::GuestTrapped { function, callback, reason } => {
                face(503, "WF", format!("wasm_fail_stream:{function}:{callback}:{reason}"))
            }
            Self::NoInstance(_) => face(503, "WO", "wasm_no_instance"),
            Self::NotReady(_) => face(503, "WU", "wasm_not_ready"),
            Self::Paused(_) => face(500, "WP", "wasm_paused"),
            Self::RequestTooLarge(_) => face(413, "", "request_payload_too_large"),
            Self::ResponseTooLarge(_) => face(500, "", "response_payload_too_large"),
            Self::ConnectFailed(_) => Face { retry: true, ..face(503, "UF", "upstream_connect_failed") },
            Self::NoHealthyEndpoint(_) => face(503, "UH", "no_healthy_upstream"),
            Self::Overflow(_) => face(503, "UO", "upstream_overflow"),
            Self::UpstreamReset(_) => face(502, "UC", "upstream_reset_before_response_started"),
            Self::StaleConnection => Face { retry: true, ..face(502, "UC", "upstream_reset_before_response_started") },
            Self::UpstreamMalformed(_) => face(502, "UPE", "upstream_response_malformed"),
            Self::UpstreamTimeout => face(504, "UT", "upstream_response_timeout"),
        }
    }

    /// Turns a failure into the response that the client gets, and notes flag and details in the exchange's record.
    ///
    /// Bodies are `{"error":"…"}`; a trap answers with none. A gRPC request gets a trailers-only answer.
    #[must_use]
    pub fn into_response(self, exchange: &Exchange) -> Response {
        let face = self.face();
        if let Self::Reply(response) = self {
            return *response;
        }
        let response = match &self {
            _ if exchange.is_grpc() => grpc(face.status, &self),
            Self::GuestTrapped { .. } => Response::empty(face.status),
            _ => Response::error(face.status, &self.to_string()),
        };
        exchange.record(|record| {
            record.flag(face.flag);
            record.details = Some(face.details);
        });
        response
    }
}

fn face(status: u16, flag: &'static str, details: impl Into<Cow<'static, str>>) -> Face {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Face { status, flag, details: details.into(), retry: false }
}

/// A gRPC error as a trailers-only response (gRPC over HTTP/2, "Responses").
fn grpc(status: StatusCode, message: &dyn fmt::Display) -> Response {
    let mut response = Response::new(StatusCode::OK, Body::empty());
    let headers = &mut response.head.headers;
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", http::HeaderValue::from(grpc_status(status)));
    // The texts are ours: printable ASCII but for what a client put into an id, which is percent-encoded here.
    if let Ok(value) = http::HeaderValue::from_str(&grpc_message(message.to_string().as_bytes())) {
        headers.insert("grpc-message", value);
    }
    response
}

/// The gRPC status for an HTTP status (gRPC's "HTTP to gRPC Status Code Mapping").
#[must_use]
pub fn grpc_status(status: StatusCode) -> u16 {
    match status.as_u16() {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502..=504 => 14,
        _ => 2,
    }
}

/// The encoding of `grpc-message`: everything but printable ASCII, and `%` itself, as `%XX`.
#[must_use]
pub fn grpc_message(text: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text {
        match byte {
            b' '..=b'$' | b'&'..=b'~' => encoded.push(char::from(*byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
