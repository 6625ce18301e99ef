//! What the tests start and speak through. Everything ends with the value that holds it.

mod backend;
mod client;
mod guests;
mod modules;
mod program;
mod redis;
mod sidecar;
mod slow_store;

pub use backend::{Answer, Backend, Seen};
pub use client::{Client, Reply, request};
pub use guests::guest;
pub use modules::{bare, module, parts};
pub use program::{Program, shell};
pub use redis::Redis;
pub use sidecar::{Sidecar, eventually, signal, with_guests};
pub use slow_store::SlowStore;
