//! `dispatch`: what the guests behind it may reach, and how much of it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::{Command, Duration, Names};

/// Redis commands that guests may send unless `commands` says otherwise: those that work on the keys they name.
pub const DEFAULT_COMMANDS: &str = "
    GET GETEX GETDEL SET SETNX SETEX PSETEX MGET MSET INCR INCRBY INCRBYFLOAT DECR DECRBY APPEND STRLEN GETRANGE
    DEL UNLINK EXISTS EXPIRE PEXPIRE PERSIST TTL PTTL TYPE
    HGET HSET HSETNX HMGET HGETALL HDEL HEXISTS HLEN HINCRBY HKEYS HVALS
    LPUSH RPUSH LPOP RPOP LLEN LRANGE LTRIM LINDEX
    SADD SREM SMEMBERS SISMEMBER SCARD
    ZADD ZREM ZRANGE ZRANGEBYSCORE ZSCORE ZCARD ZINCRBY ZCOUNT
    PING";

/// Settings of the `dispatch` filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dispatch {
    /// Stores that may be called. Default none.
    pub stores: Names,
    /// Clusters that may be called. Default none.
    pub clusters: Names,
    /// Functions that may be called. Default none.
    pub functions: Names,
    /// Redis commands that may be sent. Default [`DEFAULT_COMMANDS`].
    pub commands: Vec<Command>,
    /// Redis commands beside those. Default none.
    pub extra_commands: Vec<Command>,
    /// Patterns of the keys that may be used, as `order:*`. Default `["*"]`.
    pub keys: Vec<String>,
    /// How many calls one exchange may make. Default `{calls: 64, in_flight: 32}`.
    pub budget: Budget,
    /// For one call of a function. Default `3s`.
    pub function_timeout: Duration,
    /// Longest timeout that a guest may ask for. Default `60s`.
    pub max_call_time: Duration,
    /// How deep functions may call functions, 1 to 64. Default `8`.
    #[schemars(range(min = 1, max = 64))]
    pub depth: u32,
}

impl Default for Dispatch {
    fn default() -> Self {
        Self {
            stores: Names::none(),
            clusters: Names::none(),
            functions: Names::none(),
            commands: DEFAULT_COMMANDS.split_whitespace().map(Command::from_static).collect(),
            extra_commands: Vec::new(),
            keys: vec!["*".to_owned()],
            budget: Budget::default(),
            function_timeout: Duration::from_secs(3),
            max_call_time: Duration::from_secs(60),
            depth: 8,
        }
    }
}

/// `budget`: of one exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Budget {
    /// Most calls in all, from 1. Default `64`.
    #[schemars(range(min = 1))]
    pub calls: u32,
    /// Most calls at a time, from 1. Default `32`.
    #[schemars(range(min = 1))]
    pub in_flight: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Self { calls: 64, in_flight: 32 }
    }
}
