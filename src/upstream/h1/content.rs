//! The content of a response, by whichever way its end is told.

use bytes::{Bytes, BytesMut};
use http_body::Frame;

use super::Malformed;
use super::chunked::Chunked;
use super::response::Length;

/// A content that is being read.
#[derive(Debug)]
pub(in crate::upstream) enum Content {
    /// So many bytes are still to come.
    Exact(u64),
    /// Until the last chunk.
    Chunked(ChunkedContent),
    /// Until the server closes.
    UntilClose,
}

/// Hides the coding's states from the users of [`Content`].
#[derive(Debug)]
pub(in crate::upstream) struct ChunkedContent(Chunked);

impl Content {
    pub(in crate::upstream) fn new(length: Length) -> Self {
        match length {
            Length::Exact(length) => Self::Exact(length),
            Length::Chunked => Self::Chunked(ChunkedContent(Chunked::Size)),
            Length::UntilClose => Self::UntilClose,
        }
    }

    /// Takes the next frame from the buffer; `None` when there is none in it.
    pub(in crate::upstream) fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame<Bytes>>, Malformed> {
        match self {
            Self::Chunked(ChunkedContent(chunked)) => return chunked.decode(buffer),
            Self::Exact(0) => return Ok(None),
            _ if buffer.is_empty() => return Ok(None),
            _ => (),
        }
        let data = match self {
            Self::Exact(left) => {
                let size = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                *left -= size as u64;
                buffer.split_to(size)
            }
            _ => buffer.split(),
        };
        Ok(Some(Frame::data(data.freeze())))
    }

    /// Whether the last frame was taken.
    pub(in crate::upstream) fn is_done(&self) -> bool {
        matches!(self, Self::Exact(0) | Self::Chunked(ChunkedContent(Chunked::Done)))
    }

    /// Whether the server's closing is an end of this content, not a cut.
    pub(in crate::upstream) fn may_end_by_close(&self) -> bool {
        self.is_done() || matches!(self, Self::UntilClose)
    }

    /// Bytes still to come, where it is known.
    pub(in crate::upstream) fn length(&self) -> Option<u64> {
        match self {
            Self::Exact(left) => Some(*left),
            _ if self.is_done() => Some(0),
            _ => None,
        }
    }
}
