//! HTTP calls to clusters.

use std::future::Future;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chain::{Body, Failure, Frame, Response, Source, Upstream};
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, StatusCode, request, response};
use tokio::time::timeout;

use crate::metrics::Outcome;

/// One HTTP call of a guest.
pub struct HttpCall {
    /// Name of the store or cluster.
    pub target: String,
    /// Method, target and header fields.
    pub head: request::Parts,
    /// The content.
    pub body: Bytes,
    /// Trailers; sent if there are any.
    pub trailers: HeaderMap,
    /// Time for the whole call, at most the policy's `max_call_time`; zero means just that.
    pub timeout: Duration,
}

/// What a guest gets for an HTTP call.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every answer is the large one")]
pub enum HttpAnswer {
    /// A response: the callee's, or one made here (504 when none came in time, 503 when none could be had).
    Response {
        /// Status and header fields.
        head: response::Parts,
        /// The whole content.
        body: Bytes,
        /// Trailers.
        trailers: HeaderMap,
    },
    /// The response broke off after its head, or was larger than 1 MiB.
    Failed,
}

/// The largest response body of a cluster that a guest is given: Envoy's limit for buffered responses.
const MAX_RESPONSE: usize = 1 << 20;

/// Sends one request to a cluster and gathers the whole response.
pub(crate) async fn send(
    upstream: &dyn Upstream,
    cluster: &str,
    mut head: request::Parts,
    body: Bytes,
    trailers: Option<HeaderMap>,
    limit: Duration,
) -> (HttpAnswer, Outcome) {
    strip_hop_by_hop(&mut head.headers);
    frame(&mut head.headers, &body, trailers.is_some());
    let body = match trailers {
        Some(trailers) => Body::source(WithTrailers { body: Some(body), trailers: Some(trailers) }),
        None => Body::full(body),
    };
    let answer = async { gather(upstream.send(cluster, head, body, limit).await?).await };
    match timeout(limit, answer).await {
        Ok(Ok(answered)) => answered,
        Ok(Err(failure)) => made_here(failure),
        Err(_) => made_here(Failure::UpstreamTimeout),
    }
}

/// The whole response. `Err` is a failure before the head.
async fn gather(response: Response) -> Result<(HttpAnswer, Outcome), Failure> {
    let Response { mut head, mut body } = response;
    let (mut whole, mut trailers) = (BytesMut::new(), HeaderMap::new());
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Ok((HttpAnswer::Failed, Outcome::Error)) };
        match frame.into_data() {
            Ok(data) if whole.len() + data.len() > MAX_RESPONSE => return Ok((HttpAnswer::Failed, Outcome::Error)),
            Ok(data) => whole.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().unwrap_or_default(),
        }
    }
    strip_hop_by_hop(&mut head.headers);
    Ok((HttpAnswer::Response { head, body: whole.freeze(), trailers }, Outcome::Ok))
}

/// The response for a call that got none.
fn made_here(failure: Failure) -> (HttpAnswer, Outcome) {
    let (status, outcome) = match &failure {
        Failure::UpstreamTimeout => (StatusCode::GATEWAY_TIMEOUT, Outcome::Timeout),
        Failure::ConnectFailed(_) | Failure::NoHealthyEndpoint(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, Outcome::Refused)
        }
        Failure::Overflow(_) => (StatusCode::SERVICE_UNAVAILABLE, Outcome::Breaker),
        _ => (StatusCode::SERVICE_UNAVAILABLE, Outcome::Error),
    };
    let body = Bytes::from(failure.to_string());
    let mut head = http::Response::new(()).into_parts().0;
    head.status = status;
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    (HttpAnswer::Response { head, body, trailers: HeaderMap::new() }, outcome)
}

/// Removes what is meant for one connection alone (RFC 9110 §7.6.1).
fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    let always = [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
    let older = ["keep-alive", "proxy-connection"].map(HeaderName::from_static);
    for name in named.into_iter().chain(always).chain(older) {
        headers.remove(name);
    }
}

/// Makes `content-length` agree with the content: what a guest wrote there is not believed. With trailers the length is
/// left to the connection's own framing.
fn frame(headers: &mut HeaderMap, body: &Bytes, trailers: bool) {
    headers.remove(CONTENT_LENGTH);
    if !body.is_empty() && !trailers {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
}

/// A body in one piece, then trailers.
struct WithTrailers {
    body: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl Source for WithTrailers {
    fn next(&mut self) -> impl Future<Output = Option<Result<Frame<Bytes>, Failure>>> + Send {
        let body = self.body.take().filter(|body| !body.is_empty());
        let frame = body.map(Frame::data).or_else(|| self.trailers.take().map(Frame::trailers));
        std::future::ready(frame.map(Ok))
    }

    fn is_end(&self) -> bool {
        self.trailers.is_none()
    }
}
