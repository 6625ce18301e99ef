//! A body on its way through the guest: each chunk meets the body callback, and what it lets on goes further.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use chain::{Body, Failure, Frame, Source};
use http::HeaderMap;
use tracing::error;

use crate::abi::{BodyAction, HeadersAction, Side};
use crate::signal::Event;
use crate::stream_handle::{BodySeen, StreamHandle};
use crate::trap::Trap;

/// One direction's body behind the guest.
pub(crate) struct GuestBody {
    stream: Arc<StreamHandle>,
    side: Side,
    inner: Body,
    /// Data that came while the head was held: the guest has not seen it.
    queue: VecDeque<Bytes>,
    queued: usize,
    /// Trailers that the guest has not seen.
    trailers_in: Option<HeaderMap>,
    /// `inner` has no more.
    ended: bool,
    /// The guest holds data, or the end.
    holding: bool,
    /// More is held than the limit: nothing more is taken in.
    full: bool,
    /// The vm is dead and the policy is to go on without it.
    bypass: bool,
    /// The last data is out; trailers may follow.
    done: bool,
    trailers_out: Option<HeaderMap>,
    /// Bytes that the head's `content-length` still promises.
    left: Option<u64>,
}

/// What comes to a body next.
enum Input {
    Chunk(Bytes, bool),
    Trailers(HeaderMap),
    Resumed,
}

impl GuestBody {
    pub(crate) fn new(stream: Arc<StreamHandle>, side: Side, inner: Body) -> Self {
        let ended = inner.is_end();
        Self {
            stream,
            side,
            inner,
            queue: VecDeque::new(),
            queued: 0,
            trailers_in: None,
            ended,
            holding: false,
            full: false,
            bypass: false,
            done: false,
            trailers_out: None,
            left: None,
        }
    }

    /// The body for the stages behind; a guest without body callbacks is not in its way. `promised`: the head has a
    /// `content-length`.
    pub(crate) fn into_body(mut self, promised: bool) -> Body {
        let nothing_came = self.queue.is_empty() && self.trailers_in.is_none();
        if nothing_came && (self.ended || !self.is_watched()) {
            return self.inner;
        }
        let to_come = self.inner.length().map(|length| length + self.queued as u64);
        self.left = to_come.filter(|_| promised && self.trailers_in.is_none());
        Body::source(self)
    }

    fn is_watched(&self) -> bool {
        let names = match self.side {
            Side::Request => ["proxy_on_request_body", "proxy_on_request_trailers"],
            Side::Response => ["proxy_on_response_body", "proxy_on_response_trailers"],
        };
        names.iter().any(|name| self.stream.pool.facts().exports(name))
    }

    /// Takes one frame in while the head is held; waits for ever once there is no more, or no room.
    pub(crate) async fn take_in(&mut self, action: HeadersAction) -> Result<(), Failure> {
        if self.ended || self.queued > self.limit() {
            return pending().await;
        }
        match self.inner.frame().await {
            Some(frame) => self.enqueue(frame?),
            None => self.ended = true,
        }
        if self.queued > self.limit() && action == HeadersAction::HoldAndBuffer {
            return Err(self.too_large());
        }
        Ok(())
    }

    fn enqueue(&mut self, frame: Frame<Bytes>) {
        self.ended = self.inner.is_end();
        match frame.into_data() {
            Ok(data) => {
                self.queued += data.len();
                self.queue.push_back(data);
            }
            Err(frame) => {
                self.trailers_in = frame.into_trailers().ok();
                self.ended = true;
            }
        }
    }

    /// Takes everything in, for a function that gets its body in one piece.
    pub(crate) async fn collect(&mut self) -> Result<(Bytes, Option<HeaderMap>), Failure> {
        while !self.ended {
            self.take_in(HeadersAction::HoldAndBuffer).await?;
        }
        Ok((self.take_queue(), self.trailers_in.take()))
    }

    fn take_queue(&mut self) -> Bytes {
        self.queued = 0;
        if self.queue.len() == 1 {
            return self.queue.pop_front().unwrap_or_default();
        }
        let mut whole = BytesMut::with_capacity(self.queue.iter().map(Bytes::len).sum());
        self.queue.drain(..).for_each(|data| whole.extend_from_slice(&data));
        whole.freeze()
    }

    /// One step: gives the data that may go on, which may be none.
    async fn step(&mut self) -> Result<Bytes, Failure> {
        let input = self.pull().await?;
        if self.bypass {
            return Ok(self.pass(input));
        }
        match input {
            Input::Chunk(chunk, end) => match self.stream.body(self.side, chunk, end).await {
                Some(Ok(seen)) => self.apply(seen, end),
                Some(Err(trap)) => self.failed(Some(&trap), end).await,
                None => self.failed(None, end).await,
            },
            Input::Trailers(trailers) => match self.stream.trailers(self.side, trailers).await {
                Some(Ok(Some(trailers))) => Ok(self.release(Some(trailers)).await),
                Some(Ok(None)) => {
                    self.holding = true;
                    Ok(Bytes::new())
                }
                Some(Err(trap)) => self.failed(Some(&trap), true).await,
                None => self.failed(None, true).await,
            },
            Input::Resumed => Ok(self.release(None).await),
        }
    }

    /// What comes next: what was decided elsewhere, what was taken in before, or what the peer sends.
    async fn pull(&mut self) -> Result<Input, Failure> {
        if let Some(event) = self.stream.signal.take(self.side).filter(|_| !self.bypass)
            && let Some(input) = self.decided(event)?
        {
            return Ok(input);
        }
        if !self.queue.is_empty() {
            let chunk = self.take_queue();
            return Ok(Input::Chunk(chunk, self.ended && self.trailers_in.is_none()));
        }
        if let Some(trailers) = self.trailers_in.take() {
            return Ok(Input::Trailers(trailers));
        }
        loop {
            let event = tokio::select! {
                biased;
                event = self.stream.signal.wait(self.side), if self.holding => event,
                frame = self.inner.frame(), if !(self.ended || self.holding && self.full) => {
                    return self.input(frame);
                }
            };
            if let Some(input) = self.decided(event)? {
                return Ok(input);
            }
        }
    }

    fn input(&mut self, frame: Option<Result<Frame<Bytes>, Failure>>) -> Result<Input, Failure> {
        let Some(frame) = frame.transpose()? else {
            self.ended = true;
            return Ok(Input::Chunk(Bytes::new(), true));
        };
        self.ended = self.inner.is_end();
        match frame.into_data() {
            Ok(data) => Ok(Input::Chunk(data, self.ended)),
            Err(frame) => {
                self.ended = true;
                Ok(Input::Trailers(frame.into_trailers().unwrap_or_default()))
            }
        }
    }

    /// A resume counts only while something is held.
    fn decided(&self, event: Event) -> Result<Option<Input>, Failure> {
        match event {
            Event::Resume => Ok(self.holding.then_some(Input::Resumed)),
            Event::Dead if self.stream.pool.is_fail_open() => Ok(None),
            event => Err(self.stream.failure_of(event)),
        }
    }

    fn apply(&mut self, seen: BodySeen, end: bool) -> Result<Bytes, Failure> {
        match seen.action {
            BodyAction::Continue => {
                self.holding = false;
                self.full = false;
                self.done = end;
                self.trailers_out = seen.trailers;
            }
            BodyAction::Buffer if seen.held > self.limit() => return Err(self.too_large()),
            BodyAction::Buffer => self.holding = true,
            BodyAction::Watermark => {
                self.holding = true;
                self.full = seen.held > self.limit();
            }
            BodyAction::Drop => self.holding |= end,
        }
        Ok(seen.data)
    }

    /// Lets on everything that the guest holds.
    async fn release(&mut self, trailers: Option<HeaderMap>) -> Bytes {
        let (data, held) = self.stream.take_held(self.side).await;
        self.holding = false;
        self.full = false;
        self.done = self.ended && self.queue.is_empty() && self.trailers_in.is_none();
        self.trailers_out = trailers.or(held);
        data
    }

    /// The vm is dead: what it held goes on, or the exchange fails.
    async fn failed(&mut self, trap: Option<&Trap>, end: bool) -> Result<Bytes, Failure> {
        if self.stream.pool.is_fail_open() {
            self.bypass = true;
            let data = self.release(None).await;
            self.done = end;
            return Ok(data);
        }
        Err(trap.map_or_else(|| self.stream.death(), |trap| self.stream.trapped(trap)))
    }

    fn pass(&mut self, input: Input) -> Bytes {
        match input {
            Input::Chunk(chunk, end) => {
                self.done = end;
                chunk
            }
            Input::Trailers(trailers) => {
                self.done = true;
                self.trailers_out = Some(trailers);
                Bytes::new()
            }
            Input::Resumed => Bytes::new(),
        }
    }

    /// The head is out with its `content-length`: a guest that changed the length would cut the body or hang the peer.
    fn keep_promise(&mut self, data: &Bytes) -> Result<(), Failure> {
        let Some(left) = self.left else { return Ok(()) };
        let rest = left.checked_sub(data.len() as u64).filter(|rest| !self.done || *rest == 0);
        self.left = rest;
        if rest.is_some() {
            return Ok(());
        }
        error!(
            function = %self.stream.pool.id(),
            "the function changed the length of a body after its head was sent; it has to remove content-length in the headers callback, or to pause the headers"
        );
        Err(Failure::Reset("wasm_body_length_changed"))
    }

    fn limit(&self) -> usize {
        self.stream.pool.settings().limits.body
    }

    fn too_large(&self) -> Failure {
        let limit = self.limit() as u64;
        match self.side {
            Side::Request => Failure::RequestTooLarge(limit),
            Side::Response => Failure::ResponseTooLarge(limit),
        }
    }
}

impl Source for GuestBody {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Failure>> {
        while !self.done {
            let data = match self.step().await {
                Ok(data) => data,
                Err(failure) if self.side == Side::Response => return Some(Err(self.stream.as_ready_reply(failure))),
                Err(failure) => return Some(Err(failure)),
            };
            if let Err(failure) = self.keep_promise(&data) {
                return Some(Err(failure));
            }
            if !data.is_empty() {
                return Some(Ok(Frame::data(data)));
            }
        }
        self.trailers_out.take().map(|trailers| Ok(Frame::trailers(trailers)))
    }

    fn is_end(&self) -> bool {
        self.done && self.trailers_out.is_none()
    }

    fn length(&self) -> Option<u64> {
        self.left
    }
}
