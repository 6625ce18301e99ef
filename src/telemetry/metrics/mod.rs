//! The registry of metrics, and those that belong to the process as a whole.
//!
//! Names follow contract §6. Labels hold configured names and constants, never what a client sent.

use prometheus::core::Collector;
use prometheus::{Encoder, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

use super::access_log::AccessLog;
use super::cluster::{ClusterFamilies, ClusterTelemetry};
use super::listener::{ListenerFamilies, ListenerTelemetry};
use super::process::ProcessCollector;
use super::stats;

/// The metrics of one process.
pub struct Metrics {
    registry: Registry,
    listeners: ListenerFamilies,
    clusters: ClusterFamilies,
    generation: IntGauge,
    reloads: IntCounterVec,
    access_log_dropped: IntCounter,
}

impl Metrics {
    /// A registry of its own. `version` is the program's, for `outrigger_build_info`.
    #[must_use]
    pub fn new(version: &str) -> Self {
        let registry = Registry::new();
        let generation = gauge("outrigger_config_generation", "Generation of the configuration in force.");
        let reloads = counters("outrigger_config_reloads_total", "Configurations read, by result.", &["result"]);
        let dropped = counter("outrigger_access_log_dropped_total", "Access-log lines that could not be written.");
        let build = gauges("outrigger_build_info", "Always 1; the label says which build.", &["version"]);
        build.with_label_values(&[version]).set(1);
        register(&registry, &generation);
        register(&registry, &reloads);
        register(&registry, &dropped);
        register(&registry, &build);
        register(&registry, &ProcessCollector::new());
        let listeners = ListenerFamilies::new(&registry);
        let clusters = ClusterFamilies::new(&registry);
        Self { registry, listeners, clusters, generation, reloads, access_log_dropped: dropped }
    }

    /// The registry, for those who register metrics of their own.
    #[must_use]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The metrics of the listener `name`, and its access log. Asked for twice, the metrics are the same ones.
    #[must_use]
    pub fn listener(&self, name: &str, access_log: AccessLog) -> ListenerTelemetry {
        self.listeners.of(name, access_log)
    }

    /// The metrics of the cluster `name`. Asked for twice, they are the same ones.
    #[must_use]
    pub fn cluster(&self, name: &str) -> ClusterTelemetry {
        self.clusters.of(name)
    }

    /// Notes that a configuration came into force.
    pub fn config_loaded(&self, generation: u64) {
        self.generation.set(i64::try_from(generation).unwrap_or(i64::MAX));
        self.reloads.with_label_values(&["ok"]).inc();
    }

    /// Notes that a configuration was refused.
    pub fn config_refused(&self) {
        self.reloads.with_label_values(&["error"]).inc();
    }

    pub(super) fn access_log_dropped(&self) -> &IntCounter {
        &self.access_log_dropped
    }

    /// Every metric in Prometheus' text format 0.0.4.
    #[must_use]
    pub fn prometheus(&self) -> String {
        let mut text = Vec::new();
        match TextEncoder::new().encode(&self.registry.gather(), &mut text) {
            Ok(()) => (),
            Err(error) => tracing::error!(%error, "the metrics cannot be written as text"),
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Every metric as a line `name: value`, with Envoy's statistic names for the metrics that are Envoy's.
    #[must_use]
    pub fn stats(&self) -> String {
        stats::render(&self.registry.gather())
    }
}

/// Registers what this module made. The names are distinct and the registry is new, so it cannot be refused.
pub(super) fn register(registry: &Registry, collector: &(impl Collector + Clone + 'static)) {
    registry.register(Box::new(collector.clone())).expect("each name is registered once in a registry of our own");
}

fn gauge(name: &str, help: &str) -> IntGauge {
    IntGauge::new(name, help).expect("the name is well-formed")
}

fn counter(name: &str, help: &str) -> IntCounter {
    IntCounter::new(name, help).expect("the name is well-formed")
}

pub(super) fn counters(name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
    IntCounterVec::new(Opts::new(name, help), labels).expect("the name and the labels are well-formed")
}

pub(super) fn gauges(name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
    IntGaugeVec::new(Opts::new(name, help), labels).expect("the name and the labels are well-formed")
}

#[cfg(test)]
mod tests;
