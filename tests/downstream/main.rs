//! The client's side of an exchange, over real sockets, with chains of small filters.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod beside;
mod bodies;
mod drain;
mod endings;
mod filters;
mod framing;
mod heads;
mod keep_alive;
mod mutations;
mod support;
mod timeouts;
