//! What stands in for everything outside: an upstream that answers 200, and clusters that do the same.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chain::{Body, Failure, Filter, Next, Request, Response, Upstream, async_trait};
use dispatch::{CallError, CallObserver, EndedCall, FunctionCall, Functions};
use function::Registry;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, StatusCode, request};
use parking_lot::Mutex;

/// What the stub says.
const BODY: &str = "hello from the stub upstream\n";

/// Most bytes of a request that the stub takes.
const MAX_BODY: usize = 16 << 20;

/// A request that the stub upstream received.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) head: request::Parts,
    pub(super) body: Bytes,
}

/// The end of the chain: keeps the request and answers 200.
#[derive(Default)]
pub(super) struct StubUpstream(Mutex<Option<Received>>);

impl StubUpstream {
    pub(super) fn take(&self) -> Option<Received> {
        self.0.lock().take()
    }
}

#[async_trait]
impl Filter for StubUpstream {
    async fn handle(&self, request: Request, _next: Next) -> Result<Response, Failure> {
        let Request { head, body, exchange } = request;
        let body = match body.collect(MAX_BODY, || Failure::RequestTooLarge(MAX_BODY as u64)).await {
            Ok(body) => body,
            Err(failure @ (Failure::Reset(_) | Failure::ClientGone)) => return Err(failure),
            Err(failure) => return Ok(failure.into_response(&exchange)),
        };
        exchange.park(|parked| parked.request = Some(head.clone()));
        *self.0.lock() = Some(Received { head, body });
        Ok(hello())
    }
}

fn hello() -> Response {
    let mut response = Response::new(StatusCode::OK, Body::full(BODY));
    response.head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response.head.headers.insert(CONTENT_LENGTH, HeaderValue::from(BODY.len()));
    response
}

/// The clusters: those of the configuration; without one, every name is a cluster.
pub(super) struct StubClusters(pub(super) Option<BTreeSet<String>>);

impl StubClusters {
    fn contains(&self, name: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.contains(name))
    }

    /// Whether a configuration names the cluster.
    pub(super) fn is_configured(&self, name: &str) -> bool {
        self.0.as_ref().is_some_and(|names| names.contains(name))
    }
}

#[async_trait]
impl Upstream for StubClusters {
    fn has_cluster(&self, name: &str) -> bool {
        self.contains(name)
    }

    async fn send(&self, _: &str, _: request::Parts, _: Body, _: Duration) -> Result<Response, Failure> {
        Ok(hello())
    }
}

/// The functions: those that are installed. Another id is an error that says so, unless it is a configured cluster's.
pub(super) struct TriedFunctions {
    pub(super) registry: Arc<Registry>,
    pub(super) clusters: Arc<StubClusters>,
}

#[async_trait]
impl Functions for TriedFunctions {
    fn contains(&self, id: &str) -> bool {
        self.registry.get(id).is_some() || !self.clusters.is_configured(id)
    }

    async fn call(&self, call: FunctionCall) -> Result<Bytes, CallError> {
        if self.registry.get(&call.id).is_none() {
            let reason = "no such function is here; name it under `functions` in a configuration given with `-c`";
            return Err(CallError::Function { id: call.id, reason: reason.to_owned() });
        }
        self.registry.call(call).await
    }
}

/// The host calls of the guests, in the order in which they began.
#[derive(Default)]
pub(super) struct Calls(Mutex<Vec<(Instant, EndedCall)>>);

impl Calls {
    pub(super) fn take(&self) -> Vec<EndedCall> {
        let mut calls = std::mem::take(&mut *self.0.lock());
        calls.sort_by_key(|(began, _)| *began);
        calls.into_iter().map(|(_, call)| call).collect()
    }
}

impl CallObserver for Calls {
    fn ended(&self, call: EndedCall) {
        let now = Instant::now();
        self.0.lock().push((now.checked_sub(call.took).unwrap_or(now), call));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_configuration_every_name_is_a_cluster() {
        let any = StubClusters(None);
        assert!(any.has_cluster("app") && !any.is_configured("app"));
        let configured = StubClusters(Some(["app".to_owned()].into()));
        assert!(configured.has_cluster("app") && configured.is_configured("app"));
        assert!(!configured.has_cluster("other"));
    }
}
