//! What guests get through dispatch, with real redis servers, and clusters and functions made for the tests.

#![expect(clippy::unwrap_used, reason = "clippy.toml allows it in test functions, not in what they share")]

mod calls;
mod commands;
mod load;
mod login;
mod observing;
mod outage;
mod permission;
mod server;
mod support;
