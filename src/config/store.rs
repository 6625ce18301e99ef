//! `stores`: named key-value state stores.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::value::{Duration, Name, Size, StoreUrl};

/// One of `stores`: exactly one of `redis` and `memory` is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = one_kind)]
pub struct Store {
    /// What guests call it by; unlike every other store's and cluster's.
    pub name: Name,
    /// A redis server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Redis", default)]
    pub redis: Option<Redis>,
    /// Kept in this process; forgotten when it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Memory", default)]
    pub memory: Option<Memory>,
    /// Put before every key, invisible to guests. Default empty.
    #[serde(default)]
    pub key_prefix: String,
}

/// Exactly one kind, which is not `null`, in the JSON Schema.
fn one_kind(schema: &mut Schema) {
    schema.insert("oneOf".into(), json!([{"required": ["redis"]}, {"required": ["memory"]}]));
}

impl Store {
    /// What kind of store it is; `None` where validation finds neither or both.
    #[must_use]
    pub const fn kind(&self) -> Option<StoreKind<'_>> {
        match (&self.redis, &self.memory) {
            (Some(redis), None) => Some(StoreKind::Redis(redis)),
            (None, Some(memory)) => Some(StoreKind::Memory(memory)),
            _ => None,
        }
    }
}

/// The two kinds of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind<'a> {
    /// A redis server.
    Redis(&'a Redis),
    /// Kept in this process.
    Memory(&'a Memory),
}

/// `redis`: a server, and how it is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redis {
    /// `redis://` `rediss://` `redis+unix://`, the database at the end as `/0`.
    pub url: StoreUrl,
    /// The user to log in as. Default none.
    #[serde(default)]
    pub username: Option<String>,
    /// File that holds the password. Default none.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// Around each call, waiting for a connection included. Default `100ms`.
    #[serde(default = "default_timeout")]
    pub timeout: Duration,
    /// For making a connection. Default `1s`.
    #[serde(default = "default_connect_timeout")]
    pub connect_timeout: Duration,
    /// When calls are refused at once. Default `{failures: 5, retry: 100ms}`.
    #[serde(default)]
    pub breaker: Breaker,
    /// Largest reply that is read. Default `4MiB`.
    #[serde(default = "default_max_reply")]
    pub max_reply: Size,
}

const fn default_timeout() -> Duration {
    Duration::from_millis(100)
}

const fn default_connect_timeout() -> Duration {
    Duration::from_secs(1)
}

const fn default_max_reply() -> Size {
    Size::mib(4)
}

/// `breaker`: refuses calls at once while a store does not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Breaker {
    /// Failures in a row that open it, from 1. Default `5`.
    #[schemars(range(min = 1))]
    pub failures: u32,
    /// How long it stays open before one call is tried. Default `100ms`.
    pub retry: Duration,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { failures: 5, retry: Duration::from_millis(100) }
    }
}

/// `memory`: a store inside this process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Memory {
    /// Keys and values that it starts with; the keys as guests see them. Default none.
    pub seed: BTreeMap<String, String>,
    /// Most bytes of keys and values together. Default `64MiB`.
    pub max_bytes: Size,
}

impl Default for Memory {
    fn default() -> Self {
        Self { seed: BTreeMap::new(), max_bytes: Size::mib(64) }
    }
}
