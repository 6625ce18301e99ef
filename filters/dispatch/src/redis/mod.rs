//! The redis client, behind a wall: a redis that is down, hung, slow or talkative costs a guest a bounded, short wait.
//!
//! A call goes through the [`breaker`], has its own timeout around everything, and never waits for a reconnect: while
//! the connection is down, calls fail at once with the reason why, and a task of the store's own brings it back
//! ([`reconnect`]). No call is ever repeated. One connection carries all calls of a store; replies come in the order of
//! the calls, so a call that gave up leaves its place to be filled by its own late reply. After `breaker.failures`
//! timeouts in a row the connection is dropped, since a hung server never closes it.

mod address;
mod breaker;
mod connection;
mod reconnect;
mod reply;
mod reply_limit;
mod scanner;
mod transport;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;
use tokio::time::{Instant as Deadline, timeout_at};

use crate::Error;
use crate::store::{Command, Reason, Reply, StoreError, timed_out};
use breaker::{Breaker, Permit};
use connection::Connector;
use reconnect::{Line, State};

/// Settings of a redis store.
#[derive(Clone)]
pub struct RedisSettings {
    /// `redis://`, `rediss://` (TLS) or `redis+unix://`, with `/DB` at the end. Userinfo in it is used where `username`
    /// or `password_file` is not given.
    pub url: String,
    /// ACL user.
    pub username: Option<String>,
    /// File whose content, without the line end, is the password. Read anew for each connection.
    pub password_file: Option<PathBuf>,
    /// Time for each call, waiting for the first connection included.
    pub timeout: Duration,
    /// Time for making a connection, up to the server's first reply on it.
    pub connect_timeout: Duration,
    /// When calls stop being sent.
    pub breaker: BreakerSettings,
    /// The largest reply in bytes as sent; a larger one costs the connection.
    pub max_reply: u64,
}

/// Settings of a store's breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Failures in a row that open it, and timeouts in a row that drop the connection; 0 counts as 1.
    pub failures: u32,
    /// Time between the calls that try whether the store is back.
    pub retry: Duration,
}

impl RedisSettings {
    /// The defaults for a server.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            username: None,
            password_file: None,
            timeout: Duration::from_millis(100),
            connect_timeout: Duration::from_secs(1),
            breaker: BreakerSettings { failures: 5, retry: Duration::from_millis(100) },
            max_reply: 4 << 20,
        }
    }
}

/// A redis server, as one store sees it.
pub(crate) struct Redis {
    store: Arc<str>,
    timeout: Duration,
    /// Timeouts in a row after which a connection is given up.
    patience: u32,
    breaker: Arc<Breaker>,
    line: Arc<Line>,
    connector: Arc<Connector>,
    /// The task that keeps the line up. It begins with the first call.
    keeper: OnceLock<AbortHandle>,
}

impl Redis {
    pub(crate) fn new(store: &Arc<str>, settings: RedisSettings) -> Result<Self, Error> {
        let (timeout, breaker) = (settings.timeout, settings.breaker);
        Ok(Self {
            store: Arc::clone(store),
            timeout,
            patience: breaker.failures.max(1),
            breaker: Arc::new(Breaker::new(breaker.failures.max(1), breaker.retry)),
            line: Arc::new(Line::new(Arc::clone(store))),
            connector: Arc::new(Connector::new(store, settings)?),
            keeper: OnceLock::new(),
        })
    }

    /// Runs one command: an answer or an error within the timeout.
    pub(crate) async fn run(&self, command: &Command) -> Result<Reply, StoreError> {
        let Some(permit) = self.breaker.admit(Instant::now()) else {
            return Err(StoreError::new(
                Reason::BreakerOpen,
                format!("store `{}` failed too often of late; it is asked again shortly", self.store),
            ));
        };
        let result = self.ask(command).await;
        settle(permit, &result);
        result
    }

    async fn ask(&self, command: &Command) -> Result<Reply, StoreError> {
        let deadline = Deadline::now() + self.timeout;
        let mut link = match self.line.state() {
            State::Up(link) => link,
            State::Down(why) => return Err(why),
            State::Connecting => {
                self.keep_up();
                timeout_at(deadline, self.line.settled()).await.map_err(|_| self.timed_out())??
            }
        };
        match timeout_at(deadline, link.send(command)).await {
            Ok(result) => result,
            Err(_) => {
                link.timed_out(self.patience);
                Err(self.timed_out())
            }
        }
    }

    /// Starts the task that connects, once.
    fn keep_up(&self) {
        self.keeper.get_or_init(|| {
            let (connector, line, breaker) =
                (Arc::clone(&self.connector), Arc::clone(&self.line), Arc::clone(&self.breaker));
            tokio::spawn(reconnect::keep_up(connector, line, breaker, self.timeout, self.patience)).abort_handle()
        });
    }

    fn timed_out(&self) -> StoreError {
        timed_out(&self.store, self.timeout)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.get() {
            keeper.abort();
        }
    }
}

/// Tells the breaker how a call ended. An error that the server itself answered shows that it works; refused
/// credentials say nothing either way, since they keep being refused at no cost.
fn settle(permit: Permit<'_>, result: &Result<Reply, StoreError>) {
    match result {
        Err(StoreError { reason: Reason::Timeout | Reason::Refused | Reason::Closed | Reason::Protocol, .. }) => {
            permit.failed(Instant::now());
        }
        Err(StoreError { reason: Reason::NoAuth, .. }) => drop(permit),
        _ => permit.succeeded(),
    }
}
