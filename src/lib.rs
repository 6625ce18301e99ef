//! The proxy.

pub mod admin;
pub mod telemetry;
