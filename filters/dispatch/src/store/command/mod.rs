//! Commands of stores: where their keys are, which of them guests may use, and which never.

use std::collections::BTreeSet;
use std::fmt;

use bytes::{Bytes, BytesMut};
use globset::{GlobBuilder, GlobMatcher};

use crate::Error;

#[cfg(test)]
mod tests;

/// Where the keys stand among a command's arguments, counted from the one after the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    None,
    First,
    FirstTwo,
    All,
    /// Key, value, key, value, …
    EveryOther,
    Unknown,
}

/// The commands that guests may use where the policy says nothing else.
#[rustfmt::skip]
const DEFAULT: &[&str] = &[
    "GET", "GETEX", "GETDEL", "SET", "SETNX", "SETEX", "PSETEX", "MGET", "MSET", "INCR", "INCRBY", "INCRBYFLOAT", "DECR",
    "DECRBY", "APPEND", "STRLEN", "GETRANGE", "DEL", "UNLINK", "EXISTS", "EXPIRE", "PEXPIRE", "PERSIST", "TTL", "PTTL",
    "TYPE", "HGET", "HSET", "HSETNX", "HMGET", "HGETALL", "HDEL", "HEXISTS", "HLEN", "HINCRBY", "HKEYS", "HVALS", "LPUSH",
    "RPUSH", "LPOP", "RPOP", "LLEN", "LRANGE", "LTRIM", "LINDEX", "SADD", "SREM", "SMEMBERS", "SISMEMBER", "SCARD", "ZADD",
    "ZREM", "ZRANGE", "ZRANGEBYSCORE", "ZSCORE", "ZCARD", "ZINCRBY", "ZCOUNT", "PING",
];

/// Commands that never leave a guest: they change the identity, database, mode or protocol of the connection that all
/// guests share, hold it up, or take its replies out of step.
#[rustfmt::skip]
const NEVER: &[&str] = &[
    "AUTH", "HELLO", "SELECT", "RESET", "QUIT", "CLIENT", "ASKING", "READONLY", "READWRITE", "MULTI", "EXEC", "DISCARD",
    "WATCH", "UNWATCH", "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE", "MONITOR",
    "SYNC", "PSYNC", "REPLCONF", "BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP",
    "XREAD", "XREADGROUP", "WAIT", "WAITAOF", "DEBUG", "SHUTDOWN", "FAILOVER",
];

/// Key positions, as the server's own COMMAND INFO gives them.
fn keys_of(name: &str) -> Keys {
    match name {
        "PING" | "ECHO" | "TIME" | "DBSIZE" | "INFO" | "LASTSAVE" | "PUBLISH" => Keys::None,
        "MGET" | "DEL" | "UNLINK" | "EXISTS" | "TOUCH" | "SINTER" | "SINTERSTORE" | "SUNION" | "SUNIONSTORE"
        | "SDIFF" | "SDIFFSTORE" | "PFCOUNT" | "PFMERGE" => Keys::All,
        "MSET" | "MSETNX" => Keys::EveryOther,
        "RENAME" | "RENAMENX" | "COPY" | "SMOVE" | "LMOVE" | "RPOPLPUSH" | "LCS" | "ZRANGESTORE" | "GEOSEARCHSTORE" => {
            Keys::FirstTwo
        }
        "GETSET" | "SUBSTR" | "SETRANGE" | "GETBIT" | "SETBIT" | "BITCOUNT" | "BITPOS" | "BITFIELD" | "BITFIELD_RO"
        | "EXPIREAT" | "PEXPIREAT" | "EXPIRETIME" | "PEXPIRETIME" | "DUMP" | "RESTORE" | "HMSET" | "HSTRLEN"
        | "HINCRBYFLOAT" | "HRANDFIELD" | "HSCAN" | "LPUSHX" | "RPUSHX" | "LSET" | "LINSERT" | "LREM" | "LPOS"
        | "SPOP" | "SRANDMEMBER" | "SMISMEMBER" | "SSCAN" | "ZMSCORE" | "ZRANK" | "ZREVRANK" | "ZREVRANGE"
        | "ZREVRANGEBYSCORE" | "ZRANGEBYLEX" | "ZREVRANGEBYLEX" | "ZLEXCOUNT" | "ZREMRANGEBYRANK"
        | "ZREMRANGEBYSCORE" | "ZREMRANGEBYLEX" | "ZPOPMIN" | "ZPOPMAX" | "ZRANDMEMBER" | "ZSCAN" | "PFADD"
        | "GEOADD" | "GEODIST" | "GEOHASH" | "GEOPOS" | "GEOSEARCH" | "XADD" | "XLEN" | "XRANGE" | "XREVRANGE"
        | "XDEL" | "XTRIM" => Keys::First,
        _ if DEFAULT.contains(&name) => Keys::First,
        _ => Keys::Unknown,
    }
}

/// A command and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// In capitals.
    name: String,
    arguments: Vec<Bytes>,
}

impl Command {
    pub(crate) fn new(name: &str, arguments: impl IntoIterator<Item = Bytes>) -> Self {
        Self { name: name.to_ascii_uppercase(), arguments: arguments.into_iter().collect() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn arguments(&self) -> &[Bytes] {
        &self.arguments
    }

    /// The command with `prefix` before each of its keys; if they are not known, why it cannot be had.
    pub(crate) fn with_prefix(mut self, prefix: &[u8]) -> Result<Self, String> {
        if prefix.is_empty() {
            return Ok(self);
        }
        let keys = keys_of(&self.name);
        if keys == Keys::Unknown {
            return Err(format!("the keys of `{}` are not known, so it cannot run in a store with a key prefix", self));
        }
        for (at, argument) in self.arguments.iter_mut().enumerate() {
            if keys.holds(at) {
                let mut key = BytesMut::with_capacity(prefix.len() + argument.len());
                key.extend_from_slice(prefix);
                key.extend_from_slice(argument);
                *argument = key.freeze();
            }
        }
        Ok(self)
    }

    fn keys(&self, keys: Keys) -> impl Iterator<Item = &Bytes> {
        self.arguments.iter().enumerate().filter(move |(at, _)| keys.holds(*at)).map(|(_, key)| key)
    }
}

/// The name alone: arguments may be anything, and may be secret.
impl fmt::Display for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

impl Keys {
    /// Whether the argument at this place is a key.
    fn holds(self, at: usize) -> bool {
        match self {
            Self::None | Self::Unknown => false,
            Self::First => at == 0,
            Self::FirstTwo => at < 2,
            Self::All => true,
            Self::EveryOther => at.is_multiple_of(2),
        }
    }
}

/// The commands that a policy permits.
#[derive(Debug)]
pub(crate) struct Allowed(BTreeSet<String>);

impl Allowed {
    pub(crate) fn new(commands: Option<&[String]>, extra: &[String]) -> Result<Self, Error> {
        let chosen = commands.unwrap_or_default().iter().chain(extra).map(|name| name.to_ascii_uppercase());
        let mut allowed: BTreeSet<String> = chosen.collect();
        if let Some(name) = allowed.iter().find(|name| NEVER.contains(&name.as_str())) {
            return Err(Error::SharedConnection(name.clone()));
        }
        if commands.is_none() {
            allowed.extend(DEFAULT.iter().map(|&name| name.to_owned()));
        }
        Ok(Self(allowed))
    }

    pub(crate) fn check(&self, command: &Command) -> Result<(), String> {
        if self.0.contains(command.name()) { Ok(()) } else { Err(format!("command `{command}` is not permitted")) }
    }
}

/// The keys that a policy permits.
#[derive(Debug)]
pub(crate) enum KeyPatterns {
    All,
    Some(Vec<GlobMatcher>),
}

impl KeyPatterns {
    pub(crate) fn new(patterns: &[String]) -> Result<Self, Error> {
        if patterns.iter().any(|pattern| pattern == "*") {
            return Ok(Self::All);
        }
        let compile = |pattern: &String| {
            let glob = GlobBuilder::new(pattern).backslash_escape(true).build();
            glob.map(|glob| glob.compile_matcher()).map_err(|source| Error::Glob { pattern: pattern.clone(), source })
        };
        Ok(Self::Some(patterns.iter().map(compile).collect::<Result<_, _>>()?))
    }

    pub(crate) fn check(&self, command: &Command) -> Result<(), String> {
        let Self::Some(patterns) = self else { return Ok(()) };
        let keys = keys_of(command.name());
        if keys == Keys::Unknown {
            return Err(format!("the keys of `{command}` are not known, so it needs a policy with keys [\"*\"]"));
        }
        match command.keys(keys).find(|key| !matches(patterns, key)) {
            None => Ok(()),
            Some(_) => Err(format!("a key of `{command}` is not permitted")),
        }
    }
}

/// Keys are bytes; the matcher takes them as a path, which on unix is the same.
fn matches(patterns: &[GlobMatcher], key: &[u8]) -> bool {
    use std::os::unix::ffi::OsStrExt as _;
    let key = std::ffi::OsStr::from_bytes(key);
    patterns.iter().any(|pattern| pattern.is_match(key))
}
