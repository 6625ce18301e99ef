//! What guests write, kept instead of printed.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::{SetGlobalDefaultError, set_global_default};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::telemetry::GUEST_TARGET;

/// A line of a guest.
#[derive(Debug, Clone, Default)]
pub(super) struct Line {
    pub(super) level: String,
    pub(super) function: String,
    pub(super) message: String,
}

/// The lines so far.
#[derive(Clone, Default)]
pub(super) struct GuestLog(Arc<Mutex<Vec<Line>>>);

impl GuestLog {
    /// Takes the place of the process' logs.
    pub(super) fn start() -> Result<Self, SetGlobalDefaultError> {
        let log = Self::default();
        let guests = Targets::new().with_target(GUEST_TARGET, LevelFilter::TRACE);
        set_global_default(tracing_subscriber::registry().with(log.clone().with_filter(guests)))?;
        Ok(log)
    }

    pub(super) fn lines(&self) -> Vec<Line> {
        self.0.lock().clone()
    }
}

impl<S: Subscriber> Layer<S> for GuestLog {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line { level: event.metadata().level().as_str().to_lowercase(), ..Line::default() };
        event.record(&mut line);
        self.0.lock().push(line);
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "function" => self.function = format!("{value:?}"),
            _ => {}
        }
    }
}
