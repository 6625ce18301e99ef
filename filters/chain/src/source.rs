//! A body from an `async fn next`: the one place where a boxed future per frame is made.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::Failure;

/// Yields the frames of a body, one `await` each.
///
/// No lock of a vm may be held while another body is polled from inside `next`.
pub trait Source: Send + 'static {
    /// The next frame, or `None` after the last one. Not called again after `None` or an `Err`.
    fn next(&mut self) -> impl Future<Output = Option<Result<Frame<Bytes>, Failure>>> + Send;

    /// Whether it is known that no further frame will come.
    fn is_end(&self) -> bool {
        false
    }

    /// Number of bytes still to come, when it is known.
    fn length(&self) -> Option<u64> {
        None
    }
}

type Step<S> = Pin<Box<dyn Future<Output = (S, Option<Result<Frame<Bytes>, Failure>>)> + Send>>;

enum State<S> {
    Idle(S),
    Busy(Step<S>),
    Done,
}

/// Makes a [`Source`] a body.
pub(crate) struct Sourced<S>(State<S>);

impl<S> Sourced<S> {
    pub(crate) fn new(source: S) -> Self {
        Self(State::Idle(source))
    }
}

// The source is only ever moved between polls, never pinned.
impl<S> Unpin for Sourced<S> {}

impl<S: Source> http_body::Body for Sourced<S> {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let mut step = match std::mem::replace(&mut self.0, State::Done) {
            State::Done => return Poll::Ready(None),
            State::Busy(step) => step,
            State::Idle(mut source) => Box::pin(async move {
                let frame = source.next().await;
                (source, frame)
            }),
        };
        let Poll::Ready((source, frame)) = step.as_mut().poll(context) else {
            self.0 = State::Busy(step);
            return Poll::Pending;
        };
        if matches!(frame, Some(Ok(_))) {
            self.0 = State::Idle(source);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            State::Idle(source) => source.is_end(),
            State::Busy(_) => false,
            State::Done => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            State::Idle(source) => source.length().map_or_else(SizeHint::default, SizeHint::with_exact),
            State::Busy(_) => SizeHint::default(),
            State::Done => SizeHint::with_exact(0),
        }
    }
}
