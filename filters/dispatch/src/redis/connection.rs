//! One connection to a redis server.

use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Cmd, RedisConnectionInfo, Value};
use tokio::sync::Notify;
use tokio::time::timeout;

use super::RedisSettings;
use super::address;
use super::reply::{client_error, reply};
use super::reply_limit::{ReplyLimit, Verdict};
use super::scanner::Cut;
use super::transport::Dialer;
use crate::Error;
use crate::store::{Command, Reason, Reply, StoreError};

/// Makes connections to the server of one store.
pub(super) struct Connector {
    dialer: Dialer,
    login: RedisConnectionInfo,
    password_file: Option<PathBuf>,
    timeout: Duration,
    max_reply: u64,
}

/// A connection that calls go through. Cheap to clone; all clones are the same connection.
#[derive(Clone)]
pub(super) struct Link {
    connection: MultiplexedConnection,
    shared: Arc<Shared>,
}

struct Shared {
    /// Calls in a row that were not answered in time.
    timeouts: AtomicU32,
    /// A call was dropped before its answer came.
    abandoned: Notify,
    given_up: Notify,
    /// Why the reply limit cut the connection, if it did.
    cut: Verdict,
}

/// Moves the bytes of a connection. The connection lives as long as this is polled.
pub(super) type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Connector {
    pub(super) fn new(store: &str, settings: RedisSettings) -> Result<Self, Error> {
        let read = address::read(&settings.url);
        let (address, mut login) = read.map_err(|reason| Error::Url { store: store.to_owned(), reason })?;
        if let Some(username) = settings.username {
            login = login.set_username(username);
        }
        Ok(Self {
            dialer: Dialer::new(address),
            login,
            password_file: settings.password_file,
            timeout: settings.connect_timeout,
            max_reply: settings.max_reply,
        })
    }

    /// Connects, logs in and waits for the server's first reply.
    pub(super) async fn connect(&self) -> Result<(Link, Driver), StoreError> {
        match timeout(self.timeout, self.attempt()).await {
            Ok(result) => result,
            Err(_) => {
                Err(StoreError::new(Reason::Timeout, format!("redis let no connection in within {:?}", self.timeout)))
            }
        }
    }

    async fn attempt(&self) -> Result<(Link, Driver), StoreError> {
        let login = self.login().await?;
        let stream = self.dialer.dial().await.map_err(|error| cannot_connect(&error))?;
        let cut = Verdict::default();
        let stream = ReplyLimit::new(stream, self.max_reply, Arc::clone(&cut));
        // The timeouts are ours, around everything.
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let made = MultiplexedConnection::new_with_config(&login, stream, config).await;
        let (connection, driver) = made.map_err(|error| client_error(&error))?;
        let shared = Shared { timeouts: AtomicU32::new(0), abandoned: Notify::new(), given_up: Notify::new(), cut };
        let (link, mut driver): (_, Driver) = (Link { connection, shared: Arc::new(shared) }, Box::pin(driver));
        tokio::select! {
            greeted = link.greet() => greeted?,
            () = &mut driver => return Err(StoreError::new(Reason::Closed, "redis closed the connection at once")),
        }
        Ok((link, driver))
    }

    /// The credentials, with the password file as it is now.
    async fn login(&self) -> Result<RedisConnectionInfo, StoreError> {
        let Some(path) = &self.password_file else { return Ok(self.login.clone()) };
        let password = tokio::fs::read_to_string(path).await.map_err(|error| {
            StoreError::new(Reason::NoAuth, format!("cannot read the password file `{}`: {error}", path.display()))
        })?;
        Ok(self.login.clone().set_password(password.trim_end_matches(['\r', '\n'])))
    }
}

impl Link {
    /// Sends one command and waits for its reply.
    pub(super) async fn send(&mut self, command: &Command) -> Result<Reply, StoreError> {
        let mut packed = ::redis::cmd(command.name());
        for argument in command.arguments() {
            packed.arg(&argument[..]);
        }
        let mut waiting = Waiting { shared: Arc::clone(&self.shared), over: false };
        let answer = self.answer(&packed).await;
        waiting.over = true;
        reply(answer?)
    }

    /// A call through this connection was not answered in time. After `patience` of them in a row the connection is
    /// given up: no server that works is that slow, and what it still sends belongs to nobody.
    pub(super) fn timed_out(&self, patience: u32) {
        if self.shared.timeouts.fetch_add(1, Ordering::Relaxed) + 1 >= patience {
            self.shared.given_up.notify_one();
        }
    }

    /// Waits until the connection is given up.
    ///
    /// Callers with less time than the store's own leave no timeout to count when the server hangs. So a call that was
    /// dropped is followed by tests of our own, until one is answered or there were too many.
    pub(super) async fn given_up(&self, timeout: Duration, patience: u32) {
        let tests = async {
            loop {
                self.shared.abandoned.notified().await;
                while tokio::time::timeout(timeout, self.greet()).await.is_err() {
                    self.timed_out(patience);
                }
            }
        };
        tokio::select! {
            () = self.shared.given_up.notified() => {}
            () = tests => {}
        }
    }

    /// Whether the connection ended because of what somebody asked for, not because of the server.
    pub(super) fn was_cut(&self) -> bool {
        self.shared.cut.get() == Some(&Cut::TooLarge)
    }

    /// A command of our own: only its reply shows that the server serves, and that it lets us in.
    async fn greet(&self) -> Result<(), StoreError> {
        match self.clone().answer(&::redis::cmd("PING")).await? {
            // It answers, and is busy starting or following, or this user may not PING: calls will tell.
            Value::ServerError(error) if ["NOPERM", "LOADING", "MASTERDOWN", "MISCONF"].contains(&error.code()) => {
                Ok(())
            }
            value => reply(value).map(drop),
        }
    }

    async fn answer(&mut self, command: &Cmd) -> Result<Value, StoreError> {
        let answer = self.connection.send_packed_command(command).await;
        self.shared.timeouts.store(0, Ordering::Relaxed);
        answer.map_err(|error| match self.shared.cut.get() {
            // The call in front is the one whose reply was cut; those behind it lost their connection.
            Some(cut) if !error.is_connection_dropped() => cut_reply(*cut),
            _ => client_error(&error),
        })
    }
}

/// A call that waits for its answer. Dropped before that, it asks for a test of the connection.
struct Waiting {
    shared: Arc<Shared>,
    over: bool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.over {
            self.shared.abandoned.notify_one();
        }
    }
}

fn cut_reply(cut: Cut) -> StoreError {
    match cut {
        Cut::TooLarge => StoreError::new(Reason::Other, "the reply is larger than the store's `max_reply`"),
        Cut::Malformed => StoreError::new(Reason::Protocol, "redis sent what is no reply"),
    }
}

fn cannot_connect(error: &io::Error) -> StoreError {
    StoreError::new(Reason::Refused, format!("cannot connect to redis: {error}"))
}
