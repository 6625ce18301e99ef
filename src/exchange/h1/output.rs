//! Bytes on their way to the client: small pieces are gathered, large ones are passed on without a copy.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;

/// A piece up to this size is copied behind its neighbours: cheaper than one more slice in the system call.
const COPIED: usize = 2 * 1024;

/// Slices of one system call.
const SLICES: usize = 16;

/// Bytes kept allocated between responses.
const KEPT: usize = 4 * 1024;

/// What is queued for the client, in order: whole pieces, then the open one.
#[derive(Debug, Default)]
pub(super) struct Output {
    pieces: VecDeque<Bytes>,
    open: BytesMut,
    queued: usize,
}

impl Output {
    /// Number of bytes not yet written.
    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// Queues what `write` appends.
    pub(super) fn write(&mut self, write: impl FnOnce(&mut BytesMut)) {
        let before = self.open.len();
        write(&mut self.open);
        self.queued += self.open.len() - before;
    }

    /// Queues a piece.
    pub(super) fn push(&mut self, piece: Bytes) {
        self.queued += piece.len();
        if piece.len() <= COPIED {
            self.open.extend_from_slice(&piece);
            return;
        }
        if !self.open.is_empty() {
            self.pieces.push_back(self.open.split().freeze());
        }
        self.pieces.push_back(piece);
    }

    /// Drops everything that is queued.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Writes everything that is queued; the number of bytes that went out is added to `sent`.
    pub(super) fn poll_flush<W: AsyncWrite + Unpin>(
        &mut self,
        writer: &mut W,
        sent: &mut u64,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.queued > 0 {
            let written = std::task::ready!(self.poll_write(writer, context))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *sent += written as u64;
            self.consume(written);
        }
        Pin::new(writer).poll_flush(context)
    }

    fn poll_write<W: AsyncWrite + Unpin>(&self, writer: &mut W, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.pieces.is_empty() {
            return Pin::new(writer).poll_write(context, &self.open);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let pieces = self.pieces.iter().map(|piece| &piece[..]).chain([&self.open[..]]);
        let mut used = 0;
        for (slice, piece) in slices.iter_mut().zip(pieces) {
            *slice = IoSlice::new(piece);
            used += 1;
        }
        Pin::new(writer).poll_write_vectored(context, &slices[..used])
    }

    fn consume(&mut self, mut written: usize) {
        self.queued -= written;
        while let Some(piece) = self.pieces.front_mut() {
            if written < piece.len() {
                piece.advance(written);
                return;
            }
            written -= piece.len();
            self.pieces.pop_front();
        }
        self.open.advance(written);
        if self.open.is_empty() {
            if self.open.capacity() > KEPT { self.open = BytesMut::new() } else { self.open.clear() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes at most `step` bytes at a time.
    struct Slow {
        step: usize,
        taken: Vec<u8>,
    }

    impl AsyncWrite for Slow {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            let taken = bytes.len().min(self.step);
            self.taken.extend_from_slice(&bytes[..taken]);
            Poll::Ready(Ok(taken))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn pieces_arrive_in_order_however_little_the_client_takes() {
        let pieces = [&b"head"[..], &[b'a'; 5000], b"x", &[b'b'; 3000], &[b'c'; 10]];
        for step in [1, 7, 4096, 100_000] {
            let mut output = Output::default();
            for piece in pieces {
                output.push(Bytes::copy_from_slice(piece));
            }
            output.write(|open| open.extend_from_slice(b"end"));
            let (mut slow, mut moved) = (Slow { step, taken: Vec::new() }, 0);
            let context = &mut Context::from_waker(std::task::Waker::noop());
            assert!(output.poll_flush(&mut slow, &mut moved, context).is_ready());
            assert_eq!(slow.taken, [pieces.concat(), b"end".to_vec()].concat());
            assert_eq!((moved, output.queued()), (slow.taken.len() as u64, 0));
        }
    }
}
