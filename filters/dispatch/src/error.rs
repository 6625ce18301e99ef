//! What goes wrong: when a dispatch filter is built, when a call is asked for, and when it runs.

use std::time::Duration;

use crate::store::StoreError;

/// Why a store, a policy or a dispatcher cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A pattern of `keys` is not a glob.
    #[error(
        "cannot read the key pattern `{pattern}`: {source}; write `*`, `?`, `[ab]` and `{{x,y}}`, and `\\` before any of these to mean the character"
    )]
    Glob {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        source: globset::Error,
    },
    /// A command that would change or block the connection that all guests share.
    #[error(
        "cannot let guests use the command `{0}`: it changes or blocks the connection that they all share; remove it"
    )]
    SharedConnection(String),
    /// A store's `url` is not one.
    #[error(
        "cannot read the url of store `{store}`: {reason}; write redis://HOST:PORT/DB, rediss://HOST:PORT/DB or redis+unix:///PATH/DB"
    )]
    Url {
        /// Name of the store.
        store: String,
        /// What is wrong with it. Never holds the url, which may hold a password.
        reason: String,
    },
    /// The seed of a memory store is larger than the store may be.
    #[error(
        "cannot seed the memory store `{store}`: the seed needs more than `max_bytes` ({max_bytes}); raise it or seed less"
    )]
    Seed {
        /// Name of the store.
        store: String,
        /// The limit.
        max_bytes: u64,
    },
}

/// Why an HTTP call was not let out. The guest is told at once and gets no callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No store or cluster of that name exists, or the policy does not permit it.
    #[error("nothing of that name may be called from here")]
    Unknown,
    /// The exchange has used up its calls, or has too many of them in flight.
    #[error("the budget of host calls is used up")]
    Budget,
}

/// Why a host call that must return its answer has none.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nothing of that name exists, or the policy does not permit it.
    #[error("nothing named `{0}` may be called from here")]
    Unknown(String),
    /// The exchange has used up its calls, or has too many of them in flight.
    #[error("the budget of host calls is used up")]
    Budget,
    /// Functions call each other deeper than the policy allows.
    #[error("calling function `{id}` would nest functions deeper than {depth}")]
    Depth {
        /// The function.
        id: String,
        /// The policy's limit.
        depth: u32,
    },
    /// The store answered with an error, or not at all.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No answer came in time.
    #[error("`{target}` did not answer within {timeout:?}")]
    Timeout {
        /// What was called.
        target: String,
        /// What was left of the time for it when the call began.
        timeout: Duration,
    },
    /// The cluster answered with a status other than 2xx.
    #[error("cluster `{cluster}` answered with status {status}")]
    Status {
        /// The cluster.
        cluster: String,
        /// Its answer, or 503 and 504 where there was none.
        status: u16,
    },
    /// The cluster's response broke off or was too large.
    #[error("the response of cluster `{0}` broke off or was too large")]
    Response(String),
    /// The called function failed.
    #[error("function `{id}` failed: {reason}")]
    Function {
        /// The function.
        id: String,
        /// Why it failed.
        reason: String,
    },
}
