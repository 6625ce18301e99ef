//! What guests of these tests reach: the cluster `broken`, whose responses break off, and functions that wait.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use chain::{Body, Failure, Frame, Response, Source, async_trait};
use dispatch::{CallError, Dispatcher, FunctionCall, Functions, Metrics, Names, Policy, Scope, Targets};
use http::{StatusCode, request};

use super::Gates;

/// The scope of an exchange.
pub(super) fn reach(gates: &Gates) -> Arc<Scope> {
    let policy = Policy {
        clusters: Names::All,
        functions: Names::All,
        function_timeout: Duration::from_secs(60),
        ..Policy::default()
    };
    let metrics = Metrics::new(&prometheus::Registry::new()).expect("an empty registry");
    let targets = Targets::new([], Arc::new(Broken), Arc::new(Waiting(gates.clone())));
    let dispatcher = Dispatcher::new(policy, Arc::new(targets), Arc::new(metrics)).expect("a policy");
    Arc::new(dispatcher).open()
}

struct Broken;

#[async_trait]
impl chain::Upstream for Broken {
    fn has_cluster(&self, name: &str) -> bool {
        name == "broken"
    }

    async fn send(&self, _: &str, _: request::Parts, _: Body, _: Duration) -> Result<Response, Failure> {
        Ok(Response::new(StatusCode::OK, Body::source(BreaksOff)))
    }
}

struct BreaksOff;

impl Source for BreaksOff {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Failure>> {
        Some(Err(Failure::UpstreamReset("it broke off".into())))
    }
}

/// `gate0` and `gate1` answer when the test opens them, `nap` after 8 ms.
struct Waiting(Gates);

#[async_trait]
impl Functions for Waiting {
    fn contains(&self, id: &str) -> bool {
        ["gate0", "gate1", "nap"].contains(&id)
    }

    async fn call(&self, call: FunctionCall) -> Result<Bytes, CallError> {
        let gate = match call.id.as_str() {
            "gate0" => Some(&self.0[0]),
            "gate1" => Some(&self.0[1]),
            _ => None,
        };
        match gate {
            Some(gate) => gate.acquire().await.expect("it is never closed").forget(),
            None => tokio::time::sleep(Duration::from_millis(8)).await,
        }
        Ok(Bytes::from_static(b"waited"))
    }
}
