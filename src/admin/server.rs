//! Accepting connections for the admin server and for the probes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::endpoints::Endpoints;
use super::http1::{App, Http1};
use super::{Admin, Probes};

/// Connections at a time; others wait in the kernel. An operator and a few scrapers need less, and a client that opens
/// thousands must not take the data plane's descriptors.
const CONNECTIONS: usize = 128;
/// How long nothing is accepted after accepting failed, most likely for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// A bound address, not yet served.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

/// The address cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot bind {address} for the admin server")]
pub struct BindError {
    /// As configured.
    pub address: SocketAddr,
    /// Why.
    pub source: io::Error,
}

impl Server {
    /// Binds the address; port 0 takes any free one. Called within a runtime, which will serve it.
    ///
    /// # Errors
    ///
    /// The address is in use, is not this host's, or needs a right that the process lacks.
    pub async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let bound = async {
            let listener = TcpListener::bind(address).await?;
            let address = listener.local_addr()?;
            io::Result::Ok(Self { listener, address })
        };
        bound.await.map_err(|source| BindError { address, source })
    }

    /// The address with the port that was taken.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves the admin endpoints until the future is dropped, and with it every connection.
    pub async fn admin(self, admin: Admin) {
        self.serve(Endpoints::new(admin)).await;
    }

    /// Serves the probes until the future is dropped.
    pub async fn probes(self, probes: Probes) {
        self.serve(probes).await;
    }

    async fn serve(self, app: impl App) {
        let http = Arc::new(Http1::new(app));
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            let place = Arc::clone(&places).acquire_owned().await.expect("nobody closes the semaphore");
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                Some(_) = connections.join_next() => continue,
            };
            match accepted {
                Ok((socket, _)) => {
                    let http = Arc::clone(&http);
                    connections.spawn(async move {
                        http.connection(socket).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, address = %self.address, "cannot accept a connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}
