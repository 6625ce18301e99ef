//! The probes: what a supervisor may ask without a token, on an address of its own.

use std::sync::Arc;

use http::{Method, request};

use super::AdminError;
use super::Readiness;
use super::endpoints::{ready, stats, unknown_path, wrong_method};
use super::http1::{App, Body};
use super::response::AdminResponse;
use crate::telemetry::Metrics;

/// Answers `GET /ready`, `/live` and `/stats/prometheus`, and nothing else.
pub struct Probes {
    /// Whether the process serves.
    pub readiness: Readiness,
    /// The metrics of the process.
    pub metrics: Arc<Metrics>,
}

impl App for Probes {
    async fn answer(&self, head: &request::Parts, _body: Body<'_>) -> AdminResponse {
        let answer = match head.uri.path() {
            "/ready" | "/live" | "/stats/prometheus" if head.method != Method::GET => Err(wrong_method(&["GET"])),
            "/ready" => Ok(ready::state(&self.readiness)),
            "/live" => Ok(AdminResponse::text("LIVE\n")),
            "/stats/prometheus" => Ok(stats::exposition(&self.metrics)),
            path => Err(unknown_path(path)),
        };
        answer.unwrap_or_else(AdminError::into_response)
    }
}
