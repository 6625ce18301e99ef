//! What a cluster tells: counters of requests and connections.

use http::StatusCode;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::listener::Classes;
use super::metrics::{counters, gauges, register};

const CLUSTER: &str = "envoy_cluster_name";
const CLASS: &str = "envoy_response_code_class";

/// The metric families of all clusters.
pub(super) struct ClusterFamilies {
    requests: IntCounterVec,
    classes: IntCounterVec,
    retries: IntCounterVec,
    timeouts: IntCounterVec,
    connections: IntCounterVec,
    connections_active: IntGaugeVec,
    connect_failures: IntCounterVec,
}

impl ClusterFamilies {
    pub(super) fn new(registry: &Registry) -> Self {
        let labels = &[CLUSTER];
        let families = Self {
            requests: counters("envoy_cluster_upstream_rq_total", "Requests sent, retries included.", labels),
            classes: counters("envoy_cluster_upstream_rq_xx", "Responses, by status class.", &[CLUSTER, CLASS]),
            retries: counters("envoy_cluster_upstream_rq_retry", "Requests sent again.", labels),
            timeouts: counters("envoy_cluster_upstream_rq_timeout", "Requests not answered in time.", labels),
            connections: counters("envoy_cluster_upstream_cx_total", "Connections made.", labels),
            connections_active: gauges("envoy_cluster_upstream_cx_active", "Connections open.", labels),
            connect_failures: counters("envoy_cluster_upstream_cx_connect_fail", "Connections not made.", labels),
        };
        register(registry, &families.requests);
        register(registry, &families.classes);
        register(registry, &families.retries);
        register(registry, &families.timeouts);
        register(registry, &families.connections);
        register(registry, &families.connections_active);
        register(registry, &families.connect_failures);
        families
    }

    pub(super) fn of(&self, name: &str) -> ClusterTelemetry {
        let label = &[name];
        ClusterTelemetry {
            requests: self.requests.with_label_values(label),
            classes: Classes::new(&self.classes, name),
            retries: self.retries.with_label_values(label),
            timeouts: self.timeouts.with_label_values(label),
            connections: self.connections.with_label_values(label),
            connections_active: self.connections_active.with_label_values(label),
            connect_failures: self.connect_failures.with_label_values(label),
        }
    }
}

/// What one cluster tells. Cheap to call: every metric was looked up once.
pub struct ClusterTelemetry {
    requests: IntCounter,
    classes: Classes,
    retries: IntCounter,
    timeouts: IntCounter,
    connections: IntCounter,
    connections_active: IntGauge,
    connect_failures: IntCounter,
}

impl ClusterTelemetry {
    /// A request, or another attempt of one, is being sent.
    pub fn request_started(&self) {
        self.requests.inc();
    }

    /// A request is over; `status` is that of its response, or of the failure that took its place.
    pub fn request_ended(&self, status: Option<StatusCode>) {
        if let Some(status) = status {
            self.classes.count(status);
        }
    }

    /// The request is being sent again.
    pub fn retried(&self) {
        self.retries.inc();
    }

    /// The upstream did not answer in time.
    pub fn timed_out(&self) {
        self.timeouts.inc();
    }

    /// A connection was made.
    pub fn connection_opened(&self) {
        self.connections.inc();
        self.connections_active.inc();
    }

    /// A connection that was made is over.
    pub fn connection_closed(&self) {
        self.connections_active.dec();
    }

    /// A connection could not be made.
    pub fn connect_failed(&self) {
        self.connect_failures.inc();
    }
}
