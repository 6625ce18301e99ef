//! The seams between an exchange and the wire: a byte transport below, the client's side of an exchange above.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use chain::Failure;
use http::response;
use tokio::io::{AsyncRead, AsyncWrite};

/// An accepted connection.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Makes the close that follows an abrupt one (TCP: RST), so that the client cannot take what it has for whole.
    fn abort(&mut self);
}

/// Numbers of bytes that only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Bytes that came from the client.
    pub(crate) read: u64,
    /// Bytes that the client took.
    pub(crate) written: u64,
}

/// The client's side of one exchange, as the exchange drives it: sending queues, flushing writes.
pub(crate) trait Downstream {
    /// How much has moved so far.
    fn moved(&self) -> Moved;

    /// Ready when the client has left. Takes in what the client sends meanwhile, up to a buffer's worth.
    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()>;

    /// Queues a 1xx head; dropped where the protocol has none.
    fn send_informational(&mut self, head: &response::Parts);

    /// Queues the response head. `length` is the number of body bytes, if it is known. Answers whether a body follows:
    /// `false` for responses that have none by their status or method.
    fn send_head(&mut self, head: &mut response::Parts, length: Option<u64>) -> bool;

    /// Queues a piece of the body.
    ///
    /// # Errors
    ///
    /// [`Failure::Reset`] when it is more than the head announced.
    fn send_data(&mut self, data: Bytes) -> Result<(), Failure>;

    /// Queues the end of the body.
    ///
    /// # Errors
    ///
    /// [`Failure::Reset`] when fewer bytes came than the head announced.
    fn send_end(&mut self) -> Result<(), Failure>;

    /// Number of bytes queued and not yet written.
    fn queued(&self) -> usize;

    /// Writes what is queued.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ends the stream so that the client cannot take what it got for a whole response.
    fn reset(&mut self);
}
