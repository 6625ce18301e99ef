//! Hands what the data plane observes to telemetry.

use chain::Exchange;
use http::StatusCode;

use crate::exchange;
use crate::telemetry::{ClusterTelemetry, ListenerTelemetry};
use crate::upstream;

/// Observes the connections and exchanges of a listener.
pub(super) struct ListenerObserver(pub(super) ListenerTelemetry);

impl exchange::Observer for ListenerObserver {
    fn connection_opened(&self) {
        self.0.connection_opened();
    }

    fn connection_closed(&self) {
        self.0.connection_closed();
    }

    fn exchange_started(&self) {
        self.0.exchange_started();
    }

    fn exchange_ended(&self, exchange: &Exchange) {
        self.0.exchange_ended(exchange);
    }
}

/// Observes the requests and connections of a cluster.
pub(super) struct ClusterObserver(pub(super) ClusterTelemetry);

impl upstream::Observer for ClusterObserver {
    fn request_started(&self) {
        self.0.request_started();
    }

    fn request_ended(&self, status: Option<StatusCode>) {
        self.0.request_ended(status);
    }

    fn retried(&self) {
        self.0.retried();
    }

    fn timed_out(&self) {
        self.0.timed_out();
    }

    fn connection_opened(&self) {
        self.0.connection_opened();
    }

    fn connection_closed(&self) {
        self.0.connection_closed();
    }

    fn connect_failed(&self) {
        self.0.connect_failed();
    }
}
