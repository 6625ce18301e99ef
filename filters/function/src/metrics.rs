//! The function metrics of contract §6.

use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry as Series, Result,
};
use wasm::{Observer, Sample};

use crate::registry::Registry;

/// Upper bounds in seconds: from a header filter to a call chain.
const BUCKETS: [f64; 14] = [1e-6, 2.5e-6, 1e-5, 2.5e-5, 1e-4, 2.5e-4, 1e-3, 2.5e-3, 1e-2, 2.5e-2, 0.1, 0.25, 1.0, 2.5];

/// Metrics of all functions.
pub struct Metrics {
    exchanges: IntCounterVec,
    guest: HistogramVec,
    host_calls: HistogramVec,
    waited: HistogramVec,
    traps: IntCounterVec,
    gauges: Gauges,
}

impl Metrics {
    /// Registers the metrics.
    ///
    /// # Errors
    ///
    /// When the registry has metrics of these names.
    pub fn new(series: &Series) -> Result<Arc<Self>> {
        let labels = &["function", "version"];
        let histogram = |name: &str, help: &str| {
            HistogramVec::new(HistogramOpts::new(name, help).buckets(BUCKETS.to_vec()), labels)
        };
        let metrics = Self {
            exchanges: IntCounterVec::new(
                Opts::new("outrigger_function_exchanges_total", "Exchanges that ran a function."),
                &["function", "version", "code_class"],
            )?,
            guest: histogram("outrigger_function_guest_seconds", "Time inside the guest, by exchange.")?,
            host_calls: histogram(
                "outrigger_function_host_call_seconds",
                "Time of dispatched host calls, by exchange.",
            )?,
            waited: histogram("outrigger_function_wait_seconds", "Time waited for a vm, by exchange.")?,
            traps: IntCounterVec::new(
                Opts::new("outrigger_function_traps_total", "Traps of guests."),
                &["function", "version", "reason"],
            )?,
            gauges: Gauges::new()?,
        };
        series.register(Box::new(metrics.exchanges.clone()))?;
        series.register(Box::new(metrics.guest.clone()))?;
        series.register(Box::new(metrics.host_calls.clone()))?;
        series.register(Box::new(metrics.waited.clone()))?;
        series.register(Box::new(metrics.traps.clone()))?;
        series.register(Box::new(metrics.gauges.clone()))?;
        Ok(Arc::new(metrics))
    }

    /// Reads the gauges from this registry when they are collected.
    pub(crate) fn watch(&self, registry: &Arc<Registry>) {
        *self.gauges.registry.lock() = Arc::downgrade(registry);
    }
}

/// Gauges that are read when they are collected.
#[derive(Clone)]
struct Gauges {
    instances: IntGaugeVec,
    memory: IntGaugeVec,
    registry: Arc<Mutex<Weak<Registry>>>,
}

impl Gauges {
    fn new() -> Result<Self> {
        let labels = &["function", "version"];
        Ok(Self {
            instances: IntGaugeVec::new(Opts::new("outrigger_function_instances", "Vms that are there."), labels)?,
            memory: IntGaugeVec::new(
                Opts::new("outrigger_function_memory_bytes", "Linear memory of a function's vms."),
                labels,
            )?,
            registry: Arc::default(),
        })
    }
}

impl Collector for Gauges {
    fn desc(&self) -> Vec<&Desc> {
        [self.instances.desc(), self.memory.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.instances.reset();
        self.memory.reset();
        let versions = self.registry.lock().upgrade().map_or_else(Vec::new, |registry| registry.list());
        for version in versions {
            let number = version.number.to_string();
            let labels = [version.id(), number.as_str()];
            let stats = version.pool.stats();
            self.instances.with_label_values(&labels).set(gauge(stats.live));
            self.memory.with_label_values(&labels).set(gauge(stats.memory_bytes));
        }
        [self.instances.collect(), self.memory.collect()].concat()
    }
}

fn gauge(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Records what happens in one version. Its series stay: a function that comes back goes on counting.
pub(crate) struct Recorder {
    metrics: Arc<Metrics>,
    version: String,
    series: OnceLock<VersionSeries>,
}

struct VersionSeries {
    function: Arc<str>,
    /// 1xx to 5xx, and exchanges without a response.
    exchanges: [IntCounter; 6],
    guest: Histogram,
    host_calls: Histogram,
    waited: Histogram,
}

/// Label values of `code_class`; the last one is for exchanges that ended without a response.
const CLASSES: [&str; 6] = ["1xx", "2xx", "3xx", "4xx", "5xx", "0"];

impl Recorder {
    pub(crate) fn new(metrics: Arc<Metrics>, version: u64) -> Self {
        Self { metrics, version: version.to_string(), series: OnceLock::new() }
    }

    /// The id is known once the guest has announced it.
    pub(crate) fn name(&self, function: &Arc<str>) {
        let labels = [function, self.version.as_str()];
        let class = |class| self.metrics.exchanges.with_label_values(&[function, self.version.as_str(), class]);
        let _ = self.series.set(VersionSeries {
            function: Arc::clone(function),
            exchanges: CLASSES.map(class),
            guest: self.metrics.guest.with_label_values(&labels),
            host_calls: self.metrics.host_calls.with_label_values(&labels),
            waited: self.metrics.waited.with_label_values(&labels),
        });
    }
}

impl Observer for Recorder {
    fn exchange_ended(&self, sample: Sample) {
        let Some(series) = self.series.get() else { return };
        let class =
            sample.status.map_or(CLASSES.len() - 1, |status| usize::from(status.as_u16() / 100).clamp(1, 5) - 1);
        series.exchanges[class].inc();
        series.guest.observe(sample.guest.as_secs_f64());
        series.host_calls.observe(sample.host_calls.as_secs_f64());
        series.waited.observe(sample.waited.as_secs_f64());
    }

    fn trapped(&self, reason: &'static str) {
        if let Some(series) = self.series.get() {
            self.metrics.traps.with_label_values(&[&*series.function, self.version.as_str(), reason]).inc();
        }
    }
}
