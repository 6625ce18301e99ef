//! Listeners: a socket, who may connect, and how serving stops.
//!
//! Accepting is pingora-core's `Service`, started by hand in the current runtime, so that listeners come and go while
//! the process runs. TLS and original destinations are not here yet.

mod accept;
mod gate;
mod socket;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use pingora::listeners::{L4BufferSettings, ListenerConfig};
use pingora::server::Fds;
use pingora::services::Service as _;
use pingora::services::listening::Service;
use tokio::sync::watch;

pub use self::gate::Gate;
pub use self::socket::Bound;
use crate::exchange::{Front, InFlight};

/// Why a listener does not listen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on `{address}`; free the address or configure another one")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A listener that serves. Dropping it stops accepting, as [`stop`](Self::stop) does.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    front: Arc<Front>,
    gate: Arc<Gate>,
    stopping: watch::Sender<bool>,
    accepting: InFlight,
    in_flight: InFlight,
}

impl Listener {
    /// Serves `front` on a bound socket, on the current runtime. `process` is the gate that all listeners of the
    /// process share, if there is one.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[must_use]
    pub fn start(bound: Bound, front: Arc<Front>, process: Option<Arc<Gate>>) -> Self {
        let gate = Arc::new(Gate::new(front.limits.connections));
        let (stopping, stopped) = watch::channel(false);
        let (accepting, in_flight) = (InFlight::default(), InFlight::default());
        let address = bound.address();
        let app = accept::App::new(Arc::clone(&front), Arc::clone(&gate), process, in_flight.clone());
        let name = address.to_string();
        let mut fds = Fds::new();
        fds.add(name.clone(), bound.into_raw_fd());
        let mut service = Service::new(front.name.to_string(), app);
        service.add_listener(ListenerConfig::tcp(name).l4_buffer(L4BufferSettings::unbuffered()));
        let entry = accepting.enter();
        tokio::spawn(async move {
            service.start_service(Some(Arc::new(Mutex::new(fds))), stopped, 1).await;
            drop(entry);
        });
        Self { address, front, gate, stopping, accepting, in_flight }
    }

    /// The address that the socket is bound to; its port is never 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the listener serves.
    #[must_use]
    pub fn front(&self) -> &Arc<Front> {
        &self.front
    }

    /// Connections that are open.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.gate.inside()
    }

    /// Connections that were closed at once because a limit was reached.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.gate.refused()
    }

    /// Stops accepting. Idle connections are closed; a running exchange's response says `connection: close`.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Waits until the socket is closed and the last exchange is over, finish hooks included. `false`: `timeout`
    /// passed first.
    pub async fn drained(&self, timeout: Duration) -> bool {
        let drained = async {
            self.accepting.none_left().await;
            self.in_flight.none_left().await;
        };
        tokio::time::timeout(timeout, drained).await.is_ok()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop();
    }
}
