//! What a listener tells: counters of connections and exchanges, and a line for each exchange.

use chain::Exchange;
use http::StatusCode;
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry};

use super::access_log::AccessLog;
use super::metrics::{counters, gauges, register};

/// The label that Envoy gives the metrics of its HTTP listeners.
const LISTENER: &str = "envoy_http_conn_manager_prefix";
/// The label of a status class: `2` for 2xx.
const CLASS: &str = "envoy_response_code_class";
/// Envoy's buckets for times, in milliseconds.
const MILLISECONDS: &[f64] =
    &[0.5, 1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3, 2.5e3, 5e3, 1e4, 3e4, 6e4, 3e5, 6e5, 1.8e6, 3.6e6];

/// The metric families of all listeners.
pub(super) struct ListenerFamilies {
    requests: IntCounterVec,
    classes: IntCounterVec,
    active: IntGaugeVec,
    time: HistogramVec,
    connections: IntCounterVec,
    connections_active: IntGaugeVec,
}

impl ListenerFamilies {
    pub(super) fn new(registry: &Registry) -> Self {
        let labels = &[LISTENER];
        let opts = HistogramOpts::new("envoy_http_downstream_rq_time", "Time of an exchange, in milliseconds.")
            .buckets(MILLISECONDS.to_vec());
        let families = Self {
            requests: counters("envoy_http_downstream_rq_total", "Exchanges begun.", labels),
            classes: counters("envoy_http_downstream_rq_xx", "Responses, by status class.", &[LISTENER, CLASS]),
            active: gauges("envoy_http_downstream_rq_active", "Exchanges going on.", labels),
            time: HistogramVec::new(opts, labels).expect("the name, the label and the buckets are well-formed"),
            connections: counters("envoy_http_downstream_cx_total", "Connections accepted.", labels),
            connections_active: gauges("envoy_http_downstream_cx_active", "Connections open.", labels),
        };
        register(registry, &families.requests);
        register(registry, &families.classes);
        register(registry, &families.active);
        register(registry, &families.time);
        register(registry, &families.connections);
        register(registry, &families.connections_active);
        families
    }

    pub(super) fn of(&self, name: &str, access_log: AccessLog) -> ListenerTelemetry {
        let label = &[name];
        ListenerTelemetry {
            requests: self.requests.with_label_values(label),
            classes: Classes::new(&self.classes, name),
            active: self.active.with_label_values(label),
            time: self.time.with_label_values(label),
            connections: self.connections.with_label_values(label),
            connections_active: self.connections_active.with_label_values(label),
            access_log,
        }
    }
}

/// What one listener tells. Cheap to call: every metric was looked up once.
pub struct ListenerTelemetry {
    requests: IntCounter,
    classes: Classes,
    active: IntGauge,
    time: Histogram,
    connections: IntCounter,
    connections_active: IntGauge,
    access_log: AccessLog,
}

impl ListenerTelemetry {
    /// A connection was accepted.
    pub fn connection_opened(&self) {
        self.connections.inc();
        self.connections_active.inc();
    }

    /// A connection that was accepted is over.
    pub fn connection_closed(&self) {
        self.connections_active.dec();
    }

    /// An exchange began.
    pub fn exchange_started(&self) {
        self.requests.inc();
        self.active.inc();
    }

    /// An exchange that began is over, however it ended. Its heads are parked and its record is complete.
    pub fn exchange_ended(&self, exchange: &Exchange) {
        self.active.dec();
        self.time.observe(exchange.started().elapsed().as_secs_f64() * 1e3);
        if let Some(status) = exchange.parked(|parked| parked.response.as_ref().map(|head| head.status)) {
            self.classes.count(status);
        }
        self.access_log.write(exchange);
    }
}

/// A counter for each of 1xx to 5xx.
pub(super) struct Classes([IntCounter; 5]);

impl Classes {
    /// `family` has two labels: the name, and the class.
    pub(super) fn new(family: &IntCounterVec, name: &str) -> Self {
        Self(["1", "2", "3", "4", "5"].map(|class| family.with_label_values(&[name, class])))
    }

    /// Counts a response. Statuses outside 100 to 599 have no class.
    pub(super) fn count(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100);
        if let Some(counter) = class.checked_sub(1).and_then(|at| self.0.get(at)) {
            counter.inc();
        }
    }
}
