//! The seam through which lower crates reach clusters.

use std::time::Duration;

use async_trait::async_trait;
use http::request;

use crate::{Body, Failure, Response};

/// Sends requests to clusters. The proxy implements it; `dispatch` calls it for guests.
#[async_trait]
pub trait Upstream: Send + Sync + 'static {
    /// Whether a cluster has this name.
    fn has_cluster(&self, name: &str) -> bool;

    /// Sends one request to an endpoint of the cluster. `timeout` bounds the wait for the response head; the caller
    /// bounds the body.
    ///
    /// # Errors
    ///
    /// [`Failure::UnknownCluster`], or why no response head came.
    async fn send(
        &self,
        cluster: &str,
        head: request::Parts,
        body: Body,
        timeout: Duration,
    ) -> Result<Response, Failure>;
}
