//! The connections of a cluster: how many are open, and which of them are idle.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::h1::Connection;
use super::{ClusterSettings, Observer};

struct Idle {
    connection: Connection,
    since: Instant,
}

struct Inner {
    /// Connections that exist or are being made.
    open: usize,
    /// For each endpoint, the longest unused first.
    idle: Vec<VecDeque<Idle>>,
}

/// Idle connections, last in first out, so that those not needed age and go.
///
/// One lock for all endpoints, held for a push or a pop: it makes `open` exact, and lets an endpoint in need take the
/// place of another one's idle connection.
pub(super) struct Pool {
    max: usize,
    idle_time: Duration,
    inner: Mutex<Inner>,
    observer: Arc<dyn Observer>,
}

impl Pool {
    pub(super) fn new(settings: &ClusterSettings, observer: Arc<dyn Observer>) -> Self {
        let idle = settings.endpoints.iter().map(|_| VecDeque::new()).collect();
        Self {
            max: usize::try_from(settings.connections.max).unwrap_or(usize::MAX),
            idle_time: settings.connections.idle,
            inner: Mutex::new(Inner { open: 0, idle }),
            observer,
        }
    }

    /// The idle connection to an endpoint that was used last and is `alive`. Others found on the way go.
    pub(super) fn take(&self, endpoint: usize, alive: fn(&Connection) -> bool) -> Option<Connection> {
        loop {
            let idle = self.inner.lock().idle[endpoint].pop_back()?;
            if alive(&idle.connection) {
                return Some(idle.connection);
            }
            self.close([idle]);
            self.gone();
        }
    }

    /// Counts a connection that is to be made. At the limit an idle one leaves it its place: whoever asks holds one of
    /// `max` permits and no connection, so one of the `max` open connections is idle.
    pub(super) fn make_room(&self) {
        let mut inner = self.inner.lock();
        let evicted = if inner.open < self.max { None } else { inner.longest_idle() };
        if evicted.is_none() {
            inner.open += 1;
        }
        drop(inner);
        self.close(evicted);
    }

    /// A connection in use, or one that was being made, is gone.
    pub(super) fn gone(&self) {
        self.inner.lock().open -= 1;
    }

    /// Keeps a connection for the next request.
    pub(super) fn put(&self, endpoint: usize, connection: Connection) {
        self.inner.lock().idle[endpoint].push_back(Idle { connection, since: Instant::now() });
    }

    /// Closes idle connections that are too old, or that the endpoint closed.
    pub(super) fn sweep(&self) {
        let now = Instant::now();
        let fresh = |idle: &Idle| now.duration_since(idle.since) < self.idle_time && idle.connection.seems_alive();
        let mut stale = Vec::new();
        let mut inner = self.inner.lock();
        for idle in &mut inner.idle {
            let (kept, gone) = std::mem::take(idle).into_iter().partition(fresh);
            *idle = kept;
            stale.extend::<VecDeque<Idle>>(gone);
        }
        inner.open -= stale.len();
        drop(inner);
        self.close(stale);
    }

    /// Closes connections, outside the lock.
    fn close(&self, connections: impl IntoIterator<Item = Idle>) {
        for idle in connections {
            drop(idle);
            self.observer.connection_closed();
        }
    }

    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize) {
        let inner = self.inner.lock();
        (inner.open, inner.idle.iter().map(VecDeque::len).sum())
    }
}

impl Inner {
    fn longest_idle(&mut self) -> Option<Idle> {
        let oldest = |idle: &&mut VecDeque<Idle>| idle.front().map(|idle| idle.since);
        let idle = self.idle.iter_mut().filter(|idle| !idle.is_empty()).min_by_key(oldest)?;
        idle.pop_front()
    }
}
