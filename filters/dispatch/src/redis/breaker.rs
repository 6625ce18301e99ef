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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RETRY: Duration = Duration::from_millis(100);

    fn opened(now: Instant) -> Breaker {
        let breaker = Breaker::new(3, RETRY);
        for _ in 0..3 {
            breaker.admit(now).unwrap().failed(now);
        }
        breaker
    }

    #[test]
    fn only_failures_in_a_row_open_it() {
        let (breaker, now) = (Breaker::new(3, RETRY), Instant::now());
        for _ in 0..10 {
            breaker.admit(now).unwrap().failed(now);
            breaker.admit(now).unwrap().failed(now);
            drop(breaker.admit(now).unwrap());
            breaker.admit(now).unwrap().succeeded();
        }
        assert!(opened(now).admit(now).is_none());
    }

    #[test]
    fn one_call_tries_after_each_pause_and_closes_it_when_it_succeeds() {
        let now = Instant::now();
        let breaker = opened(now);
        assert!(breaker.admit(now + RETRY - Duration::from_nanos(1)).is_none());
        let trial = breaker.admit(now + RETRY).unwrap();
        assert!(breaker.admit(now + RETRY).is_none());
        trial.failed(now + RETRY);
        assert!(breaker.admit(now + RETRY).is_none());
        breaker.admit(now + RETRY * 2).unwrap().succeeded();
        assert!(breaker.admit(now).is_some());
    }

    #[test]
    fn a_trial_that_is_given_up_leaves_the_next_call_to_try() {
        let now = Instant::now();
        let breaker = opened(now);
        drop(breaker.admit(now + RETRY).unwrap());
        assert!(breaker.admit(now + RETRY).is_some());
    }

    #[test]
    fn calls_from_before_the_opening_say_nothing_about_it() {
        let now = Instant::now();
        let breaker = Breaker::new(1, RETRY);
        let [first, second, third] = std::array::from_fn(|_| breaker.admit(now).unwrap());
        first.failed(now);
        second.succeeded();
        assert!(breaker.admit(now).is_none());
        third.failed(now + RETRY);
        assert!(breaker.admit(now + RETRY).is_some());
    }

    #[test]
    fn a_store_that_is_reachable_again_is_tried_at_once() {
        let now = Instant::now();
        let breaker = opened(now);
        breaker.try_soon(now);
        let trial = breaker.admit(now);
        assert!(trial.is_some());
        assert!(breaker.admit(now).is_none());
    }

    proptest! {
        /// However calls overlap and end: while it is open at most one call is out that tries, and one that tries after
        /// the pause always gets through once the others are over.
        #[test]
        fn it_never_sticks(steps in prop::collection::vec((0u8..5, 0u64..80), 1..200)) {
            let (breaker, mut now) = (Breaker::new(3, RETRY), Instant::now());
            let mut out = Vec::new();
            for (step, millis) in steps {
                now += Duration::from_millis(millis);
                match step {
                    0 | 1 => out.extend(breaker.admit(now)),
                    2 => if let Some(permit) = out.pop() { permit.failed(now) },
                    3 => if let Some(permit) = out.pop() { permit.succeeded() },
                    _ => drop(out.pop()),
                }
                prop_assert!(out.iter().filter(|permit| permit.tries).count() <= 1);
            }
            out.clear();
            prop_assert!(breaker.admit(now + RETRY).is_some());
        }
    }
}
