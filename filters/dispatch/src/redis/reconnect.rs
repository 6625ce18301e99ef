//! Keeps one connection of a store up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::breaker::Breaker;
use super::connection::{Connector, Link};
use crate::store::{Reason, StoreError};

/// The first pause between attempts to connect; each further one is twice as long, up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Short enough for calls to work again well within a second of the server's return.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// A connection that lasted this long is replaced at once; one that broke sooner, after a pause.
const STABLE: Duration = Duration::from_millis(250);

/// Where a store's connection is.
#[derive(Clone)]
pub(super) enum State {
    /// For the first time; calls wait for it. No call waits later.
    Connecting,
    Up(Link),
    /// Not there, and why.
    Down(StoreError),
}

/// A store's connection, whoever is making it.
pub(super) struct Line {
    store: Arc<str>,
    state: watch::Sender<State>,
}

impl Line {
    pub(super) fn new(store: Arc<str>) -> Self {
        Self { store, state: watch::Sender::new(State::Connecting) }
    }

    pub(super) fn state(&self) -> State {
        self.state.borrow().clone()
    }

    /// Waits for the end of the first attempt.
    pub(super) async fn settled(&self) -> Result<Link, StoreError> {
        let mut changes = self.state.subscribe();
        let settled = changes.wait_for(|state| !matches!(state, State::Connecting)).await;
        match settled.as_deref() {
            Ok(State::Up(link)) => Ok(link.clone()),
            Ok(State::Down(why)) => Err(why.clone()),
            Ok(State::Connecting) | Err(_) => Err(closed("the store is gone")),
        }
    }

    fn up(&self, link: Link) {
        let before = self.state.send_replace(State::Up(link));
        match before {
            State::Down(_) => info!(store = %self.store, "redis is back"),
            State::Connecting | State::Up(_) => debug!(store = %self.store, "connected to redis"),
        }
    }

    fn down(&self, why: StoreError) {
        match self.state.send_replace(State::Down(why.clone())) {
            State::Down(_) => debug!(store = %self.store, %why, "redis is still down"),
            State::Connecting | State::Up(_) => warn!(store = %self.store, %why, "redis is down"),
        }
    }
}

/// Keeps the line up until it is aborted: connects, and connects again whenever the connection ends. A connection that
/// left `patience` calls in a row unanswered for `timeout` is given up.
pub(super) async fn keep_up(
    connector: Arc<Connector>,
    line: Arc<Line>,
    breaker: Arc<Breaker>,
    timeout: Duration,
    patience: u32,
) {
    let mut pause = FIRST_PAUSE;
    loop {
        match connector.connect().await {
            Ok((link, driver)) => {
                let began = Instant::now();
                line.up(link.clone());
                breaker.try_soon(began);
                tokio::select! {
                    () = driver => line.down(closed("the connection to redis was closed")),
                    () = link.given_up(timeout, patience) => line.down(closed("redis answered no more and was given up")),
                }
                if began.elapsed() >= STABLE || link.was_cut() {
                    pause = FIRST_PAUSE;
                    continue;
                }
            }
            Err(why) => line.down(why),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn closed(message: &str) -> StoreError {
    StoreError::new(Reason::Closed, message)
}
