//! `wasm`: runs a function as a Proxy-Wasm HTTP filter.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::Name;

/// Settings of the `wasm` filter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "WasmFilter")]
pub struct Wasm {
    /// The function; absent = the one that `function_lookup` chose, and none chosen = pass on.
    pub function: Option<Name>,
}
