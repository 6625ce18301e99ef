//! `direct_response`: answers every request with the same response. The last filter of a chain.

use bytes::Bytes;
use chain::{Body, Failure, Filter, Next, Request, Response, async_trait};
use http::{HeaderMap, StatusCode};

/// The `direct_response` filter. The request's body is left unread.
#[derive(Debug, Clone, Default)]
pub struct DirectResponse {
    /// Status of the response.
    pub status: StatusCode,
    /// Content of the response; to a HEAD request it is left out on the wire.
    pub body: Bytes,
    /// Header fields of the response.
    pub headers: HeaderMap,
}

#[async_trait]
impl Filter for DirectResponse {
    async fn handle(&self, request: Request, _next: Next) -> Result<Response, Failure> {
        let Request { head, exchange, .. } = request;
        exchange.park(|parked| parked.request = Some(head));
        exchange.record(|record| record.details = Some("direct_response".into()));
        let mut response = Response::new(self.status, Body::full(self.body.clone()));
        response.head.headers = self.headers.clone();
        Ok(response)
    }
}
