//! The proxy.

pub mod telemetry;
