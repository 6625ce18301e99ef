//! Bodies: nothing, one piece, or a stream of data and trailers.
//!
//! Three rules hold for every body. [`is_end_stream`](http_body::Body::is_end_stream) is exact once the end is known.
//! A filter that holds data polls up to its limit and then stops; that is the back-pressure. An `Err` may carry a ready
//! reply ([`Failure::Reply`]).

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame, SizeHint};

use crate::Failure;
use crate::source::{Source, Sourced};

/// The content of a request or a response.
pub struct Body(Kind);

enum Kind {
    Empty,
    Full(Bytes),
    Stream(Pin<Box<dyn http_body::Body<Data = Bytes, Error = Failure> + Send>>),
}

impl Body {
    /// A body without bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// A body of one piece; no bytes make an empty body.
    #[must_use]
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        if bytes.is_empty() { Self::empty() } else { Self(Kind::Full(bytes)) }
    }

    /// A body that streams.
    pub fn stream(body: impl http_body::Body<Data = Bytes, Error = Failure> + Send + 'static) -> Self {
        Self(Kind::Stream(Box::pin(body)))
    }

    /// A body made from an `async fn next`.
    pub fn source(source: impl Source) -> Self {
        Self::stream(Sourced::new(source))
    }

    /// Whether it is known that no further frame will come.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.is_end_stream()
    }

    /// Number of bytes still to come, when it is known.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.size_hint().exact()
    }

    /// The next frame, or `None` after the last one.
    pub async fn frame(&mut self) -> Option<Result<Frame<Bytes>, Failure>> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_frame(context)).await
    }

    /// The data of the whole body in one piece; trailers are dropped.
    ///
    /// # Errors
    ///
    /// What the body yields, or `too_large()` as soon as more than `limit` bytes came.
    pub async fn collect(mut self, limit: usize, too_large: impl FnOnce() -> Failure) -> Result<Bytes, Failure> {
        if let Kind::Full(bytes) = self.0 {
            return if bytes.len() > limit { Err(too_large()) } else { Ok(bytes) };
        }
        let mut whole = BytesMut::new();
        while let Some(frame) = self.frame().await {
            let Ok(data) = frame?.into_data() else { continue };
            if whole.len() + data.len() > limit {
                return Err(too_large());
            }
            if whole.is_empty() && self.is_end_stream() {
                return Ok(data);
            }
            whole.extend_from_slice(&data);
        }
        Ok(whole.freeze())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        match &mut self.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                self.0 = Kind::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Kind::Stream(stream) => stream.as_mut().poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Full(_) => false,
            Kind::Stream(stream) => stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Stream(stream) => stream.size_hint(),
        }
    }
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Kind::Empty => "empty",
            Kind::Full(_) => "full",
            Kind::Stream(_) => "stream",
        };
        write!(formatter, "Body({kind}, {:?} bytes)", self.length())
    }
}
