//! The bytes of one connection in both directions, shared by the connection's task and the request body.

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{BufMut, BytesMut};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, ReadBuf};

use super::decode::{Decoded, Decoder};
use super::output::Output;
use crate::exchange::Transport;

/// Bytes read at a time, and held of a request that nobody reads.
const READ: usize = 8 * 1024;

/// Bytes of a request that come by way of the stack; most heads are smaller.
const FIRST_READ: usize = 4 * 1024;

/// Bytes read at a time while a large body flows.
const READ_LARGE: usize = 64 * 1024;

/// How the client's side of the connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It closed its direction.
    Finished,
    /// The connection is broken.
    Broken,
}

/// The connection's transport and buffers. Locked for the length of a poll, never across an await.
#[derive(Debug)]
pub(super) struct Wire<T> {
    pub(super) transport: T,
    pub(super) input: BytesMut,
    pub(super) output: Output,
    pub(super) decoder: Decoder,
    /// Number of the exchange whose body `decoder` reads. A body that outlives its exchange finds another number.
    pub(super) exchange: u64,
    /// The client waits for `100 Continue` and has not got it.
    pub(super) continue_due: bool,
    /// Nobody will read the rest of the request body.
    pub(super) body_dropped: bool,
    pub(super) ended: Option<Ended>,
    /// Bytes of request bodies handed out for the exchange.
    pub(super) received: u64,
    /// Bytes of the response's body taken for the exchange.
    pub(super) sent: u64,
    /// Bytes that came from the client.
    pub(super) read: u64,
    /// Bytes that the client took.
    pub(super) written: u64,
    /// `written` when the client closed its direction.
    pub(super) written_before_end: u64,
    full: bool,
    large: bool,
    body_waker: Option<Waker>,
    watch_waker: Option<Waker>,
}

/// Who reads. Both may wait for the same bytes, and not always in the same task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    Body,
    Watch,
}

pub(super) type Shared<T> = Arc<Mutex<Wire<T>>>;

impl<T: Transport> Wire<T> {
    pub(super) fn new(transport: T) -> Self {
        Self {
            transport,
            input: BytesMut::new(),
            output: Output::default(),
            decoder: Decoder::Done,
            exchange: 0,
            continue_due: false,
            body_dropped: false,
            ended: None,
            received: 0,
            sent: 0,
            read: 0,
            written: 0,
            written_before_end: 0,
            full: false,
            large: false,
            body_waker: None,
            watch_waker: None,
        }
    }

    /// Reads once what the client has sent. Ready when bytes came or when the client's side ended.
    pub(super) fn poll_fill(&mut self, reader: Reader, context: &mut Context<'_>) -> Poll<()> {
        if self.ended.is_some() {
            return Poll::Ready(());
        }
        let room = self.room();
        let read = pin!(self.transport.read_buf(&mut (&mut self.input).limit(room))).poll(context);
        match read {
            Poll::Pending => {
                let slot = if reader == Reader::Body { &mut self.body_waker } else { &mut self.watch_waker };
                remember(slot, context.waker());
                return Poll::Pending;
            }
            Poll::Ready(Ok(0)) => self.finished(),
            Poll::Ready(Ok(count)) => {
                self.read += count as u64;
                self.large = reader == Reader::Body && count == room;
            }
            Poll::Ready(Err(_)) => self.ended = Some(Ended::Broken),
        }
        self.wake_other(reader, context.waker());
        Poll::Ready(())
    }

    /// Room in the buffer for one read. A buffer is kept until little of it is left, because heads and body pieces that
    /// are still in use keep it from being used again.
    fn room(&mut self) -> usize {
        let size = if self.large { READ_LARGE } else { READ };
        if self.input.capacity() - self.input.len() < size / 4 {
            self.input.reserve(size);
        }
        self.input.capacity() - self.input.len()
    }

    /// Reads the first bytes of a request by way of the stack, so that an idle connection holds no buffer.
    pub(super) fn poll_first(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [const { MaybeUninit::uninit() }; FIRST_READ];
        let mut bytes = ReadBuf::uninit(&mut bytes);
        match std::task::ready!(Pin::new(&mut self.transport).poll_read(context, &mut bytes)) {
            Ok(()) if bytes.filled().is_empty() => self.finished(),
            Ok(()) => {
                self.read += bytes.filled().len() as u64;
                self.input = BytesMut::with_capacity(READ);
                self.input.extend_from_slice(bytes.filled());
            }
            Err(_) => self.ended = Some(Ended::Broken),
        }
        Poll::Ready(())
    }

    fn finished(&mut self) {
        self.ended = Some(Ended::Finished);
        self.written_before_end = self.written;
    }

    /// Whether the connection was reset by a client that had closed its direction before. A reader is not told then,
    /// a writer is, even one that has nothing to write.
    pub(super) fn is_reset(&mut self, context: &mut Context<'_>) -> bool {
        matches!(Pin::new(&mut self.transport).poll_write(context, &[]), Poll::Ready(Err(_)))
    }

    /// Ready when the client's side has ended. What it sends meanwhile is taken in up to a buffer's worth; behind a
    /// full buffer the end cannot be seen, and the client cannot send more either.
    pub(super) fn poll_ended(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
        loop {
            if let Some(ended) = self.ended {
                return Poll::Ready(ended);
            }
            if self.input.len() >= READ {
                self.full = true;
                remember(&mut self.watch_waker, context.waker());
                return Poll::Pending;
            }
            std::task::ready!(self.poll_fill(Reader::Watch, context));
        }
    }

    /// Tells the watch that there is room again, after the body took bytes.
    pub(super) fn made_room(&mut self) {
        if std::mem::take(&mut self.full)
            && let Some(watch) = self.watch_waker.take()
        {
            watch.wake();
        }
    }

    pub(super) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.output.poll_flush(&mut self.transport, &mut self.written, context)
    }

    /// The transport keeps one waker, the last reader's; the other reader is woken here. A body that waits is woken by
    /// the watch even in its own task, where it was polled before the watch read.
    fn wake_other(&mut self, reader: Reader, own: &Waker) {
        let other = match reader {
            Reader::Watch => self.body_waker.take(),
            Reader::Body => {
                self.body_waker = None;
                self.watch_waker.take_if(|waker| !waker.will_wake(own))
            }
        };
        if let Some(waker) = other {
            waker.wake();
        }
    }

    /// Starts reading the body of the next exchange.
    pub(super) fn begin(&mut self, decoder: Decoder, continue_due: bool) {
        self.end_exchange();
        self.decoder = decoder;
        self.continue_due = continue_due;
        self.body_dropped = false;
        self.body_waker = None;
        self.received = 0;
        self.sent = 0;
    }

    /// Takes the rest of the request body out of the hands of whoever still holds it.
    pub(super) fn end_exchange(&mut self) {
        self.exchange += 1;
    }

    /// Throws away what of the request body lies in the buffer. `true` when that was all of it.
    pub(super) fn skip_body(&mut self) -> bool {
        loop {
            match self.decoder.decode(&mut self.input) {
                Ok(Decoded::Data(data)) => self.received += data.len() as u64,
                Ok(Decoded::End) => return true,
                Ok(Decoded::More) | Err(_) => return false,
            }
        }
    }
}

fn remember(slot: &mut Option<Waker>, waker: &Waker) {
    match slot {
        Some(known) => known.clone_from(waker),
        None => *slot = Some(waker.clone()),
    }
}
