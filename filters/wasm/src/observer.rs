//! Who is told of what happens in a pool.

use std::time::Duration;

use http::StatusCode;

/// One exchange that ran a guest, when it is over.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Status of the response, if one was sent.
    pub status: Option<StatusCode>,
    /// Time inside the guest.
    pub guest: Duration,
    /// Time of host calls that left through dispatch.
    pub host_calls: Duration,
    /// Time that the exchange waited for a vm.
    pub waited: Duration,
}

/// Is told of what happens in a pool.
pub trait Observer: Send + Sync + 'static {
    /// An exchange that ran a guest is over.
    fn exchange_ended(&self, sample: Sample);
    /// A guest trapped; `reason` is the contract's word for it.
    fn trapped(&self, reason: &'static str);
}

/// Tells nobody.
#[derive(Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn exchange_ended(&self, _sample: Sample) {}
    fn trapped(&self, _reason: &'static str) {}
}
