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

#[cfg(test)]
mod tests {
    use super::super::tests::caller::{no_next, request};
    use super::*;

    #[tokio::test]
    async fn every_request_gets_the_same_response() {
        let mut headers = HeaderMap::new();
        headers.insert("x-a", "b".parse().unwrap());
        let filter = DirectResponse { status: StatusCode::ACCEPTED, body: "text".into(), headers };
        for target in ["GET /a", "POST /b", "HEAD /c"] {
            let request = request(target, Body::full("unread"));
            let exchange = std::sync::Arc::clone(&request.exchange);
            let response = filter.handle(request, no_next()).await.unwrap();
            assert_eq!(
                (response.head.status, &response.head.headers["x-a"]),
                (StatusCode::ACCEPTED, &"b".parse().unwrap())
            );
            assert_eq!(&*response.body.collect(9, || Failure::ResponseTooLarge(9)).await.unwrap(), b"text");
            assert_eq!(exchange.record(|record| record.details.clone()).as_deref(), Some("direct_response"));
            exchange.parked(|parked| assert!(parked.request.is_some()));
        }
    }
}
