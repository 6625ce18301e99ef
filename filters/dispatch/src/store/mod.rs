//! Stores: named key-value state, in redis or in memory, behind one set of commands.

mod command;
mod http;
mod json;
mod memory;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

pub(crate) use command::{Allowed, Command, KeyPatterns};
pub(crate) use http::{command, response};
use memory::Memory;
pub use memory::MemorySettings;

use crate::metrics::Kind;
use crate::redis::Redis;
use crate::{Error, RedisSettings};

/// A named store. Reached by guests through a [`Scope`](crate::Scope) alone.
pub struct Store {
    name: Arc<str>,
    prefix: Bytes,
    engine: Engine,
}

enum Engine {
    Memory(Memory),
    Redis(Redis),
}

/// What a store answers to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    Nil,
    Integer(i64),
    Text(Bytes),
    List(Vec<Reply>),
}

/// Why a store did not do what it was asked, in the words of the `x-outrigger-reason` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// No connection could be made.
    Refused,
    /// The connection was lost while the call ran, or is lost and not yet back.
    Closed,
    /// The server wants other credentials, or these may not do that.
    NoAuth,
    /// The key holds a value of another type.
    WrongType,
    /// The server is a replica.
    ReadOnly,
    /// The server, or the memory store, is full.
    Oom,
    /// What the server sent is no reply.
    Protocol,
    /// Whatever else the server says, or a reply over `max_reply`.
    Other,
    /// No answer in time.
    Timeout,
    /// The store failed too often of late and was not asked.
    BreakerOpen,
    /// The policy does not let this command or this key through.
    Denied,
    /// The request is none that a store understands.
    BadRequest,
}

impl Reason {
    /// The word in `x-outrigger-reason`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Closed => "closed",
            Self::NoAuth => "noauth",
            Self::WrongType => "wrongtype",
            Self::ReadOnly => "readonly",
            Self::Oom => "oom",
            Self::Protocol => "protocol",
            Self::Other => "other",
            Self::Timeout => "timeout",
            Self::BreakerOpen => "breaker_open",
            Self::Denied => "denied",
            Self::BadRequest => "bad_request",
        }
    }
}

/// A store's error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// The kind of error.
    pub reason: Reason,
    /// What happened, for people.
    pub message: String,
}

impl StoreError {
    pub(crate) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into() }
    }
}

/// The error of a call that the store did not answer in time.
pub(crate) fn timed_out(store: &str, limit: Duration) -> StoreError {
    StoreError::new(Reason::Timeout, format!("store `{store}` did not answer within {limit:?}"))
}

impl Store {
    /// A store in memory, which holds the seed.
    ///
    /// # Errors
    ///
    /// The seed is larger than the store may be.
    pub fn memory(name: impl Into<Arc<str>>, key_prefix: &str, settings: MemorySettings) -> Result<Self, Error> {
        let name = name.into();
        let memory = Memory::new(&name, key_prefix, settings)?;
        Ok(Self { name, prefix: Bytes::copy_from_slice(key_prefix.as_bytes()), engine: Engine::Memory(memory) })
    }

    /// A store in redis. It connects when it is first called.
    ///
    /// # Errors
    ///
    /// The url is not one of a redis server.
    pub fn redis(name: impl Into<Arc<str>>, key_prefix: &str, settings: RedisSettings) -> Result<Self, Error> {
        let name = name.into();
        let redis = Redis::new(&name, settings)?;
        Ok(Self { name, prefix: Bytes::copy_from_slice(key_prefix.as_bytes()), engine: Engine::Redis(redis) })
    }

    /// The name by which guests and policies call the store.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(crate) fn kind(&self) -> Kind {
        match self.engine {
            Engine::Memory(_) => Kind::Memory,
            Engine::Redis(_) => Kind::Redis,
        }
    }

    /// Runs a command with the store's prefix before each of its keys.
    pub(crate) async fn run(&self, command: Command) -> Result<Reply, StoreError> {
        let command = command.with_prefix(&self.prefix).map_err(|why| StoreError::new(Reason::Denied, why))?;
        match &self.engine {
            Engine::Memory(memory) => memory.run(&command, Instant::now()),
            Engine::Redis(redis) => redis.run(&command).await,
        }
    }
}

impl Reply {
    pub(crate) fn text(text: &'static str) -> Self {
        Self::Text(Bytes::from_static(text.as_bytes()))
    }

    /// The bytes of a reply to GET; none for a missing key.
    pub(crate) fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(bytes) => bytes,
            Self::Integer(number) => Bytes::from(number.to_string()),
            Self::Nil | Self::List(_) => Bytes::new(),
        }
    }
}
