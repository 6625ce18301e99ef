//! `functions`: Proxy-Wasm modules, how many vms they get and what these may use.
//!
//! The same object is the body of an install. Where a module comes from is in `vm_config`.

mod instances;
mod vm_config;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::log::LogLevel;
use super::value::{Duration, GuestSettings, Name, Size};

pub use instances::Instances;
pub(super) use instances::as_written;
pub use vm_config::{Engine, EnvironmentVariables, VmConfig};

/// One of `functions`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "instances::Written")]
#[schemars(!try_from, deny_unknown_fields, transform = instances::or_instance_num)]
pub struct Function {
    /// What it is called; its id, unless the guest says another one itself.
    pub name: Name,
    /// How many vms it has. `instance_num: N` is `{min: N, max: N}`.
    #[schemars(default)]
    pub instances: Instances,
    /// The module and its vm.
    pub vm_config: VmConfig,
    /// Which of the module's root contexts is meant. Default empty.
    #[schemars(default)]
    pub root_id: String,
    /// For `proxy_on_configure`: a string as it is, anything else as JSON. Default none.
    #[schemars(default)]
    pub configuration: GuestSettings,
    /// What an exchange gets when the guest cannot run. Default `fail_closed`.
    #[schemars(default)]
    pub failure_policy: FailurePolicy,
    /// How fast broken vms are replaced.
    #[schemars(default)]
    pub reload_config: ReloadConfig,
    /// What one vm may use.
    #[schemars(default)]
    pub limits: FunctionLimits,
    /// Exchanges that wait for a vm.
    #[schemars(default)]
    pub queue: Queue,
    /// The least important lines of the guest that are written. Default `info`.
    #[schemars(default)]
    pub log_level: LogLevel,
}

/// What an exchange gets when the guest cannot run; the vm is replaced in the background in each case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailurePolicy {
    /// 503.
    #[default]
    FailClosed,
    /// The filter is skipped.
    FailOpen,
    /// As `fail_closed`.
    FailReload,
}

impl FailurePolicy {
    /// The word that is written in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FailClosed => "fail_closed",
            Self::FailOpen => "fail_open",
            Self::FailReload => "fail_reload",
        }
    }
}

/// `reload_config`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReloadConfig {
    /// Time between attempts to replace a vm.
    pub backoff: Backoff,
}

/// `backoff`: doubles from the base to the maximum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Backoff {
    /// Before the second attempt. Default `1s`.
    pub base_interval: Duration,
    /// Longest time between two attempts. Default `60s`.
    pub max_interval: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base_interval: Duration::from_secs(1), max_interval: Duration::from_secs(60) }
    }
}

/// `limits` of a function: of each of its vms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FunctionLimits {
    /// Guest time of one callback. Default `50ms`.
    pub cpu: Duration,
    /// Start and configure together. Default `1s`.
    pub start: Duration,
    /// Linear memory, 64KiB to 1GiB. Default `64MiB`.
    pub memory: Size,
    /// Bytes of a body that are held for the guest, to 1GiB. Default `1MiB`.
    pub body: Size,
}

impl Default for FunctionLimits {
    fn default() -> Self {
        Self {
            cpu: Duration::from_millis(50),
            start: Duration::from_secs(1),
            memory: Size::mib(64),
            body: Size::mib(1),
        }
    }
}

/// `queue`: exchanges that wait for a vm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Queue {
    /// Most that wait; 0 = none may wait. Default `1024`.
    pub length: u32,
    /// Longest that one waits. Default `1s`.
    pub wait: Duration,
}

impl Default for Queue {
    fn default() -> Self {
        Self { length: 1024, wait: Duration::from_secs(1) }
    }
}
