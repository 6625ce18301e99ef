//! How long a vm that keeps failing is left unbuilt.

use std::time::{Duration, Instant};

use crate::settings::Backoff;

/// Failures that are followed by a rebuild at once. A function that traps on every tenth request stays whole; one that
/// traps on all of them is slowed down.
const FREE: u32 = 10;
/// Without a failure for this long, the count begins anew.
const HEALTHY: Duration = Duration::from_secs(60);

/// Counts failures and gives the pause before the next rebuild.
pub(crate) struct Rebuild {
    backoff: Backoff,
    failures: u32,
    last: Option<Instant>,
}

impl Rebuild {
    pub(crate) fn new(backoff: Backoff) -> Self {
        Self { backoff, failures: 0, last: None }
    }

    /// The pause before a vm that failed now is built again.
    pub(crate) fn after_failure(&mut self, now: Instant) -> Duration {
        if self.last.is_some_and(|last| now.duration_since(last) >= HEALTHY) {
            self.failures = 0;
        }
        self.last = Some(now);
        self.failures = self.failures.saturating_add(1);
        let Some(doublings) = self.failures.checked_sub(FREE + 1) else { return Duration::ZERO };
        let pause = self.backoff.base.saturating_mul(1 << doublings.min(16)).min(self.backoff.max);
        pause.mul_f64(rand::random_range(0.8..1.0)) // apart from the pauses of others
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_their_maximum_and_end_after_a_healthy_minute() {
        let backoff = Backoff { base: Duration::from_secs(1), max: Duration::from_secs(8) };
        let (mut rebuild, start) = (Rebuild::new(backoff), Instant::now());
        let pauses: Vec<_> = (0..16).map(|_| rebuild.after_failure(start)).collect();
        assert!(pauses[..10].iter().all(Duration::is_zero));
        assert!(pauses[10] >= Duration::from_millis(800) && pauses[10] <= Duration::from_secs(1));
        assert!(pauses[15] >= Duration::from_millis(6400) && pauses[15] <= Duration::from_secs(8));
        assert!(rebuild.after_failure(start + HEALTHY).is_zero());
    }
}
