//! The access log: one line for each exchange that is over.
//!
//! The line is rendered by the exchange's own task and handed to a thread; a slow reader costs lines, never time.

mod field;
mod format;
mod json;
mod line;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chain::Exchange;
use parking_lot::Mutex;
use prometheus::IntCounter;

pub use super::destination::OpenError;
pub use format::{Format, FormatError};

use super::destination::Destination;
use super::metrics::Metrics;
use super::writer::{Report, Writer};
use field::Facts;

/// How long a line may wait for others that leave with it.
const LINGER: Duration = Duration::from_millis(50);
/// What a line of the default format usually needs.
const LINE: usize = 384;

/// The places that access logs write to, each opened once: listeners and successive configurations that name the same
/// place share it.
pub struct AccessLogs {
    dropped: IntCounter,
    open: Mutex<HashMap<Destination, Arc<Writer>>>,
}

impl AccessLogs {
    /// No place is open yet. Lines that cannot be written are counted in `outrigger_access_log_dropped_total`.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        Self { dropped: metrics.access_log_dropped().clone(), open: Mutex::default() }
    }

    /// An access log to `destination`, which is opened unless it is open.
    ///
    /// # Errors
    ///
    /// The destination cannot be opened, or no thread can be started for it.
    pub fn open(&self, destination: &Destination, format: Format) -> Result<AccessLog, OpenError> {
        let mut open = self.open.lock();
        open.retain(|_, writer| Arc::strong_count(writer) > 1); // nobody logs to the others any more
        if let Some(writer) = open.get(destination) {
            return Ok(AccessLog { format, writer: Some(Arc::clone(writer)) });
        }
        let Some(file) = destination.open()? else { return Ok(AccessLog::none()) };
        let place = destination.place();
        let reported = place.clone();
        let writer =
            Writer::start("access-log", file, LINGER, self.dropped.clone(), move |what| report(&reported, what))
                .map_err(|source| OpenError { place, source })?;
        let writer = Arc::new(writer);
        open.insert(destination.clone(), Arc::clone(&writer));
        Ok(AccessLog { format, writer: Some(writer) })
    }

    /// Opens every file again, as is needed after a rotation.
    ///
    /// # Errors
    ///
    /// The first file that cannot be opened; it and those after it stay as they are.
    pub fn reopen(&self) -> Result<(), OpenError> {
        for (destination, writer) in &*self.open.lock() {
            if let (Destination::File(_), Some(file)) = (destination, destination.open()?) {
                writer.reopen(file);
            }
        }
        Ok(())
    }

    /// Waits until every line so far is written, for `timeout` at most; `false` when some are not. Blocks the thread, so
    /// it belongs to the end of the process.
    pub fn flush(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let writers: Vec<_> = self.open.lock().values().cloned().collect();
        let late = writers.iter().filter(|writer| !writer.flush(deadline.saturating_duration_since(Instant::now())));
        late.count() == 0
    }
}

/// Where one listener's lines go, and what they look like.
#[derive(Clone)]
pub struct AccessLog {
    format: Format,
    writer: Option<Arc<Writer>>,
}

impl AccessLog {
    /// Writes nothing.
    #[must_use]
    pub fn none() -> Self {
        Self { format: Format::Json, writer: None }
    }

    /// Writes the line of an exchange that is over.
    pub fn write(&self, exchange: &Exchange) {
        let Some(writer) = &self.writer else { return };
        writer.push(&self.line(exchange, exchange.started().elapsed()));
    }

    fn line(&self, exchange: &Exchange, duration: Duration) -> Vec<u8> {
        let mut line = Vec::with_capacity(LINE);
        exchange.record(|record| {
            exchange.parked(|parked| {
                let facts = Facts { exchange, record, parked, duration };
                match &self.format {
                    Format::Json => json::render(&facts, &mut line),
                    Format::Line(pieces) => line::render(pieces, &facts, &mut line),
                }
            });
        });
        line.push(b'\n');
        line
    }
}

fn report(place: &str, report: &Report<'_>) {
    match report {
        Report::Failing(error) => {
            tracing::error!(
                place,
                %error,
                "the access log cannot be written; lines are dropped until it can"
            );
        }
        Report::Recovered => tracing::info!(place, "the access log is written again"),
        Report::Dropped(_) => (), // the counter tells
    }
}

#[cfg(test)]
mod tests;
