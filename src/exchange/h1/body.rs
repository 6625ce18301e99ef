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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use http_body::Body as _;
    use parking_lot::Mutex;
    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

    use super::*;
    use crate::exchange::h1::decode::Decoder;
    use crate::exchange::h1::head::Framing;
    use crate::exchange::h1::wire::Wire;

    impl Transport for DuplexStream {
        fn abort(&mut self) {}
    }

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A waker, and the number of times that it was used.
    fn waker() -> (Waker, Arc<Wakes>) {
        let wakes = Arc::new(Wakes::default());
        (Waker::from(Arc::clone(&wakes)), wakes)
    }

    /// A body of so many bytes, its wire, and the client's end of it.
    fn body(length: u64) -> (RequestBody<DuplexStream>, Shared<DuplexStream>, DuplexStream) {
        let (client, server) = duplex(1 << 20);
        let wire = Arc::new(Mutex::new(Wire::new(server)));
        wire.lock().begin(Decoder::new(Framing::Length(length)), false);
        (RequestBody::new(&wire), wire, client)
    }

    #[tokio::test]
    async fn a_body_that_waits_is_woken_when_the_watch_reads_its_bytes_first() {
        let (mut body, wire, mut client) = body(5);
        let (waker, wakes) = waker();
        let context = &mut Context::from_waker(&waker);
        assert!(Pin::new(&mut body).poll_frame(context).is_pending());
        client.write_all(b"hello").await.unwrap();
        let before = wakes.0.load(Ordering::SeqCst);
        assert!(wire.lock().poll_ended(context).is_pending());
        assert_eq!(wakes.0.load(Ordering::SeqCst), before + 1, "woken though it is the same task");
        assert!(matches!(Pin::new(&mut body).poll_frame(context), Poll::Ready(Some(Ok(_)))));
        assert!(body.is_end_stream());
    }

    #[tokio::test]
    async fn the_watch_reads_on_once_a_body_in_another_task_made_room() {
        let (mut body, wire, mut client) = body(100_000);
        let (watch, watch_wakes) = waker();
        client.write_all(&[b'x'; 100_000]).await.unwrap();
        assert!(wire.lock().poll_ended(&mut Context::from_waker(&watch)).is_pending());
        let (read, asleep) = (wire.lock().input.len(), watch_wakes.0.load(Ordering::SeqCst));
        assert!((8 * 1024..100_000).contains(&read), "the watch stops at a buffer's worth: {read}");
        assert!(Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())).is_ready());
        assert_eq!(watch_wakes.0.load(Ordering::SeqCst), asleep + 1);
        drop(client);
        while let Poll::Ready(Some(_)) = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) {}
        assert!(wire.lock().poll_ended(&mut Context::from_waker(&watch)).is_ready());
    }
}
