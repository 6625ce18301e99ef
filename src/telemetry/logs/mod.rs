//! Logs: what happens inside, on stderr, as text or JSON.
//!
//! One sentence a line, with its variables as fields. A thread writes them, so that a stuck stderr stops nobody.

mod bridge;
mod levels;

use std::io::{self, IsTerminal};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus::IntCounter;
use tracing::dispatcher::{self, WeakDispatch};
use tracing::level_filters::LevelFilter;
use tracing::{Dispatch, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt};

use super::destination::Destination;
use super::writer::{Report, Writer};

pub use levels::{GUEST_TARGET, LogLevels, Logger, UnknownLogger};

/// What a log line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Time, level, target, message, fields.
    Text,
    /// One JSON object for each line: `timestamp`, `level`, `target`, `message`, and the fields beside them.
    Json,
}

/// The logs cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum LogsError {
    /// Stderr cannot be opened, or no thread can be started.
    #[error("cannot write logs to stderr")]
    Stderr(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The process has logs already.
    #[error("the logs of this process are started already")]
    Started,
}

/// The running logs.
pub struct Logs {
    writer: Arc<Writer>,
    levels: LogLevels,
}

impl Logs {
    /// Starts the logs of the process on stderr, those of libraries that use `log` included.
    ///
    /// # Errors
    ///
    /// Stderr cannot be opened, or the process has logs already.
    pub fn start(level: LevelFilter, format: LogFormat) -> Result<Self, LogsError> {
        let stderr = Destination::Stderr.open().map_err(|error| LogsError::Stderr(error.into()))?;
        let colours = io::stderr().is_terminal();
        let (logs, dispatch) = match stderr {
            Some(file) => Self::to(file, level, format, colours)?,
            None => return Err(LogsError::Started),
        };
        dispatcher::set_global_default(dispatch).map_err(|_| LogsError::Started)?;
        bridge::install().map_err(|_| LogsError::Started)?;
        Ok(logs)
    }

    /// Logs to any place, not yet those of the process.
    fn to(
        place: impl io::Write + Send + 'static,
        level: LevelFilter,
        format: LogFormat,
        colours: bool,
    ) -> Result<(Self, Dispatch), LogsError> {
        let dropped = IntCounter::new("dropped", "log lines").expect("the name is well-formed");
        let own = Arc::new(OnceLock::new());
        let told = Arc::clone(&own);
        let writer = Writer::start("log", place, Duration::ZERO, dropped, move |what| report(&told, what))
            .map_err(|error| LogsError::Stderr(error.into()))?;
        let writer = Arc::new(writer);
        let (filter, levels) = LogLevels::new(level);
        let lines = lines(Lines(Arc::clone(&writer)), format, colours);
        let dispatch = Dispatch::new(Registry::default().with(filter).with(lines));
        let _ = own.set(dispatch.downgrade()); // it is the first
        Ok((Self { writer, levels }, dispatch))
    }

    /// The levels, to read and to change while the process runs.
    #[must_use]
    pub fn levels(&self) -> &LogLevels {
        &self.levels
    }

    /// Waits until every line so far is written, for `timeout` at most; `false` when some are not. Blocks the thread, so
    /// it belongs to the end of the process.
    pub fn flush(&self, timeout: Duration) -> bool {
        self.writer.flush(timeout)
    }
}

fn lines<S>(writer: Lines, format: LogFormat, colours: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let layer = fmt::layer().with_writer(writer);
    match format {
        LogFormat::Text => layer.with_ansi(colours).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    }
}

/// A failing stderr has nowhere to be reported; lines that were dropped are, in the same logs, as soon as there is room.
fn report(own: &OnceLock<WeakDispatch>, report: &Report<'_>) {
    if let (Report::Dropped(lines), Some(logs)) = (report, own.get().and_then(WeakDispatch::upgrade)) {
        dispatcher::with_default(&logs, || {
            tracing::warn!(lines, "log lines were dropped because stderr is slower than they came");
        });
    }
}

/// Hands each event's line to the writer.
#[derive(Clone)]
struct Lines(Arc<Writer>);

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Levels of logs that nobody reads, at `info`.
#[cfg(test)]
pub(crate) fn levels_for_tests() -> LogLevels {
    LogLevels::new(LevelFilter::INFO).1
}

#[cfg(test)]
mod tests;
