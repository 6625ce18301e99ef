//! What a vm may take: memory of all its memories together, and time in the guest.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

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

/// The time that one guest call may take, counted in epoch ticks that find the guest running.
#[derive(Debug, Default)]
pub(crate) struct CpuBudget {
    ticks: u64,
    most: u64,
    /// Whether the guest ran through a whole time slice: its next vms are yielding ones.
    pub(crate) overran: bool,
}

impl CpuBudget {
    /// Begins a call. One that starts late in a tick meets the first one at once: that one says nothing yet.
    pub(crate) fn begin(&mut self, budget: Duration) {
        self.ticks = 0;
        self.most = ticks(budget);
    }

    /// A tick found the guest running; `false` when the budget is used up.
    pub(crate) fn tick(&mut self) -> bool {
        self.ticks += 1;
        self.overran |= self.ticks > 1;
        self.ticks <= self.most
    }
}

fn ticks(budget: Duration) -> u64 {
    u64::try_from(budget.as_nanos().div_ceil(TICK.as_nanos())).unwrap_or(u64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_tick_says_nothing_and_the_last_one_ends_the_call() {
        let mut budget = CpuBudget::default();
        budget.begin(3 * TICK);
        assert!(budget.tick() && !budget.overran);
        assert!(budget.tick() && budget.overran);
        assert!(budget.tick());
        assert!(!budget.tick());
    }
}
