//! The body of a response that comes from an endpoint.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use chain::{Body, Failure, Frame};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http_body::SizeHint;
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep_until};

use super::circuit::Ticket;
use super::h1::{Connection, Content, Receiver, Sender};
use super::upload::{Unsent, Uploaded};

/// What has become of the request whose response this is.
pub(super) enum RequestState {
    Sent(Sender),
    /// It is being sent by somebody else.
    Running(oneshot::Receiver<Uploaded>),
    /// It is being sent in the polls of the response's body, for want of an exchange.
    RunningHere(BoxFuture<'static, ()>, oneshot::Receiver<Uploaded>),
    /// It was not sent whole; the response goes on.
    Unsent,
}

/// The time limit of a response: runs from the moment at which the whole request was sent.
pub(super) struct Limit {
    pub(super) timeout: Option<Duration>,
    pub(super) deadline: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// What a response occupies until it is over.
pub(super) struct Line {
    pub(super) receiver: Receiver,
    pub(super) request: RequestState,
    pub(super) keep_alive: bool,
    pub(super) endpoint: usize,
    pub(super) ticket: Ticket,
}

/// A response body that is read as it is polled.
pub(super) struct Download {
    content: Content,
    /// `None` once the response is over.
    line: Option<Line>,
    first: Option<Frame<Bytes>>,
    limit: Limit,
}

impl Limit {
    pub(super) fn new(timeout: Option<Duration>, deadline: Option<Instant>) -> Self {
        Self { timeout, deadline, timer: None }
    }

    fn start(&mut self) {
        if self.deadline.is_none() {
            self.deadline = self.timeout.map(|timeout| Instant::now() + timeout);
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.deadline else { return Poll::Pending };
        self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline))).as_mut().poll(context)
    }
}

impl Line {
    /// The connection goes back to the pool if both directions ended cleanly, else it is closed.
    fn end(self) {
        let sender = match self.request {
            RequestState::Sent(sender) => Some(sender),
            RequestState::Running(mut over) | RequestState::RunningHere(_, mut over) => {
                over.try_recv().ok().and_then(Result::ok)
            }
            RequestState::Unsent => None,
        };
        let clean = self.keep_alive && self.receiver.buffer.is_empty();
        if let Some(sender) = sender.filter(|sender| clean && sender.is_flushed()) {
            self.ticket.give_back(self.endpoint, Connection { sender, receiver: self.receiver });
        }
    }

    /// Looks after the request that still flows; a body of it that failed fails the response.
    fn poll_request(&mut self, limit: &mut Limit, context: &mut Context<'_>) -> Result<(), Failure> {
        let over = match &mut self.request {
            RequestState::Sent(_) | RequestState::Unsent => return Ok(()),
            RequestState::Running(over) => over,
            RequestState::RunningHere(upload, over) => {
                // Whatever it has to say comes through `over`.
                let _: Poll<()> = upload.poll_unpin(context);
                over
            }
        };
        let Poll::Ready(uploaded) = over.poll_unpin(context) else { return Ok(()) };
        limit.start();
        self.request = match uploaded {
            Ok(Ok(sender)) => RequestState::Sent(sender),
            Ok(Err(Unsent::Failed(failure))) => return Err(failure),
            Ok(Err(Unsent::Unwritable(_))) | Err(_) => RequestState::Unsent,
        };
        Ok(())
    }
}

impl Download {
    /// The body behind a head. What came with the head is decoded at once: a small response is whole by now, and its
    /// connection free before the response is.
    pub(super) fn open(mut content: Content, mut line: Line, limit: Limit) -> Result<Body, Failure> {
        let first = decode(&mut content, &mut line)?;
        if !content.is_done() {
            return Ok(Body::stream(Self { content, line: Some(line), first, limit }));
        }
        line.end();
        Ok(match first.map(Frame::into_data) {
            None => Body::empty(),
            Some(Ok(data)) => Body::full(data),
            Some(Err(trailers)) => Body::stream(Self { content, line: None, first: Some(trailers), limit }),
        })
    }

    fn poll_content(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, Failure>> {
        let Some(line) = &mut self.line else { return Poll::Ready(Ok(None)) };
        line.poll_request(&mut self.limit, context)?;
        loop {
            if let Some(frame) = decode(&mut self.content, line)? {
                return Poll::Ready(Ok(Some(frame)));
            }
            if self.content.is_done() {
                return Poll::Ready(Ok(None));
            }
            match line.receiver.poll_read(self.content.length(), context) {
                Poll::Ready(Ok(0)) if self.content.ends_by_close() => return Poll::Ready(Ok(None)),
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(cut("closed in the middle of the response"))),
                Poll::Ready(Ok(_)) => (),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(cut(&error.to_string()))),
                Poll::Pending => {
                    ready!(self.limit.poll(context));
                    line.ticket.cluster().observer.timed_out();
                    return Poll::Ready(Err(Failure::UpstreamTimeout));
                }
            }
        }
    }
}

impl http_body::Body for Download {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let polled = ready!(self.poll_content(context));
        let over = !matches!(polled, Ok(Some(_))) || self.content.is_done();
        if let Some(line) = if over { self.line.take() } else { None }
            && polled.is_ok()
        {
            line.end();
        }
        Poll::Ready(polled.transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.line.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().and_then(Frame::data_ref).map_or(0, Bytes::len) as u64;
        match self.content.length() {
            Some(rest) => SizeHint::with_exact(first + rest),
            None => SizeHint::default(),
        }
    }
}

fn decode(content: &mut Content, line: &mut Line) -> Result<Option<Frame<Bytes>>, Failure> {
    content.decode(&mut line.receiver.buffer).map_err(|malformed| Failure::UpstreamMalformed(malformed.to_string()))
}

fn cut(why: &str) -> Failure {
    Failure::UpstreamReset(why.to_owned())
}
