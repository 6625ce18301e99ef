//! `outrigger_dispatch_calls_total` and `outrigger_dispatch_call_seconds`.

use std::time::Instant;

use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};

use crate::store::Reason;

/// The metrics of all dispatch filters of a process.
pub struct Metrics {
    calls: IntCounterVec,
    seconds: HistogramVec,
}

/// What a call goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Redis,
    Memory,
    Http,
    Function,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// An answer came, whatever it says.
    Ok,
    Error,
    Timeout,
    /// No connection could be made.
    Refused,
    /// Not permitted, or not there.
    Denied,
    Budget,
    Breaker,
}

/// Label of a target that does not exist or is not permitted: what a guest calls it is no label.
pub(crate) const UNKNOWN: &str = "unknown";

/// From 50 µs, about what a local redis takes, to the longest function call and beyond.
const BUCKETS: &[f64] = &[
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    60.0,
];

impl Metrics {
    /// Registers the metrics.
    ///
    /// # Errors
    ///
    /// The registry holds metrics of these names already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let calls = IntCounterVec::new(
            Opts::new("outrigger_dispatch_calls_total", "Host calls that asked to leave a guest, by how they ended."),
            &["function", "target", "kind", "result"],
        )?;
        let seconds = HistogramVec::new(
            HistogramOpts::new("outrigger_dispatch_call_seconds", "Time of host calls that were let out of a guest.")
                .buckets(BUCKETS.to_vec()),
            &["function", "target", "kind"],
        )?;
        registry.register(Box::new(calls.clone()))?;
        registry.register(Box::new(seconds.clone()))?;
        Ok(Self { calls, seconds })
    }

    /// Counts a call that was not let out.
    pub(crate) fn count(&self, function: &str, target: &str, kind: Kind, outcome: Outcome) {
        self.calls.with_label_values(&[function, target, kind.label(), outcome.label()]).inc();
    }

    /// Counts and times a call that was let out.
    pub(crate) fn observe(&self, function: &str, target: &str, kind: Kind, outcome: Outcome, began: Instant) {
        self.count(function, target, kind, outcome);
        self.seconds.with_label_values(&[function, target, kind.label()]).observe(began.elapsed().as_secs_f64());
    }
}

impl Kind {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Memory => "memory",
            Self::Http => "http",
            Self::Function => "function",
        }
    }
}

impl Outcome {
    fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Denied => "denied",
            Self::Budget => "budget",
            Self::Breaker => "breaker",
        }
    }
}

impl From<Reason> for Outcome {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Timeout => Self::Timeout,
            Reason::Refused => Self::Refused,
            Reason::Denied => Self::Denied,
            Reason::BreakerOpen => Self::Breaker,
            _ => Self::Error,
        }
    }
}
