//! `/stats`: the metrics.

use super::{Admin, AdminRequest, AdminResponse, Answer};
use crate::telemetry::Metrics;

/// Every metric as a line `name: value`.
pub(super) async fn list(admin: &Admin, _: &AdminRequest) -> Answer {
    Ok(AdminResponse::text(admin.metrics.stats()))
}

/// Every metric in Prometheus' text format.
pub(super) async fn prometheus(admin: &Admin, _: &AdminRequest) -> Answer {
    Ok(exposition(&admin.metrics))
}

pub(in crate::admin) fn exposition(metrics: &Metrics) -> AdminResponse {
    AdminResponse::of("text/plain; version=0.0.4; charset=utf-8", metrics.prometheus())
}
