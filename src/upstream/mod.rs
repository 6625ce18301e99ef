//! Clusters: named groups of endpoints, and everything on the way from a request to an endpoint's response.
//!
//! A request passes [`Router`] → [`Cluster`]: admission within exact limits, an endpoint by weight, a connection (pooled
//! or new), one HTTP/1.1 exchange on it, retries of what was never sent. [`Clusters`] offers the same way to guests.
//! Nothing here knows the configuration file, listeners or telemetry: settings and an [`Observer`] are handed in.

mod attempt;
mod balance;
mod circuit;
mod cluster;
mod clusters;
mod direct_response;
mod download;
mod h1;
mod observer;
mod payload;
mod pool;
mod router;
mod send;
#[cfg(test)]
mod tests;
mod upload;

pub use cluster::{Cluster, ClusterSettings, Connections, Endpoint, Timeouts};
pub use clusters::Clusters;
pub use direct_response::DirectResponse;
pub use observer::{Observer, Unobserved};
pub use router::Router;
