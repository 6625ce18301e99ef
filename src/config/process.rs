//! What concerns the process as a whole: its own endpoints, its limits, its end.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::value::{Address, Auto, Duration, Size};

/// `admin`: the operator's endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Admin {
    /// Where they listen; port 0 is any free one. Default `127.0.0.1:34998`.
    pub address: Address,
    /// File with the token that requests must bear; required when the address is not loopback. Default none.
    pub token_file: Option<PathBuf>,
}

impl Default for Admin {
    fn default() -> Self {
        Self { address: std::net::SocketAddr::from(([127, 0, 0, 1], 34998)).into(), token_file: None }
    }
}

/// `probes`: `/ready`, `/live` and `/stats/prometheus` for a kubelet and a scraper, without a token.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Probes {
    /// Where they listen, e.g. `0.0.0.0:15021`; absent = nowhere.
    pub address: Option<Address>,
}

/// `drain`: how the process ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Drain {
    /// Longest time that exchanges are waited for. Default `30s`.
    pub timeout: Duration,
    /// Time between "not ready" and the end of accepting, for load balancers to notice. Default `0s`.
    pub wait: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(30), wait: Duration::from_secs(0) }
    }
}

/// `limits`: of the whole process.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Most downstream connections of all listeners, from 1; `auto` = (`RLIMIT_NOFILE` - 256) / 2. Default `auto`.
    pub connections: Auto,
}

/// `wasm`: the Wasm host of the whole process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Wasm {
    /// Most vms of all functions together, 1 to 100000. Default `1000`.
    #[schemars(range(min = 1, max = 100000))]
    pub vms: u32,
    /// Largest module that is compiled, 1KiB to 1GiB. Default `16MiB`.
    pub max_module: Size,
}

impl Default for Wasm {
    fn default() -> Self {
        Self { vms: 1000, max_module: Size::mib(16) }
    }
}
