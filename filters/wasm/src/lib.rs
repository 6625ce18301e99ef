//! A Proxy-Wasm host on wasmtime, and the `wasm` filter of the chain.
//!
//! A [`Pool`], made of a [`Compiled`] and [`Loaded`] module, is a module with its settings and its vms. [`WasmFilter`] runs one for each exchange. A vm is guarded by
//! one async lock that is taken per callback, and there are two kinds of it: *inline* ones are called plainly, *yielding*
//! ones on fibers, where host calls may wait. This crate knows no proxy, no configuration file and no admin.

mod abi;
mod body;
mod callout;
mod cell;
mod engine;
mod exports;
mod filter;
mod guest;
mod guest_metrics;
mod header_map;
mod host;
mod layotto;
mod limits;
mod load_error;
mod log;
mod memory;
mod module;
mod observer;
mod pairs;
mod plugin;
mod pool;
mod process;
mod rebuild;
mod settings;
mod shared_data;
mod shared_queue;
mod signal;
mod start;
mod stream;
mod stream_handle;
mod tick;
mod trap;
mod vm;
mod worker;

pub use filter::{Choice, Choose, WasmFilter, run};
pub use guest_metrics::GuestMetrics;
pub use load_error::LoadError;
pub use module::{Facts, hex, sha256_hex};
pub use observer::{Observer, Sample, Unobserved};
pub use pairs::encode as encode_pairs;
pub use plugin::RootScope;
pub use pool::{Compiled, LastTrap, Loaded, Pool, Stats};
pub use process::Process;
pub use settings::{Backoff, FailurePolicy, Instances, Layotto, Level, Limits, Queue, Settings};
