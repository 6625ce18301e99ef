//! `router`: sends the request to a cluster and returns its response. The last filter of a chain.

use std::sync::Arc;
use std::time::Duration;

use chain::{Exchange, Failure, Filter, Interrupt, Next, Request, Response, async_trait};
use http::{HeaderName, HeaderValue, request};

use super::Cluster;
use super::send::{Answer, Terms};

/// How long the endpoint took, in milliseconds (Envoy's header).
const SERVICE_TIME: HeaderName = HeaderName::from_static("x-envoy-upstream-service-time");

/// The `router` filter.
#[derive(Debug)]
pub struct Router {
    cluster: Arc<Cluster>,
    terms: Terms,
}

impl Router {
    /// Envoy's default for a route's `timeout`.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(15);

    /// A router that has [`Self::DEFAULT_TIMEOUT`], no limit for a single attempt, and one retry.
    #[must_use]
    pub fn new(cluster: Arc<Cluster>) -> Self {
        let terms = Terms { timeout: Some(Self::DEFAULT_TIMEOUT), per_try_timeout: None, retries: 1 };
        Self { cluster, terms }
    }

    /// Limits the time from the end of the request to the end of the response; zero is no limit.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.terms.timeout = Some(timeout).filter(|timeout| !timeout.is_zero());
        self
    }

    /// Limits the time from the end of the request to the response head, for each attempt; zero is no limit.
    #[must_use]
    pub fn per_try_timeout(mut self, timeout: Duration) -> Self {
        self.terms.per_try_timeout = Some(timeout).filter(|timeout| !timeout.is_zero());
        self
    }

    /// How often a request goes out again of which nothing was sent.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> Self {
        self.terms.retries = retries;
        self
    }
}

#[async_trait]
impl Filter for Router {
    async fn handle(&self, request: Request, _next: Next) -> Result<Response, Failure> {
        let Request { head, body, exchange } = request;
        exchange.record(|record| record.upstream_cluster = Some(Arc::clone(self.cluster.name())));
        let head = Parking { exchange: &exchange, head: Some(head) };
        let sent = async {
            match &head.head {
                Some(head) => self.cluster.send(head, body, &self.terms, Some(&exchange)).await,
                None => Err(Failure::NoFilterAnswered),
            }
        };
        tokio::select! {
            biased;
            interrupt = exchange.interrupted() => match interrupt {
                Interrupt::Reply(response) => Ok(*response),
                Interrupt::Reset(reason) => Err(Failure::Reset(reason)),
            },
            answer = sent => match answer {
                Ok(answer) => Ok(answered(answer, &exchange)),
                Err(failure @ (Failure::ClientGone | Failure::Reset(_))) => Err(failure),
                Err(failure) => Ok(failure.into_response(&exchange)),
            },
        }
    }
}

fn answered(answer: Answer, exchange: &Exchange) -> Response {
    let Answer { mut response, head_time } = answer;
    let millis = u64::try_from(head_time.as_millis()).unwrap_or(u64::MAX);
    response.head.headers.insert(SERVICE_TIME, HeaderValue::from(millis));
    exchange.record(|record| {
        record.upstream_time = Some(head_time);
        record.details = Some("via_upstream".into());
    });
    response
}

/// Leaves the request head in the exchange when the router is done with it, and also when it is cut off.
struct Parking<'a> {
    exchange: &'a Exchange,
    head: Option<request::Parts>,
}

impl Drop for Parking<'_> {
    fn drop(&mut self) {
        let head = self.head.take();
        self.exchange.park(|parked| parked.request = head);
    }
}
