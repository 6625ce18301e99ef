//! The configuration: the YAML file as types, and what is wrong with it as [`Problems`].
//!
//! It describes and never acts: no file is opened here, no address bound, no module compiled. [`read`] gives a
//! configuration that is right in itself, or all the problems that it has; building from it is for the others.

mod problem;

mod place;
mod render;

mod cluster;
pub mod filter;
mod function;
mod install;
mod listener;
mod log;
mod process;
mod store;
pub mod value;

mod schema;

mod nearest;
mod parse;
mod text;
mod validate;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use cluster::{Cluster, ClusterTimeouts, Connections, Endpoint};
pub use filter::{Filter, FilterConfig};
pub use function::{
    Backoff, Engine, EnvironmentVariables, FailurePolicy, Function, FunctionLimits, Instances, Queue, ReloadConfig,
    VmConfig,
};
pub use install::{InstallBody, function_body, uninstall_body, update_body};
pub use listener::{Listener, ListenerLimits, ListenerTimeouts};
pub use log::{AccessLog, AccessLogFormat, AccessLogPath, Log, LogFormat, LogLevel};
pub use parse::{MAX_SIZE, parse, read, read_with};
pub use place::Place;
pub use problem::{Problem, Problems};
pub use process::{Admin, Drain, Limits, Probes, Wasm};
pub use schema::schema;
pub use store::{Breaker, Memory, Redis, Store, StoreKind};
pub use validate::{validate, validate_function};
pub use value::{Address, Auto, Duration, GuestSettings, Name, Names, Secret, Size};

/// The whole configuration, as the file has it, with all defaults filled in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Data-plane workers, 1 to 1024; `auto` = the cgroup's CPU quota, rounded up. Default `auto`.
    pub threads: Auto,
    /// What the process itself says.
    pub log: Log,
    /// One line for each exchange.
    pub access_log: AccessLog,
    /// The operator's endpoints.
    pub admin: Admin,
    /// Endpoints for a kubelet and a scraper.
    pub probes: Probes,
    /// How the process ends.
    pub drain: Drain,
    /// Limits of the whole process.
    pub limits: Limits,
    /// The Wasm host of the whole process.
    pub wasm: Wasm,
    /// Key-value state stores.
    pub stores: Vec<Store>,
    /// Groups of upstream endpoints.
    pub clusters: Vec<Cluster>,
    /// Proxy-Wasm modules.
    pub functions: Vec<Function>,
    /// Where connections are accepted.
    pub listeners: Vec<Listener>,
}
