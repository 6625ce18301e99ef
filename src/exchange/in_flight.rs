//! Counts what is under way, so that a drain knows when the last of it is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

#[derive(Debug, Default)]
struct Inner {
    count: AtomicUsize,
    none_left: Notify,
}

/// A count of open connections and running exchanges, finish hooks included.
#[derive(Debug, Clone, Default)]
pub(crate) struct InFlight(Arc<Inner>);

impl InFlight {
    /// Counts one more until the entry is dropped.
    pub(crate) fn enter(&self) -> Entry {
        self.0.count.fetch_add(1, Ordering::AcqRel);
        Entry(Arc::clone(&self.0))
    }

    /// Number under way.
    pub(crate) fn count(&self) -> usize {
        self.0.count.load(Ordering::Acquire)
    }

    /// Waits until nothing is under way.
    pub(crate) async fn none_left(&self) {
        loop {
            let mut none_left = std::pin::pin!(self.0.none_left.notified());
            none_left.as_mut().enable(); // before the look, so that the last drop cannot fall between the two
            if self.count() == 0 {
                return;
            }
            none_left.await;
        }
    }
}

/// One thing under way.
#[derive(Debug)]
pub(crate) struct Entry(Arc<Inner>);

impl Drop for Entry {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none_left.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn none_left_waits_for_the_last_entry() {
        let in_flight = InFlight::default();
        in_flight.none_left().await;
        let (first, second) = (in_flight.enter(), in_flight.enter());
        let waiting = tokio::spawn({
            let in_flight = in_flight.clone();
            async move { in_flight.none_left().await }
        });
        drop(first);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(second);
        waiting.await.unwrap();
    }
}
