//! The process' one wasmtime engine and the clock that drives its epochs.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};

use wasmtime::{Config, OptLevel, Result, WasmBacktraceDetails};

use crate::limits::TICK;

/// Bytes of stack that a guest may use.
const WASM_STACK: usize = 512 << 10;
/// Bytes of a fiber's stack: the guest's, and the host calls' on top of it.
const FIBER_STACK: usize = 2 << 20;
/// Frames that a trap's backtrace names at most.
const BACKTRACE_FRAMES: NonZeroUsize = NonZeroUsize::new(20).expect("20 is not 0");

/// Compiles modules and interrupts guests. One serves the whole process.
pub(crate) struct Engine {
    inner: wasmtime::Engine,
    /// Dropped with the engine, which ends the clock's thread.
    _clock: Sender<()>,
}

impl Engine {
    /// Starts the engine and its clock.
    ///
    /// # Errors
    ///
    /// When this machine cannot run wasmtime's settings, or no thread can be made.
    pub(crate) fn start() -> Result<Arc<Self>> {
        let inner = wasmtime::Engine::new(&config())?;
        let (sender, receiver) = channel();
        let ticked = inner.weak();
        std::thread::Builder::new()
            .name("wasm-epoch".into())
            .spawn(move || {
                tick(&receiver, || {
                    ticked.upgrade().is_some_and(|engine| {
                        engine.increment_epoch();
                        true
                    })
                })
            })
            .map_err(wasmtime::Error::new)?;
        Ok(Arc::new(Self { inner, _clock: sender }))
    }

    pub(crate) fn get(&self) -> &wasmtime::Engine {
        &self.inner
    }
}

fn tick(stopped: &Receiver<()>, mut increment: impl FnMut() -> bool) {
    while matches!(stopped.recv_timeout(TICK), Err(RecvTimeoutError::Timeout)) && increment() {}
}

/// What guests of the field need, and nothing more: a feature that is off cannot be attacked.
fn config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(FIBER_STACK)
        .cranelift_opt_level(OptLevel::Speed)
        // Registering unwind tables is slow with many modules, and wasmtime's own backtraces do without.
        .native_unwind_info(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(Some(BACKTRACE_FRAMES))
        .wasm_tail_call(false)
        .wasm_relaxed_simd(false)
        .wasm_multi_memory(false)
        .wasm_memory64(false);
    config
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_engine_starts() {
        assert!(super::Engine::start().is_ok());
    }
}
