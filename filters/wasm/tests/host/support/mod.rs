//! A host with one guest, and exchanges that run through it.

mod exchange;
mod guest;
mod reach;
mod waits;

pub use exchange::{Reply, Upstream, ended, request};
pub use guest::{Vms, example, guest};
pub use waits::waits;

use std::ops::Deref;
use std::sync::Arc;

use outrigger_wasm::{Compiled, GuestMetrics, LoadError, Pool, Process, Settings, Unobserved};
use prometheus::Registry;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Vms that the process of a host may have.
const VMS: usize = 100;

/// One for each gate.
pub type Gates = [Arc<Semaphore>; 2];

/// A process with one guest.
pub struct Host {
    pool: Arc<Pool>,
    /// Open the functions `gate0` and `gate1` for as many calls as they get permits.
    pub gates: Gates,
}

impl Host {
    /// Loads a guest: text or bytes.
    pub async fn load(module: impl AsRef<[u8]>, settings: Settings) -> Self {
        let loaded = Self::try_load(module, settings, VMS).await;
        loaded.unwrap_or_else(|error| panic!("refused at `{}`: {error}", error.step))
    }

    /// As [`load`](Self::load), in a process that may have so many vms.
    pub async fn try_load(module: impl AsRef<[u8]>, settings: Settings, vms: usize) -> Result<Self, LoadError> {
        let process = Process::new(GuestMetrics::new(&Registry::new()), Handle::current(), vms).expect("an engine");
        let bytes = wat::parse_bytes(module.as_ref()).unwrap_or_else(|error| panic!("{error}")).into_owned();
        let loading = move || {
            let loaded = Compiled::new(&process, &bytes)?.try_out(settings, &|_| None)?;
            loaded.start(Arc::new(Unobserved))
        };
        let pool = tokio::task::spawn_blocking(loading).await.expect("no panic")?;
        Ok(Self { pool, gates: [0, 1].map(|_| Arc::new(Semaphore::new(0))) })
    }
}

impl Deref for Host {
    type Target = Arc<Pool>;

    fn deref(&self) -> &Arc<Pool> {
        &self.pool
    }
}

/// Waits until something is so, looking again whenever every task has had its turn.
pub async fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < exchange::PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}
