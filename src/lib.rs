//! The proxy.

pub mod upstream;
