//! The contract of the filter chain: what a filter gets, what it gives back, and how an exchange ends.
//!
//! A filter is async middleware. It takes a [`Request`] and the rest of the chain ([`Next`]) and returns a [`Response`].
//! Requests visit the filters top-down, responses bottom-up, by construction. Pausing is awaiting. Whatever a return
//! value cannot say (a local reply while the chain runs, a reset, side work, what is logged) goes to the [`Exchange`].
//!
//! This crate knows no transport, no configuration and no WebAssembly.

mod body;
mod driven;
mod exchange;
mod failure;
mod filter;
mod message;
mod record;
mod signal;
mod source;
mod upstream;

pub use body::Body;
pub use exchange::{Connection, Exchange, Parked, Route};
pub use failure::{Face, Failure, grpc_message, grpc_status};
pub use filter::{Filter, Next};
pub use message::{Request, Response};
pub use record::Record;
pub use signal::Interrupt;
pub use source::Source;
pub use upstream::Upstream;

pub use async_trait::async_trait;
pub use http_body::Frame;
