//! Whether the process serves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// The state of the process, shared by those who change it and those who are asked for it. It only moves forward.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicU8>);

const STATES: [&str; 3] = ["INITIALIZING", "LIVE", "DRAINING"];
const LIVE: u8 = 1;
const DRAINING: u8 = 2;

impl Readiness {
    /// `INITIALIZING`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Every listener accepts. A process that drains stays so.
    pub fn set_live(&self) {
        self.0.fetch_max(LIVE, Ordering::Release);
    }

    /// The process is on its way out.
    pub fn set_draining(&self) {
        self.0.fetch_max(DRAINING, Ordering::Release);
    }

    /// Whether new work is welcome.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.0.load(Ordering::Acquire) == LIVE
    }

    /// The state in Envoy's words: `INITIALIZING`, `LIVE` or `DRAINING`.
    #[must_use]
    pub fn state(&self) -> &'static str {
        STATES[usize::from(self.0.load(Ordering::Acquire))]
    }
}
