//! What a listener serves: its chain, its limits and its timeouts.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use chain::{Exchange, Filter, Route};

/// The filters of a listener, first one first.
pub type Chain = Arc<[Arc<dyn Filter>]>;

/// Watches connections and exchanges: metrics, access log.
///
/// Called on the connection's task; an implementation must not block.
pub trait Observer: Send + Sync + 'static {
    /// A connection was accepted.
    fn connection_opened(&self) {}

    /// A connection that was accepted is closed.
    fn connection_closed(&self) {}

    /// A request head arrived, or what should have been one was refused.
    fn exchange_started(&self) {}

    /// The exchange is over and its finish hooks have run.
    ///
    /// The response head is in [`Exchange::parked`] (none: the client got no response); bytes, flags and details are in
    /// the record.
    fn exchange_ended(&self, exchange: &Exchange);
}

/// How much a client may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at a time; further ones are closed at once.
    pub connections: usize,
    /// Bytes of a request's header section, request line included; more are answered with 431.
    pub header_bytes: usize,
    /// Header fields of a request; more are answered with 431.
    pub headers: usize,
    /// Requests on one connection; the last one's response says `connection: close`.
    pub requests_per_connection: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 10_000, header_bytes: 60 * 1024, headers: 100, requests_per_connection: 10_000 }
    }
}

/// How long a client may take. Zero is without a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first byte of a request to the end of its header section; then 408.
    pub header: Duration,
    /// Between two requests, and before the first one.
    pub idle: Duration,
    /// Without a byte in either direction while an exchange runs.
    pub stream_idle: Duration,
    /// Without a byte taken by the client while a response waits to be written.
    pub write: Duration,
    /// The whole exchange, from the end of the header section.
    pub request: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            header: Duration::from_secs(10),
            idle: Duration::from_secs(60),
            stream_idle: Duration::from_secs(300),
            write: Duration::from_secs(60),
            request: Duration::ZERO,
        }
    }
}

/// What a listener serves.
pub struct Front {
    /// Name of the listener.
    pub name: Arc<str>,
    /// How much a client may ask for.
    pub limits: Limits,
    /// How long a client may take.
    pub timeouts: Timeouts,
    /// Proxies in front of this one whose `x-forwarded-for` and `x-forwarded-proto` are believed.
    pub trusted_hops: u32,
    /// The route of every exchange, where the listener has a single one.
    pub route: Option<Arc<Route>>,
    /// Who is told about connections and exchanges.
    pub observers: Vec<Arc<dyn Observer>>,
    chain: ArcSwap<Chain>,
}

impl Front {
    /// A front with the default limits and timeouts.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, chain: Chain) -> Self {
        Self {
            name: name.into(),
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            trusted_hops: 0,
            route: None,
            observers: Vec::new(),
            chain: ArcSwap::from_pointee(chain),
        }
    }

    /// The chain that an exchange starting now runs through. It keeps that chain to its end.
    #[must_use]
    pub fn chain(&self) -> Chain {
        Chain::clone(&self.chain.load())
    }

    /// Puts another chain in place, for the exchanges that start from now on.
    pub fn swap_chain(&self, chain: Chain) {
        self.chain.store(Arc::new(chain));
    }
}

impl std::fmt::Debug for Front {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Front").field("name", &self.name).finish_non_exhaustive()
    }
}
