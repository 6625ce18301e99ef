//! The request body: reads the wire when it is polled, and not before.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes};
use chain::{Failure, Frame};
use http_body::SizeHint;

use super::decode::Decoded;
use super::wire::{Reader, Shared};
use crate::exchange::Transport;

/// The body of one request.
pub(super) struct RequestBody<T: Transport> {
    wire: Shared<T>,
    exchange: u64,
    over: bool,
}

impl<T: Transport> RequestBody<T> {
    /// The body that the wire has just begun to read.
    pub(super) fn new(wire: &Shared<T>) -> Self {
        let exchange = wire.lock().exchange;
        Self { wire: Shared::clone(wire), exchange, over: false }
    }

    fn poll_data(&self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, Failure>>> {
        let wire = &mut *self.wire.lock();
        if wire.exchange != self.exchange {
            return Poll::Ready(Some(Err(Failure::ClientGone))); // the exchange is over; these bytes are another's
        }
        loop {
            match wire.decoder.decode(&mut wire.input) {
                Ok(Decoded::Data(data)) => {
                    wire.received += data.len() as u64;
                    wire.made_room();
                    return Poll::Ready(Some(Ok(data)));
                }
                Ok(Decoded::End) => return Poll::Ready(None),
                Ok(Decoded::More) if wire.ended.is_some() => return Poll::Ready(Some(Err(Failure::ClientGone))),
                Ok(Decoded::More) => {}
                Err(reason) => return Poll::Ready(Some(Err(Failure::BadRequest(reason.into())))),
            }
            if std::mem::take(&mut wire.continue_due) {
                wire.output.write(|open| open.put_slice(b"HTTP/1.1 100 Continue\r\n\r\n"));
                let _ = wire.poll_flush(context); // what is left over goes out with the exchange's next flush
            }
            std::task::ready!(wire.poll_fill(Reader::Body, context));
        }
    }
}

impl<T: Transport> http_body::Body for RequestBody<T> {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let data = std::task::ready!(self.poll_data(context));
        self.over = !matches!(data, Some(Ok(_)));
        Poll::Ready(data.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        let wire = self.wire.lock();
        self.over || (wire.exchange == self.exchange && wire.decoder.is_done())
    }

    fn size_hint(&self) -> SizeHint {
        if self.over {
            return SizeHint::with_exact(0);
        }
        let wire = self.wire.lock();
        let remaining = (wire.exchange == self.exchange).then(|| wire.decoder.remaining()).flatten();
        remaining.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl<T: Transport> Drop for RequestBody<T> {
    fn drop(&mut self) {
        let mut wire = self.wire.lock();
        if wire.exchange == self.exchange {
            wire.body_dropped = true;
        }
    }
}
