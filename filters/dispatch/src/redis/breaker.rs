//! A circuit breaker: after some failures in a row calls are refused, but for one now and then that tries.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

pub(super) struct Breaker {
    failures: u32,
    retry: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed {
        /// Failures since the last success.
        failed: u32,
    },
    Open {
        retry_at: Instant,
        /// Whether a call is out that tries.
        trying: bool,
    },
}

/// One admitted call. Dropped without a verdict (the caller gave up), it says nothing.
pub(super) struct Permit<'a> {
    breaker: &'a Breaker,
    /// Whether this is the call that tries while the breaker is open.
    tries: bool,
}

impl Breaker {
    pub(super) fn new(failures: u32, retry: Duration) -> Self {
        Self { failures, retry, state: Mutex::new(State::Closed { failed: 0 }) }
    }

    /// Lets a call through, unless the breaker is open and it is not time to try.
    pub(super) fn admit(&self, now: Instant) -> Option<Permit<'_>> {
        match &mut *self.state.lock() {
            State::Closed { .. } => Some(Permit { breaker: self, tries: false }),
            State::Open { retry_at, trying } if !*trying && now >= *retry_at => {
                *trying = true;
                Some(Permit { breaker: self, tries: true })
            }
            State::Open { .. } => None,
        }
    }

    /// Lets the next call try at once: the store is reachable again.
    pub(super) fn try_soon(&self, now: Instant) {
        if let State::Open { retry_at, .. } = &mut *self.state.lock() {
            *retry_at = now;
        }
    }
}

impl Permit<'_> {
    /// The call was answered. What calls from before the opening say does not count any more.
    pub(super) fn succeeded(mut self) {
        let tries = std::mem::take(&mut self.tries);
        let mut state = self.breaker.state.lock();
        if tries || matches!(*state, State::Closed { .. }) {
            *state = State::Closed { failed: 0 };
        }
    }

    /// The call was not answered.
    pub(super) fn failed(mut self, now: Instant) {
        let tries = std::mem::take(&mut self.tries);
        let mut state = self.breaker.state.lock();
        match &mut *state {
            State::Closed { failed } if *failed + 1 < self.breaker.failures => *failed += 1,
            State::Open { .. } if !tries => {}
            _ => *state = State::Open { retry_at: now + self.breaker.retry, trying: false },
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.tries {
            return;
        }
        if let State::Open { trying, .. } = &mut *self.breaker.state.lock() {
            *trying = false;
        }
    }
}
