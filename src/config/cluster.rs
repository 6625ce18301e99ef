//! `clusters`: named groups of upstream endpoints.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::{Address, Duration, Name};

/// One of `clusters`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// What routers and guests call it by; unlike every other cluster's and store's.
    pub name: Name,
    /// Where its requests go, in turn; at least one.
    #[schemars(length(min = 1))]
    pub endpoints: Vec<Endpoint>,
    /// Limits of its connections.
    #[serde(default)]
    pub connections: Connections,
    /// Limits of time.
    #[serde(default)]
    pub timeouts: ClusterTimeouts,
}

/// One server of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Where it listens.
    pub address: Address,
    /// Its share of the requests beside the other endpoints' weights, 1 to 1000. Default `1`.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 1000))]
    pub weight: u32,
}

const fn one() -> u32 {
    1
}

/// `connections` of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Connections {
    /// Most connections, from 1. Default `1024`.
    #[schemars(range(min = 1))]
    pub max: u32,
    /// Most exchanges that wait for one; 0 = none may wait. Default `1024`.
    pub pending: u32,
    /// Most exchanges at a time, from 1. Default `1024`.
    #[schemars(range(min = 1))]
    pub requests: u32,
    /// How long an unused connection is kept. Default `60s`.
    pub idle: Duration,
}

impl Default for Connections {
    fn default() -> Self {
        Self { max: 1024, pending: 1024, requests: 1024, idle: Duration::from_secs(60) }
    }
}

/// `timeouts` of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterTimeouts {
    /// For making a connection. Default `1s`.
    pub connect: Duration,
}

impl Default for ClusterTimeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(1) }
    }
}
