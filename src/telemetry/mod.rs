//! What the proxy tells about itself: metrics, the access log, logs.
//!
//! Everything here is handed to constructors; nothing is global but the `tracing` subscriber, of which a process has one.
//! This module knows exchanges only as `chain` describes them, and neither configuration nor transport.

pub mod access_log;
mod cluster;
mod destination;
mod listener;
pub mod logs;
mod metrics;
mod process;
mod stats;
mod timestamp;
mod writer;

pub use access_log::{AccessLog, AccessLogs, Format};
pub use cluster::ClusterTelemetry;
pub use destination::Destination;
pub use listener::ListenerTelemetry;
pub use logs::{GUEST_TARGET, LogFormat, LogLevels, Logs};
pub use metrics::Metrics;
pub use timestamp::rfc3339;
