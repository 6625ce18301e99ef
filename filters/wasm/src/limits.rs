//! What a vm may take: memory of all its memories together, and time in the guest.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use wasmtime::{ResourceLimiter, Result};

/// Length of one epoch. Ten of them make the default CPU budget, so a loop is cut within a tenth of it.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// Most elements of a table; a linked Go program has about 10,000 functions that can be called indirectly.
const MAX_TABLE_ELEMENTS: usize = 20_000;

/// Counts the bytes of a vm's memories and refuses to grow over the limit.
pub(crate) struct MemoryLimit {
    limit: usize,
    used: Arc<AtomicUsize>,
    /// Growth that was refused since the vm was last entered: an abort that follows is for want of memory.
    pub(crate) refused: bool,
    last: usize,
}

impl MemoryLimit {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, used: Arc::default(), refused: false, last: 0 }
    }

    /// The bytes in use, to be read without the vm.
    pub(crate) fn gauge(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.used)
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let grow = desired.saturating_sub(current);
        let used = self.used.load(Ordering::Relaxed);
        let fits = used + grow <= self.limit && maximum.is_none_or(|maximum| desired <= maximum);
        self.refused |= !fits;
        self.last = if fits { grow } else { 0 };
        self.used.store(used + self.last, Ordering::Relaxed);
        Ok(fits)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> Result<()> {
        self.used.fetch_sub(std::mem::take(&mut self.last), Ordering::Relaxed);
        self.refused = true;
        Ok(())
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        Ok(desired <= MAX_TABLE_ELEMENTS)
    }

    fn instances(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        1
    }

    fn tables(&self) -> usize {
        4
    }
}

/// The time that one guest call may take.
///
/// It is used up when as many epoch ticks as it has have found the guest running, so that a thread that was not scheduled
/// costs the guest nothing, and when it has also passed without what the guest's host calls have waited: a tick that fell
/// into a wait finds the guest running behind it.
#[derive(Debug)]
pub(crate) struct CpuBudget {
    begun: Instant,
    budget: Duration,
    ticks: u64,
    /// Whether the guest ran through a whole time slice: its next vms are yielding ones.
    pub(crate) overran: bool,
}

impl CpuBudget {
    /// A budget of nothing, until a call begins.
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), budget: Duration::ZERO, ticks: 0, overran: false }
    }

    /// Begins a call. One that starts late in a tick meets the first one at once: that one says nothing yet.
    pub(crate) fn begin(&mut self, budget: Duration, now: Instant) {
        (self.begun, self.budget, self.ticks) = (now, budget, 0);
    }

    /// A tick found the guest running, whose host calls have `waited` so long; `false` when the budget is used up.
    pub(crate) fn tick(&mut self, now: Instant, waited: Duration) -> bool {
        self.ticks += 1;
        self.overran |= self.ticks > 1;
        let ran = now.duration_since(self.begun).saturating_sub(waited);
        self.ticks <= ticks(self.budget) || ran < self.budget
    }
}

fn ticks(budget: Duration) -> u64 {
    u64::try_from(budget.as_nanos().div_ceil(TICK.as_nanos())).unwrap_or(u64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(ticks: u32) -> (CpuBudget, Instant) {
        let (mut budget, begun) = (CpuBudget::new(), Instant::now());
        budget.begin(ticks * TICK, begun);
        (budget, begun)
    }

    #[test]
    fn the_first_tick_says_nothing_and_the_last_one_ends_the_call() {
        let (mut budget, begun) = budget(3);
        assert!(budget.tick(begun + TICK, Duration::ZERO) && !budget.overran);
        assert!(budget.tick(begun + 2 * TICK, Duration::ZERO) && budget.overran);
        assert!(budget.tick(begun + 3 * TICK, Duration::ZERO));
        assert!(!budget.tick(begun + 4 * TICK, Duration::ZERO));
    }

    #[test]
    fn ticks_that_fell_into_waits_use_nothing_up() {
        let (mut budget, begun) = budget(3);
        for wait in 1..100 {
            assert!(budget.tick(begun + wait * TICK, wait * TICK));
        }
        assert!(budget.tick(begun + 102 * TICK, 100 * TICK));
        assert!(!budget.tick(begun + 103 * TICK, 100 * TICK));
    }

    #[test]
    fn time_without_ticks_uses_nothing_up() {
        let (mut budget, begun) = budget(3);
        assert!(budget.tick(begun + 100 * TICK, Duration::ZERO));
    }
}
