//! What a dispatch filter lets guests reach.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::Error;
use crate::store::{Allowed, Command, KeyPatterns};

/// A list of names in a policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Names {
    /// No name.
    #[default]
    None,
    /// Every name.
    All,
    /// These names.
    Some(BTreeSet<String>),
}

impl Names {
    /// Whether the list holds the name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Some(names) => names.contains(name),
        }
    }
}

/// How many host calls one exchange may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Calls in all, those of called functions included.
    pub calls: u32,
    /// Calls at the same time, those of called functions included.
    pub in_flight: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Self { calls: 64, in_flight: 32 }
    }
}

/// Settings of a dispatch filter. The default permits nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Stores that may be called.
    pub stores: Names,
    /// Clusters that may be called.
    pub clusters: Names,
    /// Functions that may be called.
    pub functions: Names,
    /// Store commands that may be used instead of the default list; in either case of letters.
    pub commands: Option<Vec<String>>,
    /// Store commands that may be used besides `commands` or the default list. One whose key positions are not known
    /// here runs only where `keys` is `["*"]` and the store has no key prefix.
    pub extra_commands: Vec<String>,
    /// Globs, of which each key of a command must match at least one. A key is what the guest wrote, without the
    /// store's prefix; `*` matches `/` too.
    pub keys: Vec<String>,
    /// Host calls of one exchange.
    pub budget: Budget,
    /// Time for the call of a function, or of a cluster in a function's place.
    pub function_timeout: Duration,
    /// The longest time for any HTTP call, and the time for one that names none.
    pub max_call_time: Duration,
    /// How deep functions may call each other.
    pub depth: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            stores: Names::None,
            clusters: Names::None,
            functions: Names::None,
            commands: None,
            extra_commands: Vec::new(),
            keys: vec!["*".to_owned()],
            budget: Budget::default(),
            function_timeout: Duration::from_secs(3),
            max_call_time: Duration::from_secs(60),
            depth: 8,
        }
    }
}

/// The permissions of one policy, ready to be asked.
#[derive(Debug)]
pub(crate) struct Rules {
    stores: Names,
    clusters: Names,
    functions: Names,
    commands: Allowed,
    keys: KeyPatterns,
}

impl Rules {
    pub(crate) fn new(policy: &Policy) -> Result<Self, Error> {
        Ok(Self {
            stores: policy.stores.clone(),
            clusters: policy.clusters.clone(),
            functions: policy.functions.clone(),
            commands: Allowed::new(policy.commands.as_deref(), &policy.extra_commands)?,
            keys: KeyPatterns::new(&policy.keys)?,
        })
    }

    pub(crate) fn store(&self, name: &str) -> bool {
        self.stores.contains(name)
    }

    pub(crate) fn cluster(&self, name: &str) -> bool {
        self.clusters.contains(name)
    }

    pub(crate) fn function(&self, id: &str) -> bool {
        self.functions.contains(id)
    }

    /// Whether the command may run against the store with the keys that it names; if not, why.
    pub(crate) fn command(&self, store: &str, command: &Command) -> Result<(), String> {
        if !self.store(store) {
            return Err(format!("store `{store}` may not be called from here"));
        }
        self.commands.check(command)?;
        self.keys.check(command)
    }
}
