//! The operator's HTTP server: what runs, how it does, and how to change it.
//!
//! It has a runtime of its own ([`runtime`]), so that it answers while the data plane is busy. It knows the rest of the
//! proxy through one trait, [`Operations`].

mod access;
mod endpoints;
mod error;
mod http1;
mod operations;
mod probes;
mod readiness;
mod request;
mod response;
mod server;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tokio::runtime::Runtime;

use crate::telemetry::{LogLevels, Metrics};

pub use access::{Access, TokenError};
pub use error::AdminError;
pub use operations::{ClusterFacts, EndpointFacts, ListenerFacts, Operations};
pub use probes::Probes;
pub use readiness::Readiness;
pub use server::{BindError, Server};

/// Everything that the endpoints speak of.
pub struct Admin {
    /// Who may ask.
    pub access: Access,
    /// The program's version.
    pub version: &'static str,
    /// Number of data-plane workers.
    pub threads: usize,
    /// When the process started.
    pub started: Instant,
    /// Whether the process serves.
    pub readiness: Readiness,
    /// The metrics of the process.
    pub metrics: Arc<Metrics>,
    /// The levels of the running logs.
    pub log_levels: LogLevels,
    /// The rest of the proxy.
    pub operations: Arc<dyn Operations>,
}

/// A runtime with one thread, for the admin server and for work that must not wait behind exchanges.
///
/// # Errors
///
/// The thread cannot be started.
pub fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).thread_name("admin").enable_all().build()
}

/// Writes the bound address of the admin server to a file, for whoever started the process with port 0. The file appears
/// complete or not at all.
///
/// # Errors
///
/// The file cannot be written or moved to its place.
pub fn write_address(path: &Path, address: SocketAddr) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".tmp");
    std::fs::write(&unfinished, format!("{address}\n"))?;
    std::fs::rename(&unfinished, path)
}

#[cfg(test)]
mod tests;
