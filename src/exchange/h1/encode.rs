//! Response heads and bodies onto the wire.

use bytes::{BufMut, Bytes, BytesMut};
use chain::Failure;
use http::header::{self, HeaderValue};
use http::{StatusCode, response};

use super::output::Output;
use crate::exchange::fields;

/// How the body of the response at hand is framed, and what of it is still owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoder {
    /// The response has no body, whatever its head says.
    None,
    /// So many bytes are still owed.
    Length(u64),
    Chunked,
    /// The end of the connection is the end of the body.
    Close,
}

/// Writes a response head. `connection` is what this connection says about itself, in whole lines.
pub(super) fn head(out: &mut BytesMut, head: &response::Parts, connection: &[&[u8]]) {
    status_line(out, head);
    for (name, value) in &head.headers {
        field(out, name.as_str().as_bytes(), value.as_bytes());
    }
    for line in connection {
        out.put_slice(line);
    }
    out.put_slice(b"\r\n");
}

/// Writes a 1xx head.
pub(super) fn informational(out: &mut BytesMut, head: &response::Parts) {
    status_line(out, head);
    for (name, value) in &head.headers {
        if !fields::is_hop_by_hop(name) && *name != header::CONTENT_LENGTH {
            field(out, name.as_str().as_bytes(), value.as_bytes());
        }
    }
    out.put_slice(b"\r\n");
}

fn status_line(out: &mut BytesMut, head: &response::Parts) {
    out.put_slice(b"HTTP/1.1 ");
    out.put_slice(head.status.as_str().as_bytes());
    out.put_u8(b' ');
    out.put_slice(head.status.canonical_reason().unwrap_or_default().as_bytes());
    out.put_slice(b"\r\n");
}

fn field(out: &mut BytesMut, name: &[u8], value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.put_slice(name);
    out.put_slice(b": ");
    out.put_slice(value);
    out.put_slice(b"\r\n");
}

/// Body and head of a response, made to agree: `length` is what the body says of itself, `announced` what the head does.
///
/// A body that knows its length is right; a head alone is held to its word. HEAD, 204 and 304 have no body (RFC 9110,
/// section 8.6, says which may still name a length).
pub(super) fn framing(head: &mut response::Parts, is_head: bool, http_10: bool, length: Option<u64>) -> Encoder {
    let announced = announced(head);
    let (encoder, field) = match head.status {
        StatusCode::NO_CONTENT => (Encoder::None, None),
        StatusCode::NOT_MODIFIED => (Encoder::None, announced),
        _ if is_head => (Encoder::None, announced.or(length.filter(|length| *length > 0))),
        _ => match length.or(announced) {
            Some(length) => (Encoder::Length(length), Some(length)),
            None if http_10 => (Encoder::Close, None),
            None => (Encoder::Chunked, None),
        },
    };
    match field {
        Some(_) if announced == field => {}
        Some(length) => drop(head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length))),
        None => drop(head.headers.remove(header::CONTENT_LENGTH)),
    }
    encoder
}

/// The one number that the head's `content-length` is, if it is one.
fn announced(head: &response::Parts) -> Option<u64> {
    let mut values = head.headers.get_all(header::CONTENT_LENGTH).iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    super::head::decimal(value.as_bytes())
}

impl Encoder {
    /// Queues a piece of the body.
    pub(super) fn data(&mut self, out: &mut Output, data: Bytes) -> Result<(), Failure> {
        if data.is_empty() {
            return Ok(()); // an empty chunk would be the end of a chunked body
        }
        match self {
            Self::None => {}
            Self::Close => out.push(data),
            Self::Length(owed) => {
                *owed =
                    owed.checked_sub(data.len() as u64).ok_or(Failure::Reset("response_body_longer_than_announced"))?;
                out.push(data);
            }
            Self::Chunked => {
                out.write(|open| size_line(open, data.len()));
                out.push(data);
                out.write(|open| open.put_slice(b"\r\n"));
            }
        }
        Ok(())
    }

    /// Queues the end of the body.
    pub(super) fn end(&mut self, out: &mut Output) -> Result<(), Failure> {
        match self {
            Self::Length(1..) => return Err(Failure::Reset("response_body_shorter_than_announced")),
            Self::Chunked => out.write(|open| open.put_slice(b"0\r\n\r\n")),
            Self::None | Self::Length(0) | Self::Close => {}
        }
        *self = Self::None;
        Ok(())
    }
}

/// The size line of a chunk.
fn size_line(out: &mut BytesMut, size: usize) {
    let digits = (usize::BITS - size.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        let nibble = (size >> (4 * digit)) as u8 & 0x0f;
        out.put_u8(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
    }
    out.put_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_sizes_are_written_as_the_formatter_would() {
        for number in [0, 1, 9, 10, 15, 16, 255, 256, 4096, 65_535, 1_000_000, u32::MAX as usize] {
            let mut out = BytesMut::new();
            size_line(&mut out, number);
            assert_eq!(out, format!("{number:x}\r\n"));
        }
    }

    #[test]
    fn a_body_must_deliver_what_its_head_announced() {
        let mut out = Output::default();
        assert!(Encoder::Length(2).data(&mut out, Bytes::from_static(b"abc")).is_err());
        assert_eq!(out.queued(), 0, "nothing beyond the announced length is written");
        let mut encoder = Encoder::Length(3);
        encoder.data(&mut out, Bytes::from_static(b"ab")).unwrap();
        assert!(encoder.end(&mut out).is_err());
    }
}
