//! What is left of a budget of host calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The calls that one exchange, or one root context, has made. Called functions share it with their caller.
#[derive(Debug)]
pub(crate) struct Spent {
    /// `None`: the number of calls is not limited.
    calls: Option<u32>,
    in_flight: u32,
    /// Calls made in the upper half, calls in flight in the lower one, so that both change at once.
    now: AtomicU64,
}

/// One call in flight; over when this is dropped.
#[derive(Debug)]
pub(crate) struct Slot(Arc<Spent>);

const ONE_CALL: u64 = 1 << 32;
const ONE_IN_FLIGHT: u64 = 1;

impl Spent {
    pub(crate) fn new(calls: Option<u32>, in_flight: u32) -> Arc<Self> {
        Arc::new(Self { calls, in_flight, now: AtomicU64::new(0) })
    }

    /// Takes a slot for a call, unless the budget is used up.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Slot> {
        self.now.fetch_update(Ordering::AcqRel, Ordering::Acquire, |now| self.with_one_more(now)).ok()?;
        Some(Slot(Arc::clone(self)))
    }

    fn with_one_more(&self, now: u64) -> Option<u64> {
        let (calls, in_flight) = (now >> 32, now & 0xffff_ffff);
        if in_flight >= u64::from(self.in_flight) {
            return None;
        }
        match self.calls {
            None => Some(now + ONE_IN_FLIGHT),
            Some(limit) if calls < u64::from(limit) => Some(now + ONE_CALL + ONE_IN_FLIGHT),
            Some(_) => None,
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.now.fetch_sub(ONE_IN_FLIGHT, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_budget_of_calls_is_not_given_back() {
        let spent = Spent::new(Some(2), 9);
        assert!(spent.take().is_some());
        assert!(spent.take().is_some());
        assert!(spent.take().is_none());
    }

    #[test]
    fn a_dropped_slot_is_free_again() {
        let spent = Spent::new(None, 1);
        let slot = spent.take();
        assert!(slot.is_some());
        assert!(spent.take().is_none());
        drop(slot);
        assert!(spent.take().is_some());
    }

    #[test]
    fn threads_together_get_exactly_the_budget() {
        let spent = Spent::new(Some(1000), u32::MAX);
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..500).filter_map(|_| spent.take()).map(drop).count())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(taken, 1000);
        assert_eq!(spent.now.load(Ordering::SeqCst) & 0xffff_ffff, 0);
    }

    proptest! {
        #[test]
        fn no_order_of_calls_and_ends_exceeds_the_budget(
            calls in prop::option::of(0u32..20),
            in_flight in 0u32..6,
            steps in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..100),
        ) {
            let spent = Spent::new(calls, in_flight);
            let (mut slots, mut made) = (Vec::new(), 0u32);
            for (begin, which) in steps {
                if begin {
                    let free = (slots.len() as u32) < in_flight && calls.is_none_or(|calls| made < calls);
                    let slot = spent.take();
                    prop_assert_eq!(slot.is_some(), free);
                    made += u32::from(free);
                    slots.extend(slot);
                } else if !slots.is_empty() {
                    slots.swap_remove(which.index(slots.len()));
                }
            }
        }
    }
}
