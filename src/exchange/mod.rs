//! One connection and its exchanges: from the bytes of a client into the chain and back.
//!
//! A connection is one task. The request body, the response and the watch for a client that leaves share its transport
//! by short locks inside polls, so an exchange needs neither a channel nor a second task. This module knows no sockets
//! and no configuration; [`crate::listener`] hands it accepted transports.

mod deadline;
mod downstream;
mod drive;
mod ending;
mod fields;
mod front;
mod h1;
mod in_flight;

pub use front::{Chain, Front, Limits, Observer, Timeouts};

pub(crate) use downstream::Transport;
pub(crate) use h1::serve;
pub(crate) use in_flight::InFlight;
