//! The proxy: from a socket into a chain and back.
//!
//! The modules stand in the order in which they may import each other: a module uses only those above it.

pub mod config;
pub mod telemetry;

pub mod upstream;

pub mod exchange;
pub mod listener;

pub mod live;

pub mod admin;
pub mod server;

pub mod cli;
