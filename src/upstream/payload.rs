//! The content of a request before it is on its way: what an attempt sends first, and what another attempt may send
//! again.

use std::sync::Weak;

use bytes::Bytes;
use chain::{Body, Exchange, Failure, Frame};
use futures_util::FutureExt;
use http::Method;

use super::h1::{Framing, Sender};
use super::upload::{Upload, wrong_length};

/// The content of a request, its first frame looked at.
pub(super) struct Payload {
    first: Option<Frame<Bytes>>,
    rest: Body,
    /// The length that the body told.
    announced: Option<u64>,
    looked: bool,
    /// Whether a part of it left with an attempt and is not here any more.
    consumed: bool,
}

impl Payload {
    pub(super) fn new(body: Body) -> Self {
        Self { announced: body.length(), first: None, rest: body, looked: false, consumed: false }
    }

    /// Takes the first frame if it is there already, so that it leaves in one write with the head.
    pub(super) fn look(&mut self) -> Result<(), Failure> {
        if std::mem::replace(&mut self.looked, true) {
            return Ok(());
        }
        while !self.rest.is_end() {
            let Some(frame) = self.rest.frame().now_or_never() else { return Ok(()) };
            match frame.transpose().inspect_err(|_| self.consumed = true)? {
                Some(frame) if frame.data_ref().is_some_and(Bytes::is_empty) => (),
                Some(frame) => {
                    self.first = Some(frame);
                    return Ok(());
                }
                None => self.rest = Body::empty(),
            }
        }
        Ok(())
    }

    /// Whether all of it is here, so that the request is complete with its first write.
    pub(super) fn is_whole(&self) -> bool {
        self.rest.is_end() && self.first.as_ref().is_none_or(Frame::is_data)
    }

    /// Whether an attempt can send all of it.
    pub(super) fn is_intact(&self) -> bool {
        !self.consumed
    }

    /// How the content is announced.
    pub(super) fn framing(&self, method: &Method) -> Framing {
        match (&self.first, self.announced) {
            (None, _) if self.rest.is_end() => Framing::empty(method),
            (_, Some(length)) => Framing::Length(length),
            (Some(first), None) if self.is_whole() => Framing::Length(first.data_ref().map_or(0, Bytes::len) as u64),
            _ => Framing::Chunked,
        }
    }

    /// Puts what is here behind the head.
    pub(super) fn put_first(&self, sender: &mut Sender, framing: Framing) -> Result<(), Failure> {
        let first = self.first.as_ref().and_then(Frame::data_ref);
        let length = first.map_or(0, Bytes::len) as u64;
        match framing {
            Framing::Length(announced) if length > announced || self.is_whole() && length < announced => {
                return Err(wrong_length());
            }
            _ => (),
        }
        if let Some(first) = first {
            sender.put(first.clone(), framing);
        }
        Ok(())
    }

    /// What is left to do after the first write: to send the rest of it, and the rest of the content.
    pub(super) fn upload(&mut self, sender: Sender, framing: Framing, exchange: Weak<Exchange>) -> Upload {
        if self.is_whole() {
            return Upload::rest(sender, framing);
        }
        self.consumed = true;
        let first = self.first.take();
        let sent = first.as_ref().and_then(Frame::data_ref).map_or(0, Bytes::len) as u64;
        let trailers = first.and_then(|first| first.into_trailers().ok());
        let left = if let Framing::Length(length) = framing { Some(length - sent) } else { None };
        Upload::new(sender, framing, std::mem::take(&mut self.rest), left, trailers, exchange)
    }
}
