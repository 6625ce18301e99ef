//! A cluster: its settings, and what its requests share.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::Observer;
use super::balance::Turns;
use super::circuit::Circuit;
use super::pool::Pool;

/// What a cluster is made from. Two clusters with equal settings are the same cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSettings {
    /// Name of the cluster.
    pub name: Arc<str>,
    /// Where requests go; with none, every request fails.
    pub endpoints: Vec<Endpoint>,
    /// Limits.
    pub connections: Connections,
    /// Time limits.
    pub timeouts: Timeouts,
}

impl ClusterSettings {
    /// Settings with the default limits and endpoints of equal weight.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        let endpoints = addresses.into_iter().map(|address| Endpoint { address, weight: NonZeroU32::MIN }).collect();
        Self { name: name.into(), endpoints, connections: Connections::default(), timeouts: Timeouts::default() }
    }
}

/// One address of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its share of the requests, relative to the other endpoints.
    pub weight: NonZeroU32,
}

/// Circuit limits of a cluster, over all its endpoints and all workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connections {
    /// Open connections, idle ones included.
    pub max: u32,
    /// Requests that wait for a connection; one more is refused.
    pub pending: u32,
    /// Requests under way, waiting ones included; one more is refused.
    pub requests: u32,
    /// How long an unused connection is kept.
    pub idle: Duration,
}

impl Default for Connections {
    fn default() -> Self {
        Self { max: 1024, pending: 1024, requests: 1024, idle: Duration::from_secs(60) }
    }
}

/// Time limits of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeouts {
    /// For establishing a connection.
    pub connect: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(1) }
    }
}

/// A named group of endpoints with its connections and its limits.
pub struct Cluster {
    settings: ClusterSettings,
    pub(super) turns: Turns,
    pub(super) circuit: Circuit,
    pub(super) pool: Pool,
    pub(super) observer: Arc<dyn Observer>,
    swept: AtomicBool,
}

impl Cluster {
    /// A cluster without connections.
    #[must_use]
    pub fn new(settings: ClusterSettings, observer: Arc<dyn Observer>) -> Arc<Self> {
        let weights: Vec<_> = settings.endpoints.iter().map(|endpoint| endpoint.weight).collect();
        Arc::new(Self {
            turns: Turns::new(&weights),
            circuit: Circuit::new(&settings.connections),
            pool: Pool::new(&settings, Arc::clone(&observer)),
            observer,
            swept: AtomicBool::new(false),
            settings,
        })
    }

    /// Name of the cluster.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.settings.name
    }

    /// What the cluster was made from.
    #[must_use]
    pub fn settings(&self) -> &ClusterSettings {
        &self.settings
    }

    /// Starts the one task that closes connections nobody used for the idle time. It ends with the cluster.
    pub(super) fn keep_swept(self: &Arc<Self>) {
        if !self.swept.swap(true, Ordering::Relaxed) {
            tokio::spawn(sweep(Arc::downgrade(self), sweep_period(self.settings.connections.idle)));
        }
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Cluster").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Often enough that a connection outlives its idle time by a quarter at most, seldom enough to cost nothing.
fn sweep_period(idle: Duration) -> Duration {
    (idle / 4).clamp(Duration::from_millis(10), Duration::from_secs(1))
}

async fn sweep(cluster: Weak<Cluster>, period: Duration) {
    loop {
        tokio::time::sleep(period).await;
        match cluster.upgrade() {
            Some(cluster) => cluster.pool.sweep(),
            None => return,
        }
    }
}
