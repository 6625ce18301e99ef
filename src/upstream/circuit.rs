//! The circuit limits of a cluster: counted exactly, given back by drop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chain::Failure;
use http::StatusCode;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::Cluster;
use super::cluster::Connections;
use super::h1::Connection;

/// A count that never goes over its limit.
struct Seats {
    limit: u32,
    taken: AtomicU32,
}

struct Seat<'a>(&'a Seats);

impl Seats {
    fn new(limit: u32) -> Self {
        Self { limit, taken: AtomicU32::new(0) }
    }

    fn take(&self) -> Option<Seat<'_>> {
        let free = |taken| (taken < self.limit).then_some(taken + 1);
        self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, free).ok()?;
        Some(Seat(self))
    }

    fn leave(&self) {
        self.taken.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// Requests that run, requests that wait for a connection, and the right to use one.
pub(super) struct Circuit {
    requests: Seats,
    pending: Seats,
    /// One permit for each connection that may be in use.
    connections: Semaphore,
}

impl Circuit {
    pub(super) fn new(limits: &Connections) -> Self {
        let connections = usize::try_from(limits.max).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        Self {
            requests: Seats::new(limits.requests),
            pending: Seats::new(limits.pending),
            connections: Semaphore::new(connections),
        }
    }

    /// Takes one permit, which the ticket gives back.
    async fn connection(&self, cluster: &str, wait: Duration) -> Result<(), Failure> {
        if let Ok(permit) = self.connections.try_acquire() {
            permit.forget();
            return Ok(());
        }
        let _pending = self.pending.take().ok_or_else(|| Failure::Overflow(cluster.to_owned()))?;
        match timeout(wait, self.connections.acquire()).await {
            Ok(Ok(permit)) => {
                permit.forget();
                Ok(())
            }
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(Failure::UpstreamTimeout),
        }
    }
}

/// What a ticket has on its account.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Nothing,
    /// A connection that is being made; it counts against the limit.
    Attempt,
    Connection,
}

/// The right of one request to use one connection of a cluster. Dropped, it gives back whatever it holds.
pub(super) struct Ticket {
    cluster: Arc<Cluster>,
    holds: Holds,
    /// What the observer is told at the end.
    pub(super) status: Option<StatusCode>,
}

impl Ticket {
    /// Admits a request, waiting up to `wait` for a connection that may be used.
    ///
    /// # Errors
    ///
    /// [`Failure::Overflow`] over a limit, [`Failure::UpstreamTimeout`] after the wait.
    pub(super) async fn admit(cluster: &Arc<Cluster>, wait: Duration) -> Result<Self, Failure> {
        let circuit = &cluster.circuit;
        let request = circuit.requests.take().ok_or_else(|| Failure::Overflow(cluster.name().to_string()))?;
        circuit.connection(cluster.name(), wait).await?;
        std::mem::forget(request); // from here on the ticket's
        cluster.observer.request_started();
        Ok(Self { cluster: Arc::clone(cluster), holds: Holds::Nothing, status: None })
    }

    pub(super) fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// An idle connection to the endpoint, seen alive by `alive`.
    pub(super) fn reuse(&mut self, endpoint: usize, alive: fn(&Connection) -> bool) -> Option<Connection> {
        let connection = self.cluster.pool.take(endpoint, alive)?;
        self.holds = Holds::Connection;
        Some(connection)
    }

    /// Counts a connection that is about to be made.
    pub(super) fn connecting(&mut self) {
        self.cluster.pool.make_room();
        self.holds = Holds::Attempt;
    }

    /// The connection is established.
    pub(super) fn connected(&mut self) {
        self.cluster.observer.connection_opened();
        self.holds = Holds::Connection;
    }

    /// The connection, or the attempt to make it, is over.
    pub(super) fn disconnected(&mut self) {
        match std::mem::replace(&mut self.holds, Holds::Nothing) {
            Holds::Nothing => (),
            Holds::Attempt => self.cluster.pool.gone(),
            Holds::Connection => {
                self.cluster.pool.gone();
                self.cluster.observer.connection_closed();
            }
        }
    }

    /// Puts the connection in use back into the pool.
    pub(super) fn give_back(mut self, endpoint: usize, connection: Connection) {
        self.holds = Holds::Nothing;
        self.cluster.pool.put(endpoint, connection);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.disconnected();
        self.cluster.circuit.connections.add_permits(1);
        self.cluster.circuit.requests.leave();
        self.cluster.observer.request_ended(self.status);
    }
}
