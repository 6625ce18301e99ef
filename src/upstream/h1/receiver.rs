//! The receiving half of a connection.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::{BufMut, BytesMut};
use http::{Method, StatusCode, response};
use tokio::io::AsyncReadExt;
use tokio::net::tcp::OwnedReadHalf;

use super::{Head, Malformed};

/// Longest head or trailer section.
pub(super) const MAX_SECTION: usize = 64 * 1024;

/// Most 1xx heads in front of a response; more are a storm, not hints.
const MAX_INFORMATIONAL: usize = 16;

/// Room for a head and a small content in one read.
const HEAD_ROOM: usize = 4 * 1024;

/// Most content that is read before it is asked for.
const CONTENT_ROOM: usize = 64 * 1024;

/// Why no response head came.
#[derive(Debug)]
pub(in crate::upstream) enum Unanswered {
    /// The connection ended. `silent`: before a byte of the response.
    Closed { silent: bool, why: String },
    /// What came is not a response.
    Malformed(Malformed),
}

/// Reads responses.
#[derive(Debug)]
pub(in crate::upstream) struct Receiver {
    pub(super) read: OwnedReadHalf,
    /// Read and not yet taken.
    pub(in crate::upstream) buffer: BytesMut,
}

impl Receiver {
    pub(super) fn new(read: OwnedReadHalf) -> Self {
        Self { read, buffer: BytesMut::new() }
    }

    /// Waits for the head of the response to a request with `method`. Interim heads go to `informational`, but for
    /// `100 Continue`, which nobody asked for.
    pub(in crate::upstream) async fn head(
        &mut self,
        method: &Method,
        informational: impl Fn(response::Parts),
    ) -> Result<Head, Unanswered> {
        for interim in 0..=MAX_INFORMATIONAL {
            let section = self.section(interim > 0).await?;
            let head = Head::parse(&section.freeze(), method).map_err(Unanswered::Malformed)?;
            match head.parts.status {
                StatusCode::CONTINUE => (),
                StatusCode::SWITCHING_PROTOCOLS => {
                    return Err(Unanswered::Malformed(Malformed("it switches protocols unasked")));
                }
                status if status.is_informational() => informational(head.parts),
                _ => return Ok(head),
            }
        }
        Err(Unanswered::Malformed(Malformed("more than 16 interim responses")))
    }

    /// Reads up to the empty line that ends a head.
    async fn section(&mut self, answered: bool) -> Result<BytesMut, Unanswered> {
        let mut looked_at: usize = 0;
        loop {
            let from = looked_at.saturating_sub(3);
            if let Some(at) = memchr::memmem::find(&self.buffer[from..], b"\r\n\r\n") {
                let section = self.buffer.split_to(from + at + 4);
                return still_a_head(&section).map(|()| section).map_err(Unanswered::Malformed);
            }
            looked_at = self.buffer.len();
            still_a_head(&self.buffer).map_err(Unanswered::Malformed)?;
            self.buffer.reserve(HEAD_ROOM);
            let silent = !answered && self.buffer.is_empty();
            match self.read.read_buf(&mut self.buffer).await {
                Ok(0) => return Err(Unanswered::Closed { silent, why: "closed before a response head".to_owned() }),
                Ok(_) => (),
                Err(error) => return Err(Unanswered::Closed { silent, why: error.to_string() }),
            }
        }
    }

    /// Reads more of a content of which `expected` bytes are to come; 0 is the end of the stream.
    pub(in crate::upstream) fn poll_read(
        &mut self,
        expected: Option<u64>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let expected = expected.and_then(|expected| usize::try_from(expected).ok()).unwrap_or(CONTENT_ROOM);
        let room = expected.clamp(1, CONTENT_ROOM);
        self.buffer.reserve(room);
        pin!(self.read.read_buf(&mut (&mut self.buffer).limit(room))).poll(context)
    }
}

/// Refuses early what cannot become a head, so that a server that speaks something else is not waited for.
fn still_a_head(buffer: &[u8]) -> Result<(), Malformed> {
    let start = b"HTTP/1.";
    let seen = buffer.len().min(start.len());
    if buffer[..seen] != start[..seen] {
        return Err(Malformed("bad status line"));
    }
    if buffer.len() > MAX_SECTION { Err(Malformed("its head is over 64 KiB")) } else { Ok(()) }
}
