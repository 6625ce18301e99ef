//! How much is logged: one level for all, and one for each part that needs another.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use parking_lot::Mutex;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::{Registry, reload};

use super::bridge;

/// The target of lines that guests write. Their level is their function's own (`log_level`), so all that get here pass.
pub const GUEST_TARGET: &str = "outrigger::guest";

/// Parts of the proxy by the names that `/logging` gives them, and the targets that their lines carry.
const LOGGERS: &[(&str, &str)] = &[
    ("admin", "outrigger::admin"),
    ("chain", "outrigger_chain"),
    ("config", "outrigger::config"),
    ("dispatch", "outrigger_dispatch"),
    ("exchange", "outrigger::exchange"),
    ("function", "outrigger_function"),
    ("listener", "outrigger::listener"),
    ("live", "outrigger::live"),
    ("pingora", "pingora"),
    ("redis", "redis"),
    ("server", "outrigger::server"),
    ("telemetry", "outrigger::telemetry"),
    ("upstream", "outrigger::upstream"),
    ("wasm", "outrigger_wasm"),
    ("wasmtime", "wasmtime"),
];

/// The levels of the running logs. Clones speak of the same ones.
#[derive(Clone)]
pub struct LogLevels {
    handle: reload::Handle<Targets, Registry>,
    levels: Arc<Mutex<Levels>>,
}

struct Levels {
    all: LevelFilter,
    own: BTreeMap<&'static str, LevelFilter>,
}

/// A part of the proxy that has a level of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logger(&'static str);

impl FromStr for Logger {
    type Err = UnknownLogger;

    fn from_str(name: &str) -> Result<Self, UnknownLogger> {
        let known = LOGGERS.iter().find(|(known, _)| *known == name);
        known.map(|(name, _)| Self(name)).ok_or_else(|| UnknownLogger { name: name.to_owned() })
    }
}

/// No part of the proxy has this name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no logger is named `{name}`; there are {}", names())]
pub struct UnknownLogger {
    /// What was asked for.
    pub name: String,
}

fn names() -> String {
    LOGGERS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

impl LogLevels {
    /// The filter that is in force, and the handle to change it.
    pub(super) fn new(all: LevelFilter) -> (reload::Layer<Targets, Registry>, Self) {
        let levels = Levels { all, own: BTreeMap::new() };
        let (filter, handle) = reload::Layer::new(levels.targets());
        bridge::set_max_level(levels.most_verbose());
        (filter, Self { handle, levels: Arc::new(Mutex::new(levels)) })
    }

    /// Each logger's name and level, sorted by name.
    #[must_use]
    pub fn list(&self) -> Vec<(&'static str, LevelFilter)> {
        let levels = self.levels.lock();
        LOGGERS.iter().map(|(name, _)| (*name, levels.own.get(name).copied().unwrap_or(levels.all))).collect()
    }

    /// Sets every logger to one level.
    pub fn set_all(&self, level: LevelFilter) {
        let mut levels = self.levels.lock();
        levels.all = level;
        levels.own.clear();
        self.apply(&levels);
    }

    /// Sets one logger's level.
    pub fn set(&self, logger: Logger, level: LevelFilter) {
        let mut levels = self.levels.lock();
        levels.own.insert(logger.0, level);
        self.apply(&levels);
    }

    fn apply(&self, levels: &Levels) {
        bridge::set_max_level(levels.most_verbose());
        // It fails only when the logs are gone, and then no level matters.
        let _ = self.handle.reload(levels.targets());
    }
}

impl Levels {
    fn targets(&self) -> Targets {
        let own = LOGGERS.iter().filter_map(|(name, target)| Some((*target, *self.own.get(name)?)));
        Targets::new().with_default(self.all).with_target(GUEST_TARGET, LevelFilter::TRACE).with_targets(own)
    }

    fn most_verbose(&self) -> LevelFilter {
        self.own.values().copied().fold(self.all, std::cmp::max)
    }
}
