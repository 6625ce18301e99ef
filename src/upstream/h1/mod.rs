//! The client side of HTTP/1.1 (RFC 9112): connections, requests onto the wire, responses off it.
//!
//! Strict where leniency would let two parties read one message in two ways. Knows sockets and octets, and nothing of
//! clusters, exchanges or retries.

mod chunked;
mod connection;
mod content;
mod fields;
mod receiver;
mod request;
mod response;
mod sender;

pub(super) use connection::Connection;
pub(super) use content::Content;
pub(super) use receiver::{Receiver, Unanswered};
pub(super) use request::Framing;
pub(super) use response::Head;
pub(super) use sender::Sender;

/// Why octets are not an HTTP/1.1 response. Says what is wrong with them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Malformed(pub(super) &'static str);
