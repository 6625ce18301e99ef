//! `direct_response`: answers by itself.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::HeaderName;

/// Settings of the `direct_response` filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DirectResponse {
    /// The status, 200 to 599. Default `200`.
    #[schemars(range(min = 200, max = 599))]
    pub status: u16,
    /// The body. Default empty.
    pub body: String,
    /// The headers. Default none.
    pub headers: BTreeMap<HeaderName, String>,
}

impl Default for DirectResponse {
    fn default() -> Self {
        Self { status: 200, body: String::new(), headers: BTreeMap::new() }
    }
}
