//! What a cluster tells telemetry.

use http::StatusCode;

/// Hears of everything in one cluster that is counted. Called on the request path: must not block.
pub trait Observer: Send + Sync + 'static {
    /// A request was admitted.
    fn request_started(&self) {}
    /// A request that was admitted is over: the status of its response or of the failure that took its place; `None`
    /// when nobody waited for one.
    fn request_ended(&self, _status: Option<StatusCode>) {}
    /// A request goes out again.
    fn retried(&self) {}
    /// A response head or the rest of a response did not come in time.
    fn timed_out(&self) {}
    /// A connection was established.
    fn connection_opened(&self) {}
    /// An established connection is closed.
    fn connection_closed(&self) {}
    /// A connection could not be established.
    fn connect_failed(&self) {}
}

/// Counts nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct Unobserved;

impl Observer for Unobserved {}
