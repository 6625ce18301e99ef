//! The client's side of an HTTP/1 exchange.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use chain::{Body, Failure};
use http::{Method, Version, header, response};
use pingora::protocols::http::date::get_cached_date;
use tokio::sync::watch;

use super::body::RequestBody;
use super::decode::Decoder;
use super::encode::{self, Encoder};
use super::half_close::HalfClose;
use super::head::Head;
use super::wire::{Ended, Shared};
use crate::exchange::downstream::{Downstream, Moved, Transport};
use crate::exchange::fields;

/// One connection's exchanges, one after another.
pub(super) struct Session<T> {
    pub(super) wire: Shared<T>,
    stopping: watch::Receiver<bool>,
    encoder: Encoder,
    is_head: bool,
    http_10: bool,
    keep_alive: bool,
    committed: bool,
    half_close: HalfClose,
}

impl<T: Transport> Session<T> {
    pub(super) fn new(wire: Shared<T>, stopping: watch::Receiver<bool>) -> Self {
        Self {
            wire,
            stopping,
            encoder: Encoder::None,
            is_head: false,
            http_10: false,
            keep_alive: false,
            committed: false,
            half_close: HalfClose::default(),
        }
    }

    /// Begins the exchange of a request; its body is read from here on. `last`: no further request is served.
    pub(super) fn begin(&mut self, head: &Head, last: bool) -> Body {
        self.is_head = head.parts.method == Method::HEAD;
        self.http_10 = head.parts.version == Version::HTTP_10;
        self.keep_alive = head.keep_alive && !last;
        self.committed = false;
        let decoder = Decoder::new(head.framing);
        let bodiless = decoder.is_done();
        self.wire.lock().begin(decoder, head.expects_continue && !bodiless);
        if bodiless { Body::empty() } else { Body::stream(RequestBody::new(&self.wire)) }
    }

    /// Begins the exchange of something that is not a request; it is the connection's last one.
    pub(super) fn begin_refused(&mut self) {
        self.is_head = false;
        self.http_10 = false;
        self.keep_alive = false;
        self.committed = false;
        self.wire.lock().begin(Decoder::Done, false);
    }

    /// Whether another request may follow on the connection.
    pub(super) fn keeps_alive(&self) -> bool {
        self.keep_alive
    }

    /// A connection is not used again when the client will not have sent its body to the end, when it still waits for
    /// `100 Continue` (it may then send the body or not), or when the end of the response is the end of the connection.
    fn decide_keep_alive(&mut self) {
        let mut wire = self.wire.lock();
        let waits = std::mem::take(&mut wire.continue_due);
        let abandoned = !wire.decoder.is_done() && (waits || wire.body_dropped && !wire.skip_body());
        if abandoned || self.encoder == Encoder::Close || *self.stopping.borrow() {
            self.keep_alive = false;
        }
    }
}

impl<T: Transport> Downstream for Session<T> {
    fn moved(&self) -> Moved {
        let wire = self.wire.lock();
        Moved { read: wire.read, written: wire.written }
    }

    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let wire = &mut *self.wire.lock();
        match std::task::ready!(wire.poll_ended(context)) {
            Ended::Broken => Poll::Ready(()),
            Ended::Finished if !wire.decoder.is_done() && wire.input.is_empty() => Poll::Ready(()),
            Ended::Finished => self.half_close.poll_left(wire, !self.committed && !self.http_10, context),
        }
    }

    fn send_informational(&mut self, head: &response::Parts) {
        if !self.http_10 {
            self.wire.lock().output.write(|open| encode::informational(open, head));
        }
    }

    fn send_head(&mut self, head: &mut response::Parts, length: Option<u64>) -> bool {
        if head.headers.keys().any(fields::is_hop_by_hop) {
            fields::remove_hop_by_hop(&mut head.headers);
        }
        head.headers.entry(header::DATE).or_insert_with(get_cached_date);
        self.encoder = encode::framing(head, self.is_head, self.http_10, length);
        self.decide_keep_alive();
        self.committed = true;
        let connection: &[u8] = match (self.keep_alive, self.http_10) {
            (true, false) => b"",
            (true, true) => b"connection: keep-alive\r\n",
            (false, _) => b"connection: close\r\n",
        };
        let coding: &[u8] = if self.encoder == Encoder::Chunked { b"transfer-encoding: chunked\r\n" } else { b"" };
        self.wire.lock().output.write(|open| encode::head(open, head, &[coding, connection]));
        self.encoder != Encoder::None
    }

    fn send_data(&mut self, data: Bytes) -> Result<(), Failure> {
        let wire = &mut *self.wire.lock();
        wire.sent += data.len() as u64;
        self.encoder.data(&mut wire.output, data)
    }

    fn send_end(&mut self) -> Result<(), Failure> {
        self.encoder.end(&mut self.wire.lock().output)
    }

    fn queued(&self) -> usize {
        self.wire.lock().output.queued()
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.lock().poll_flush(context)
    }

    fn reset(&mut self) {
        let mut wire = self.wire.lock();
        wire.output.clear();
        wire.transport.abort();
        self.keep_alive = false;
    }
}
