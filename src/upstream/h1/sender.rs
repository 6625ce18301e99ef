//! The sending half of a connection.

use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, request};
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::timeout;

use super::Framing;
use super::request::{write_field, write_head};

/// How long the server may take nothing of what is sent (nginx's `proxy_send_timeout`).
const STALL: Duration = Duration::from_secs(60);

/// Most room kept for the next head on the connection; what a larger one took is given back.
const KEPT_ROOM: usize = 16 * 1024;

/// Writes requests. What is put in leaves with `try_flush` and `flush`; both can be called again after they were cut off.
#[derive(Debug)]
pub(in crate::upstream) struct Sender {
    write: OwnedWriteHalf,
    /// Head and chunk sizes.
    head: BytesMut,
    /// Content, behind `head`.
    piece: Bytes,
    /// What ends a chunk, behind `piece`.
    tail: &'static [u8],
    written: u64,
}

impl Sender {
    pub(super) fn new(write: OwnedWriteHalf) -> Self {
        Self { write, head: BytesMut::new(), piece: Bytes::new(), tail: b"", written: 0 }
    }

    /// Puts in the head of a new request.
    pub(in crate::upstream) fn start(&mut self, head: &request::Parts, framing: Framing, endpoint: SocketAddr) {
        debug_assert!(self.is_flushed(), "the request before was sent whole");
        if self.head.capacity() > KEPT_ROOM {
            self.head = BytesMut::new();
        }
        self.written = 0;
        self.head.clear();
        write_head(head, framing, endpoint, &mut self.head);
    }

    /// Puts in a piece of content, not an empty one. Only a head may lie in front of it.
    pub(in crate::upstream) fn put(&mut self, piece: Bytes, framing: Framing) {
        debug_assert!(self.piece.is_empty() && !piece.is_empty());
        if framing == Framing::Chunked {
            self.head.put_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            self.tail = b"\r\n";
        }
        self.piece = piece;
    }

    /// Puts in the end of a chunked content. In front of trailers everything is flushed.
    pub(in crate::upstream) fn end_chunks(&mut self, trailers: Option<&HeaderMap>) {
        if !self.tail.is_empty() {
            debug_assert!(trailers.is_none());
            self.tail = b"\r\n0\r\n\r\n";
            return;
        }
        self.head.put_slice(b"0");
        for (name, value) in trailers.into_iter().flatten() {
            write_field(name, value.as_bytes(), &mut self.head);
        }
        self.head.put_slice(b"\r\n\r\n");
    }

    /// Writes as much as goes out without waiting; whether that was all.
    pub(in crate::upstream) fn try_flush(&mut self) -> io::Result<bool> {
        while !self.is_flushed() {
            match self.write.try_write_vectored(&self.slices()) {
                Ok(count) => self.advance(count)?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Writes everything.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TimedOut`] when the server took nothing for a minute, else what the socket says.
    pub(in crate::upstream) async fn flush(&mut self) -> io::Result<()> {
        while !self.is_flushed() {
            // Field by field, because `write` is borrowed as well.
            let slices = [&*self.head, &*self.piece, self.tail].map(IoSlice::new);
            let count = timeout(STALL, self.write.write_vectored(&slices)).await??;
            self.advance(count)?;
        }
        Ok(())
    }

    pub(in crate::upstream) fn is_flushed(&self) -> bool {
        self.head.is_empty() && self.piece.is_empty() && self.tail.is_empty()
    }

    /// Bytes of the current request that the socket took.
    pub(in crate::upstream) fn written(&self) -> u64 {
        self.written
    }

    fn slices(&self) -> [IoSlice<'_>; 3] {
        [&*self.head, &*self.piece, self.tail].map(IoSlice::new)
    }

    fn advance(&mut self, count: usize) -> io::Result<()> {
        if count == 0 {
            return Err(ErrorKind::WriteZero.into());
        }
        self.written += count as u64;
        let head = count.min(self.head.len());
        let piece = (count - head).min(self.piece.len());
        self.head.advance(head);
        self.piece.advance(piece);
        self.tail = &self.tail[count - head - piece..];
        Ok(())
    }
}
