//! What the access log says about an exchange.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Facts of one exchange, gathered while it runs and written when it is over.
#[derive(Debug, Default, Clone)]
pub struct Record {
    /// Envoy's response flags in the order in which they were set; each at most once.
    pub flags: Vec<&'static str>,
    /// Why the response is what it is: `via_upstream`, or what made a local one.
    pub details: Option<Cow<'static, str>>,
    /// Body bytes received from the client.
    pub bytes_received: u64,
    /// Body bytes sent to the client.
    pub bytes_sent: u64,
    /// The endpoint that was tried last.
    pub upstream_host: Option<SocketAddr>,
    /// The cluster that the request went to.
    pub upstream_cluster: Option<Arc<str>>,
    /// From the first byte sent upstream to the response head.
    pub upstream_time: Option<Duration>,
    /// The function that was chosen, else the one of the last `wasm` filter that ran.
    pub function: Option<Arc<str>>,
    /// Version of `function`.
    pub function_version: Option<u64>,
    /// Time inside guests, their host calls left out.
    pub guest_time: Duration,
    /// Host calls that left the guests through dispatch.
    pub host_calls: u32,
    /// Time that those host calls took.
    pub host_call_time: Duration,
    /// `CALLBACK:REASON` of a guest that trapped.
    pub trap: Option<String>,
}

impl Record {
    /// Adds a response flag once.
    pub fn flag(&mut self, flag: &'static str) {
        if !flag.is_empty() && !self.flags.contains(&flag) {
            self.flags.push(flag);
        }
    }
}
