//! `vm_config`: the module and what its vm knows.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::{GuestSettings, Pairs, Sha256};

/// `vm_config` of a function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VmConfig {
    /// `wasmtime`; `wasmer` is accepted, runs on wasmtime, and is reported. Default `wasmtime`.
    #[serde(default)]
    pub engine: Engine,
    /// The module's file, relative to the working directory.
    pub path: PathBuf,
    /// What the file must hash to. Default not checked.
    #[serde(default)]
    pub sha256: Option<Sha256>,
    /// Scope of shared data and queues; empty = the function's id. Default empty.
    #[serde(default)]
    pub vm_id: String,
    /// For `proxy_on_vm_start`: a string as it is, anything else as JSON. Default none.
    #[serde(default)]
    pub configuration: GuestSettings,
    /// The environment that the guest sees.
    #[serde(default)]
    pub environment_variables: EnvironmentVariables,
}

/// The engine that the module was made for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// Also the one that it runs on.
    #[default]
    Wasmtime,
    /// Accepted, as Layotto has it.
    Wasmer,
}

impl Engine {
    /// The word that is written in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wasmtime => "wasmtime",
            Self::Wasmer => "wasmer",
        }
    }
}

/// `environment_variables` of a vm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EnvironmentVariables {
    /// Variables of this process that are passed on; those that are not set are left out. Default none.
    pub host_env_keys: Vec<String>,
    /// Variables with values of their own. Default none.
    pub key_values: Pairs,
}
