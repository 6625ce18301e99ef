//! A store in the process's own memory: for a quick start, for tests, for state that may be lost.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;

use super::{Command, Reason, Reply, StoreError};
use crate::Error;

#[cfg(test)]
mod tests;

/// Settings of a memory store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemorySettings {
    /// Keys and values that it begins with. Keys are as guests see them, without the store's prefix.
    pub seed: BTreeMap<String, String>,
    /// How large it may grow; an entry counts its key, its value and 64 bytes.
    pub max_bytes: u64,
}

impl Default for MemorySettings {
    fn default() -> Self {
        Self { seed: BTreeMap::new(), max_bytes: 64 << 20 }
    }
}

/// What an entry takes besides its key and value: the table's slot and the two buffers' own bookkeeping.
const ENTRY: u64 = 64;

pub(super) struct Memory {
    max_bytes: u64,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    entries: HashMap<Bytes, Entry>,
    bytes: u64,
}

struct Entry {
    value: Bytes,
    expires: Option<Instant>,
}

impl Memory {
    pub(super) fn new(store: &str, prefix: &str, settings: MemorySettings) -> Result<Self, Error> {
        let mut table = Table::default();
        for (key, value) in settings.seed {
            table.put(Bytes::from(format!("{prefix}{key}")), Entry { value: Bytes::from(value), expires: None });
        }
        if table.bytes > settings.max_bytes {
            return Err(Error::Seed { store: store.to_owned(), max_bytes: settings.max_bytes });
        }
        Ok(Self { max_bytes: settings.max_bytes, table: Mutex::new(table) })
    }

    /// Runs one command at the time `now`.
    pub(super) fn run(&self, command: &Command, now: Instant) -> Result<Reply, StoreError> {
        let mut table = self.table.lock();
        match (command.name(), command.arguments()) {
            ("GET", [key]) => Ok(table.value(key, now)),
            ("MGET", keys @ [_, ..]) => Ok(Reply::List(keys.iter().map(|key| table.value(key, now)).collect())),
            ("SET", [key, value, options @ ..]) => self.set(&mut table, key, value, options, now),
            ("DEL", keys @ [_, ..]) => Ok(count(keys, |key| table.live(key, now).is_some() && table.remove(key))),
            ("EXISTS", keys @ [_, ..]) => Ok(count(keys, |key| table.live(key, now).is_some())),
            ("INCRBY", [key, by]) => self.increment(&mut table, key, by, now),
            ("EXPIRE", [key, seconds]) => table.expire(key, seconds, now),
            ("TTL", [key]) => Ok(Reply::Integer(table.seconds_left(key, now))),
            ("GET" | "MGET" | "SET" | "DEL" | "EXISTS" | "INCRBY" | "EXPIRE" | "TTL", _) => {
                Err(other(format!("wrong number of arguments for `{command}`")))
            }
            _ => Err(other(format!("a memory store does not know the command `{command}`"))),
        }
    }

    fn set(
        &self,
        table: &mut Table,
        key: &Bytes,
        value: &Bytes,
        options: &[Bytes],
        now: Instant,
    ) -> Result<Reply, StoreError> {
        let options = SetOptions::read(options, now)?;
        if options.only_new && table.live(key, now).is_some() {
            return Ok(Reply::Nil);
        }
        self.store(table, key, Entry { value: value.clone(), expires: options.expires }, now)?;
        Ok(Reply::text("OK"))
    }

    fn increment(&self, table: &mut Table, key: &Bytes, by: &Bytes, now: Instant) -> Result<Reply, StoreError> {
        let (current, expires) = match table.live(key, now) {
            Some(entry) => (integer(&entry.value)?, entry.expires),
            None => (0, None),
        };
        let sum = current.checked_add(integer(by)?).ok_or_else(|| other("the increment overflows the value"))?;
        self.store(table, key, Entry { value: Bytes::from(sum.to_string()), expires }, now)?;
        Ok(Reply::Integer(sum))
    }

    /// Puts an entry if there is room, once what has expired is gone.
    fn store(&self, table: &mut Table, key: &Bytes, entry: Entry, now: Instant) -> Result<(), StoreError> {
        if table.bytes_with(key, &entry.value) > self.max_bytes {
            table.sweep(now);
        }
        if table.bytes_with(key, &entry.value) > self.max_bytes {
            return Err(StoreError::new(Reason::Oom, "the memory store is full"));
        }
        // Its own copy: a slice would keep the whole message alive that it was cut from.
        let value = Bytes::copy_from_slice(&entry.value);
        table.put(Bytes::copy_from_slice(key), Entry { value, expires: entry.expires });
        Ok(())
    }
}

impl Table {
    /// The entry of a key; one that has expired is removed instead.
    fn live(&mut self, key: &Bytes, now: Instant) -> Option<&Entry> {
        if self.entries.get(key).is_some_and(|entry| entry.is_over(now)) {
            self.remove(key);
        }
        self.entries.get(key)
    }

    fn value(&mut self, key: &Bytes, now: Instant) -> Reply {
        self.live(key, now).map_or(Reply::Nil, |entry| Reply::Text(entry.value.clone()))
    }

    /// As redis does: a time that is not in the future removes the key.
    fn expire(&mut self, key: &Bytes, seconds: &Bytes, now: Instant) -> Result<Reply, StoreError> {
        let seconds = integer(seconds)?;
        if self.live(key, now).is_none() {
            return Ok(Reply::Integer(0));
        }
        if seconds <= 0 {
            self.remove(key);
            return Ok(Reply::Integer(1));
        }
        let expires = Some(after(seconds, now)?);
        if let Some(entry) = self.entries.get_mut(key) {
            entry.expires = expires;
        }
        Ok(Reply::Integer(1))
    }

    /// To the nearest second; -1 never expires, -2 is not there.
    fn seconds_left(&mut self, key: &Bytes, now: Instant) -> i64 {
        match self.live(key, now).map(|entry| entry.expires) {
            None => -2,
            Some(None) => -1,
            Some(Some(expires)) => {
                (expires - now + Duration::from_millis(500)).as_secs().try_into().unwrap_or(i64::MAX)
            }
        }
    }

    fn put(&mut self, key: Bytes, entry: Entry) {
        self.remove(&key);
        self.bytes += size(&key, &entry.value);
        self.entries.insert(key, entry);
    }

    fn remove(&mut self, key: &Bytes) -> bool {
        let Some(entry) = self.entries.remove(key) else { return false };
        self.bytes -= size(key, &entry.value);
        true
    }

    fn sweep(&mut self, now: Instant) {
        let bytes = &mut self.bytes;
        self.entries.retain(|key, entry| {
            let over = entry.is_over(now);
            if over {
                *bytes -= size(key, &entry.value);
            }
            !over
        });
    }

    /// The size that the table would have with this entry.
    fn bytes_with(&self, key: &Bytes, value: &Bytes) -> u64 {
        let old = self.entries.get(key).map_or(0, |entry| size(key, &entry.value));
        self.bytes - old + size(key, value)
    }
}

impl Entry {
    fn is_over(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

#[derive(Default)]
struct SetOptions {
    only_new: bool,
    expires: Option<Instant>,
}

impl SetOptions {
    fn read(mut options: &[Bytes], now: Instant) -> Result<Self, StoreError> {
        let mut read = Self::default();
        loop {
            match options {
                [] => return Ok(read),
                [option, rest @ ..] if option.eq_ignore_ascii_case(b"NX") => {
                    read.only_new = true;
                    options = rest;
                }
                [option, seconds, rest @ ..] if option.eq_ignore_ascii_case(b"EX") && read.expires.is_none() => {
                    read.expires = Some(after(integer(seconds)?, now)?);
                    options = rest;
                }
                _ => return Err(other("a memory store knows no options of `SET` but `EX` and `NX`")),
            }
        }
    }
}

fn size(key: &Bytes, value: &Bytes) -> u64 {
    key.len() as u64 + value.len() as u64 + ENTRY
}

fn count(keys: &[Bytes], mut is: impl FnMut(&Bytes) -> bool) -> Reply {
    Reply::Integer(keys.iter().filter(|key| is(key)).count() as i64)
}

fn integer(text: &[u8]) -> Result<i64, StoreError> {
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| other("the value is not an integer or out of range"))
}

fn after(seconds: i64, now: Instant) -> Result<Instant, StoreError> {
    let seconds = u64::try_from(seconds).ok().filter(|&seconds| seconds > 0);
    let expires = seconds.and_then(|seconds| now.checked_add(Duration::from_secs(seconds)));
    expires.ok_or_else(|| other("the expire time is out of range"))
}

fn other(message: impl Into<String>) -> StoreError {
    StoreError::new(Reason::Other, message)
}
