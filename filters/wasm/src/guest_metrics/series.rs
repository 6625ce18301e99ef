//! One metric of one function.

use prometheus::core::Collector;
use prometheus::{Histogram, HistogramOpts, IntCounter, IntGauge, Opts, Result};

use crate::abi::Status;

/// The same for all: names of one type and help may come from many functions.
const HELP: &str = "Defined by a function.";

/// Upper bounds of a histogram's buckets: Envoy's, since guests record with those in mind (mostly milliseconds).
const BUCKETS: &[f64] = &[
    0.5,
    1.0,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1000.0,
    2500.0,
    5000.0,
    10_000.0,
    30_000.0,
    60_000.0,
    300_000.0,
    600_000.0,
    1_800_000.0,
    3_600_000.0,
];

/// ABI "proxy_metric_type_t".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A metric's value; clones share it.
#[derive(Debug, Clone)]
pub(crate) enum Series {
    Counter(IntCounter),
    Gauge(IntGauge),
    Histogram(Histogram),
}

impl TryFrom<u32> for Kind {
    type Error = Status;

    fn try_from(number: u32) -> std::result::Result<Self, Status> {
        Ok(match number {
            0 => Self::Counter,
            1 => Self::Gauge,
            2 => Self::Histogram,
            _ => return Err(Status::BadArgument),
        })
    }
}

impl Kind {
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "_counter",
            Self::Gauge => "_gauge",
            Self::Histogram => "_histogram",
        }
    }
}

impl Series {
    pub(super) fn new(kind: Kind, name: &str, function: &str) -> Result<Self> {
        Ok(match kind {
            Kind::Counter => {
                Self::Counter(IntCounter::with_opts(Opts::new(name, HELP).const_label("function", function))?)
            }
            Kind::Gauge => Self::Gauge(IntGauge::with_opts(Opts::new(name, HELP).const_label("function", function))?),
            Kind::Histogram => {
                let opts = HistogramOpts::new(name, HELP).const_label("function", function).buckets(BUCKETS.to_vec());
                Self::Histogram(Histogram::with_opts(opts)?)
            }
        })
    }

    pub(super) fn collector(&self) -> Box<dyn Collector> {
        match self.clone() {
            Self::Counter(counter) => Box::new(counter),
            Self::Gauge(gauge) => Box::new(gauge),
            Self::Histogram(histogram) => Box::new(histogram),
        }
    }

    /// Moves the value. Status 2 for a counter that would fall, and for a histogram, which has no value.
    pub(crate) fn increment(&self, delta: i64) -> std::result::Result<(), Status> {
        match self {
            Self::Counter(counter) => counter.inc_by(u64::try_from(delta).map_err(|_| Status::BadArgument)?),
            Self::Gauge(gauge) => gauge.add(delta),
            Self::Histogram(_) => return Err(Status::BadArgument),
        }
        Ok(())
    }

    /// Adds to a counter, sets a gauge (the 64 bits are signed there), records in a histogram.
    pub(crate) fn record(&self, value: u64) {
        match self {
            Self::Counter(counter) => counter.inc_by(value),
            Self::Gauge(gauge) => gauge.set(value.cast_signed()),
            Self::Histogram(histogram) => histogram.observe(value as f64),
        }
    }

    /// The value; status 2 for a histogram.
    pub(crate) fn get(&self) -> std::result::Result<u64, Status> {
        match self {
            Self::Counter(counter) => Ok(counter.get()),
            Self::Gauge(gauge) => Ok(gauge.get().cast_unsigned()),
            Self::Histogram(_) => Err(Status::BadArgument),
        }
    }
}
