//! The client's side of an exchange, over real sockets, with chains of small filters.

mod bodies;
mod drain;
mod endings;
mod filters;
mod framing;
mod heads;
mod keep_alive;
mod support;
mod timeouts;
