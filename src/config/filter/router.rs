//! `router`: sends the exchange to a cluster.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::{Duration, Name};

/// Settings of the `router` filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Router {
    /// Where to.
    pub cluster: Name,
    /// From the end of the request to the response's headers, retries included; `0s` = none. Default `15s`.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
    /// As `timeout`, for each try; `0s` = none. Default `0s`.
    #[serde(default = "none")]
    pub per_try_timeout: Duration,
    /// Tries after the first, of what was never sent, to 10. Default `1`.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 10))]
    pub retries: u32,
}

const fn default_timeout() -> Duration {
    Duration::from_secs(15)
}

const fn none() -> Duration {
    Duration::from_secs(0)
}

const fn one() -> u32 {
    1
}
