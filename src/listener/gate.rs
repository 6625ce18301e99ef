//! Connection limits: who is over one is closed at once, and counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Lets a number of connections in at a time.
#[derive(Debug)]
pub struct Gate {
    limit: usize,
    inside: AtomicUsize,
    refused: AtomicU64,
}

impl Gate {
    /// A gate for `limit` connections at a time.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, inside: AtomicUsize::new(0), refused: AtomicU64::new(0) }
    }

    /// Connections inside.
    #[must_use]
    pub fn inside(&self) -> usize {
        self.inside.load(Ordering::Relaxed)
    }

    /// Connections that were not let in.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Lets one connection in until the pass is dropped; `None` when the gate is full.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Pass> {
        if self.inside.fetch_add(1, Ordering::Relaxed) < self.limit {
            return Some(Pass(Arc::clone(self)));
        }
        self.inside.fetch_sub(1, Ordering::Relaxed);
        self.refused.fetch_add(1, Ordering::Relaxed);
        None
    }
}

/// One connection inside a gate.
pub(super) struct Pass(Arc<Gate>);

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_gate_refuses_until_somebody_leaves() {
        let gate = Arc::new(Gate::new(1));
        let first = gate.enter().unwrap();
        assert!(gate.enter().is_none());
        assert_eq!((gate.inside(), gate.refused()), (1, 1));
        drop(first);
        assert!(gate.enter().is_some());
    }
}
