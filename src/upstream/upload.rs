//! The rest of a request: what did not leave with its head.

use std::io;
use std::sync::Weak;

use bytes::Bytes;
use chain::{Body, Exchange, Failure, Frame};
use http::HeaderMap;
use tokio::sync::oneshot;

use super::h1::{Framing, Sender};

/// A request that is being sent. `run` goes on where it was cut off.
pub(super) struct Upload {
    sender: Sender,
    framing: Framing,
    body: Body,
    /// Bytes that the body still owes, where it told its length.
    left: Option<u64>,
    /// Trailers that came in place of data.
    trailers: Option<HeaderMap>,
    ended: bool,
    exchange: Weak<Exchange>,
}

/// Why a request was not sent whole.
#[derive(Debug)]
pub(super) enum Unsent {
    /// The connection takes no more. A response may still be on it.
    Unwritable(io::Error),
    /// The body failed.
    Failed(Failure),
}

/// How the rest of a request ended that flowed while its response was read.
pub(super) type Uploaded = Result<Sender, Unsent>;

impl Upload {
    pub(super) fn new(
        sender: Sender,
        framing: Framing,
        body: Body,
        left: Option<u64>,
        trailers: Option<HeaderMap>,
        exchange: Weak<Exchange>,
    ) -> Self {
        Self { sender, framing, body, left, trailers, ended: false, exchange }
    }

    /// All of the request was handed to the sender, which could not write it at once.
    pub(super) fn rest(sender: Sender, framing: Framing) -> Self {
        Self { ended: true, ..Self::new(sender, framing, Body::empty(), None, None, Weak::new()) }
    }

    /// Sends everything.
    pub(super) async fn run(&mut self) -> Result<(), Unsent> {
        loop {
            self.sender.flush().await.map_err(Unsent::Unwritable)?;
            if self.ended {
                return Ok(());
            }
            self.put_next().await.map_err(Unsent::Failed)?;
        }
    }

    /// The connection's half, after `run` ended well.
    pub(super) fn into_sender(self) -> Sender {
        self.sender
    }

    /// Sends everything while somebody else reads the response, and tells `over`. When the response is over first, or
    /// the connection takes no more, the rest of the body is read and dropped: filters in front may wait for its end.
    pub(super) async fn run_beside(mut self, mut over: oneshot::Sender<Uploaded>) {
        let sent = tokio::select! {
            biased;
            sent = self.run() => sent,
            () = over.closed() => Ok(()),
        };
        let Self { sender, mut body, ended, .. } = self;
        let failed = matches!(sent, Err(Unsent::Failed(_)));
        // The reader may be gone; then the connection goes with the sender.
        drop(over.send(sent.map(|()| sender)));
        if !ended && !failed {
            while let Some(Ok(_)) = body.frame().await {}
        }
    }

    async fn put_next(&mut self) -> Result<(), Failure> {
        if let Some(trailers) = self.trailers.take() {
            return self.end(Some(trailers));
        }
        match self.body.frame().await.transpose()?.map(Frame::into_data) {
            None => self.end(None),
            Some(Ok(data)) => self.put(data),
            Some(Err(frame)) => self.end(frame.into_trailers().ok()),
        }
    }

    fn put(&mut self, data: Bytes) -> Result<(), Failure> {
        if data.is_empty() {
            return Ok(());
        }
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(data.len() as u64).ok_or_else(wrong_length)?;
        }
        self.sender.put(data, self.framing);
        if self.body.is_end() { self.end(None) } else { Ok(()) }
    }

    fn end(&mut self, trailers: Option<HeaderMap>) -> Result<(), Failure> {
        if self.left.is_some_and(|left| left > 0) {
            return Err(wrong_length());
        }
        self.ended = true;
        if self.framing == Framing::Chunked {
            self.sender.end_chunks(trailers.as_ref());
        }
        if let (Some(trailers), Some(exchange)) = (trailers, self.exchange.upgrade()) {
            exchange.park(|parked| parked.request_trailers = Some(trailers));
        }
        Ok(())
    }
}

/// A body that told one length and has another: sending it would make the rest of it a request of its own.
pub(super) fn wrong_length() -> Failure {
    Failure::BadRequest("the request's body is not as long as it was announced".into())
}
