//! A stream in its vm's table: what host calls see and change while one of its callbacks runs or while it is held.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use chain::Exchange;
use dispatch::Scope;
use http::{HeaderMap, HeaderValue, request, response};

use crate::abi::{BodyAction, Side};
use crate::header_map::{MapMut, MapRef};
use crate::signal::Signal;
use crate::stream_handle::BodySeen;

/// One direction of a stream. What is `Some` is open to the guest.
pub(crate) struct Half<H> {
    /// The head, while its callback runs or while it is held.
    pub(crate) head: Option<H>,
    /// The data of the body callback, or everything held behind it.
    pub(crate) body: Option<BytesMut>,
    /// Data in front of `body` that the guest holds and is not shown again.
    kept: BytesMut,
    /// Trailers, while their callback runs or while they are held.
    pub(crate) trailers: Option<HeaderMap>,
    /// Whether a write makes trailers: in the body callback that ends the stream.
    pub(crate) may_add_trailers: bool,
}

impl<H> Default for Half<H> {
    fn default() -> Self {
        Self { head: None, body: None, kept: BytesMut::new(), trailers: None, may_add_trailers: false }
    }
}

impl<H> Half<H> {
    /// Puts a chunk in front of the guest: behind what is held, or alone.
    pub(crate) fn open_body(&mut self, chunk: Bytes) -> usize {
        let body = match self.body.take() {
            Some(mut held) if !held.is_empty() => {
                held.extend_from_slice(&chunk);
                held
            }
            _ => chunk.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..])),
        };
        self.body.insert(body).len()
    }

    /// Everything that is held.
    pub(crate) fn take_body(&mut self) -> Bytes {
        let body = self.body.take().unwrap_or_default();
        if self.kept.is_empty() {
            return body.freeze();
        }
        self.kept.extend_from_slice(&body);
        std::mem::take(&mut self.kept).freeze()
    }

    /// Applies the return value of a body callback: takes out what may go on, leaves in what is held.
    fn settle_body(&mut self, action: BodyAction) -> BodySeen {
        match action {
            BodyAction::Continue => {
                return BodySeen { action, data: self.take_body(), held: 0, trailers: self.trailers.take() };
            }
            BodyAction::Drop => self.body = None,
            BodyAction::Watermark => self.kept.extend_from_slice(&self.body.take().unwrap_or_default()),
            BodyAction::Buffer => (),
        }
        let held = self.kept.len() + self.body.as_ref().map_or(0, BytesMut::len);
        BodySeen { action, data: Bytes::new(), held, trailers: None }
    }
}

/// A stream context.
pub(crate) struct Stream {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) scope: Option<Arc<Scope>>,
    /// `x-request-id`, as the request had it.
    pub(crate) request_id: Option<HeaderValue>,
    pub(crate) signal: Arc<Signal>,
    pub(crate) request: Half<request::Parts>,
    pub(crate) response: Half<response::Parts>,
    /// What a Layotto function writes to buffer 1 during request callbacks: its answer.
    pub(crate) answer: Answer,
    /// Whether the filter waits for what other callbacks decide, for each side.
    pub(crate) waiting: [bool; 2],
    /// Whether the response head has been seen.
    pub(crate) responding: bool,
    /// Whether `proxy_on_log` runs: parked heads are readable.
    pub(crate) logging: bool,
}

/// Where a Layotto function's answer goes.
#[derive(Debug, Default)]
pub(crate) enum Answer {
    /// Not a Layotto function, or its request callbacks are over.
    #[default]
    Closed,
    /// Nothing written yet.
    Open,
    Written(BytesMut),
}

impl Stream {
    pub(crate) fn new(exchange: Arc<Exchange>, signal: Arc<Signal>, head: request::Parts) -> Self {
        let scope = exchange.get::<Arc<Scope>>();
        Self {
            exchange,
            scope,
            signal,
            request_id: head.headers.get("x-request-id").cloned(),
            request: Half { head: Some(head), ..Half::default() },
            response: Half::default(),
            answer: Answer::Closed,
            waiting: [false; 2],
            responding: false,
            logging: false,
        }
    }

    pub(crate) fn body(&self, side: Side) -> Option<&BytesMut> {
        match side {
            Side::Request => self.request.body.as_ref(),
            Side::Response => self.response.body.as_ref(),
        }
    }

    pub(crate) fn body_mut(&mut self, side: Side) -> Option<&mut BytesMut> {
        match side {
            Side::Request => self.request.body.as_mut(),
            Side::Response => self.response.body.as_mut(),
        }
    }

    pub(crate) fn headers(&self, side: Side) -> Option<MapRef<'_>> {
        match side {
            Side::Request => self.request.head.as_ref().map(MapRef::Request),
            Side::Response => self.response.head.as_ref().map(MapRef::Response),
        }
    }

    pub(crate) fn headers_mut(&mut self, side: Side) -> Option<MapMut<'_>> {
        match side {
            Side::Request => self.request.head.as_mut().map(MapMut::Request),
            Side::Response => self.response.head.as_mut().map(MapMut::Response),
        }
    }

    pub(crate) fn trailers(&self, side: Side) -> Option<MapRef<'_>> {
        match side {
            Side::Request => self.request.trailers.as_ref().map(MapRef::Fields),
            Side::Response => self.response.trailers.as_ref().map(MapRef::Fields),
        }
    }

    pub(crate) fn trailers_mut(&mut self, side: Side) -> Option<MapMut<'_>> {
        let (trailers, may_add) = match side {
            Side::Request => (&mut self.request.trailers, self.request.may_add_trailers),
            Side::Response => (&mut self.response.trailers, self.response.may_add_trailers),
        };
        if trailers.is_none() && may_add {
            *trailers = Some(HeaderMap::new());
        }
        trailers.as_mut().map(MapMut::Fields)
    }
}

impl Answer {
    /// The buffer to write to; it counts as written from now on.
    pub(crate) fn open(&mut self) -> &mut BytesMut {
        if !matches!(self, Self::Written(_)) {
            *self = Self::Written(BytesMut::new());
        }
        match self {
            Self::Written(bytes) => bytes,
            Self::Open | Self::Closed => unreachable!("it was made `Written` above"),
        }
    }
}

impl Stream {
    /// Before a callback of a side: a resume that came while nothing was held there is forgotten.
    pub(crate) fn begin(&self, side: Side) {
        if !self.waiting[side as usize] {
            self.signal.take_resume(side);
        }
    }

    pub(crate) fn set_may_add_trailers(&mut self, side: Side, may: bool) {
        match side {
            Side::Request => self.request.may_add_trailers = may,
            Side::Response => self.response.may_add_trailers = may,
        }
    }

    pub(crate) fn put_trailers(&mut self, side: Side, trailers: HeaderMap) {
        match side {
            Side::Request => self.request.trailers = Some(trailers),
            Side::Response => self.response.trailers = Some(trailers),
        }
    }

    /// Applies the return value of a body callback: takes out what may go on, leaves in what is held.
    pub(crate) fn settle_body(&mut self, side: Side, action: BodyAction) -> BodySeen {
        let action = if self.signal.is_ended() {
            BodyAction::Drop
        } else if action != BodyAction::Drop && self.signal.take_resume(side) {
            BodyAction::Continue // "continue, then return Pause" is a continue
        } else {
            action
        };
        let holds = matches!(action, BodyAction::Buffer | BodyAction::Watermark);
        self.waiting[side as usize] = holds || self.signal.is_ended();
        match side {
            Side::Request => self.request.settle_body(action),
            Side::Response => self.response.settle_body(action),
        }
    }

    /// Takes the trailers out if they may go on.
    pub(crate) fn settle_trailers(&mut self, side: Side, goes_on: bool) -> Option<HeaderMap> {
        let goes_on = !self.signal.is_ended() && (goes_on || self.signal.take_resume(side));
        self.waiting[side as usize] = !goes_on;
        if !goes_on {
            return None;
        }
        match side {
            Side::Request => self.request.trailers.take(),
            Side::Response => self.response.trailers.take(),
        }
    }

    /// The exchange is over: nothing can be changed any more, and parked heads are readable.
    pub(crate) fn close(&mut self) {
        let head = self.request.head.take();
        self.exchange.park(|parked| parked.request = parked.request.take().or(head));
        (self.request, self.response) = Default::default();
        self.answer = Answer::Closed;
        self.waiting = [false; 2];
        self.logging = true;
    }
}
