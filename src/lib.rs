//! The proxy.

pub mod upstream;
//! The proxy: from a socket into a chain and back.
//!
//! The modules stand in the order in which they may import each other: a module uses only those above it.

pub mod exchange;
pub mod listener;
pub mod telemetry;
