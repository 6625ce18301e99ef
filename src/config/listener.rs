//! `listeners`: addresses on which connections are accepted, and the chains behind them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::filter::Filter;
use super::log::AccessLog;
use super::value::{Address, Duration, Name, Size};

/// One of `listeners`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// What metrics and admin paths call it by.
    pub name: Name,
    /// Where it listens; port 0 is any free one.
    pub address: Address,
    /// Limits of its connections and requests.
    #[serde(default)]
    pub limits: ListenerLimits,
    /// Limits of time.
    #[serde(default)]
    pub timeouts: ListenerTimeouts,
    /// How many proxies in front are trusted in `x-forwarded-for`, to 100. Default `0`.
    #[serde(default)]
    #[schemars(range(min = 0, max = 100))]
    pub trusted_hops: u32,
    /// Instead of the top-level one. Default none.
    #[serde(default)]
    pub access_log: Option<AccessLog>,
    /// What an exchange runs through, top-down; at least one, the last must answer.
    #[serde(default)]
    #[schemars(!default, length(min = 1))]
    pub filters: Vec<Filter>,
}

/// `limits` of a listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListenerLimits {
    /// Most connections at a time, from 1. Default `10000`.
    #[schemars(range(min = 1))]
    pub connections: u32,
    /// Most bytes of a request's head, 1KiB to 1MiB. Default `60KiB`.
    pub header_bytes: Size,
    /// Most headers of a request, 1 to 1000. Default `100`.
    #[schemars(range(min = 1, max = 1000))]
    pub headers: u32,
    /// Requests after which a connection is closed, from 1. Default `10000`.
    #[schemars(range(min = 1))]
    pub requests_per_connection: u32,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self { connections: 10_000, header_bytes: Size::kib(60), headers: 100, requests_per_connection: 10_000 }
    }
}

/// `timeouts` of a listener.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListenerTimeouts {
    /// For a request's head, from its first byte. Default `10s`.
    pub header: Duration,
    /// For a connection without an exchange. Default `60s`.
    pub idle: Duration,
    /// For an exchange in which nothing moves. Default `5m`.
    pub stream_idle: Duration,
    /// For a client that does not take its bytes. Default `60s`.
    pub write: Duration,
    /// For a whole exchange; `0s` = none. Default `0s`.
    pub request: Duration,
}

impl Default for ListenerTimeouts {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            stream_idle: Duration::from_secs(300),
            write: Duration::from_secs(60),
            request: Duration::from_secs(0),
        }
    }
}
