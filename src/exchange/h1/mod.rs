//! HTTP/1.0 and HTTP/1.1 towards the client (RFC 9112).
//!
//! Trailers are checked and dropped in both directions; upgrades and CONNECT are not served.

mod body;
mod connection;
mod decode;
mod encode;
mod half_close;
mod head;
mod output;
mod session;
mod target;
mod wire;

pub(crate) use connection::serve;
