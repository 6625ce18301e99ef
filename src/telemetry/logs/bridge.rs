//! Lines of libraries that use the `log` crate, pingora above all.
//!
//! pingora calls what a client or an upstream does to its own connection an error. To an operator it is none, and what
//! matters of it is in the access log and the metrics; so such lines come as DEBUG. Only a listener that cannot accept
//! keeps its level.

use tracing::level_filters::LevelFilter;
use tracing_log::AsTrace;
use tracing_log::log::{self, Level, Log, Metadata, Record, SetLoggerError};

/// Modules in which pingora reports what happens to a single connection.
const PER_CONNECTION: &[&str] = &[
    "pingora_core::apps",
    "pingora_core::connectors",
    "pingora_core::protocols",
    "pingora_core::services::listening",
    "pingora_pool",
];

struct Bridge;

/// Makes the bridge the logger of the process.
pub(super) fn install() -> Result<(), SetLoggerError> {
    log::set_logger(&Bridge)
}

/// Tells `log` the most verbose level that anybody wants, which is what makes its disabled lines cheap.
pub(super) fn set_max_level(level: LevelFilter) {
    log::set_max_level(match level.into_level() {
        None => log::LevelFilter::Off,
        Some(tracing::Level::ERROR) => log::LevelFilter::Error,
        Some(tracing::Level::WARN) => log::LevelFilter::Warn,
        Some(tracing::Level::INFO) => log::LevelFilter::Info,
        Some(tracing::Level::DEBUG) => log::LevelFilter::Debug,
        Some(tracing::Level::TRACE) => log::LevelFilter::Trace,
    });
}

impl Log for Bridge {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level().as_trace() <= LevelFilter::current()
    }

    fn log(&self, record: &Record<'_>) {
        let record = Record::builder()
            .level(level(record))
            .target(record.target())
            .args(*record.args())
            .module_path(record.module_path())
            .file(record.file())
            .line(record.line())
            .build();
        if self.enabled(record.metadata()) {
            let _ = tracing_log::format_trace(&record); // it has no way to fail
        }
    }

    fn flush(&self) {}
}

fn level(record: &Record<'_>) -> Level {
    let noisy = record.level() < Level::Debug
        && PER_CONNECTION.iter().any(|module| record.target().starts_with(module))
        && !record.args().to_string().starts_with("Accept() failed");
    if noisy { Level::Debug } else { record.level() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(target: &str, level: Level, message: &str) -> Level {
        super::level(&Record::builder().target(target).level(level).args(format_args!("{message}")).build())
    }

    #[test]
    fn what_a_client_does_to_its_connection_is_no_error() {
        let handshake = "Downstream handshake error from 10.0.0.1: eof";
        assert_eq!(seen("pingora_core::services::listening", Level::Error, handshake), Level::Debug);
        assert_eq!(seen("pingora_core::protocols::http::v1::body", Level::Warn, "extra bytes"), Level::Debug);
        assert_eq!(seen("pingora_pool::connection", Level::Trace, "polled"), Level::Trace);
    }

    #[test]
    fn a_listener_that_cannot_accept_stays_an_error() {
        let accept = "Accept() failed Too many open files";
        assert_eq!(seen("pingora_core::services::listening", Level::Error, accept), Level::Error);
        assert_eq!(seen("redis::aio", Level::Error, "lost"), Level::Error);
    }
}
