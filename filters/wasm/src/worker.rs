//! The number of the running worker thread, so that it finds the vm whose memory its caches hold.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of the running thread, from 0, in the order in which threads first asked.
pub(crate) fn index() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static INDEX: Cell<Option<usize>> = const { Cell::new(None) });
    INDEX.with(|index| {
        index.get().unwrap_or_else(|| {
            let next = NEXT.fetch_add(1, Ordering::Relaxed);
            index.set(Some(next));
            next
        })
    })
}
