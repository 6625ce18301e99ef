//! The chunked transfer coding (RFC 9112 §7.1), read.

use bytes::{Buf, Bytes, BytesMut};
use http_body::Frame;

use super::receiver::MAX_SECTION;
use super::{Malformed, fields};

/// Longest chunk-size line, extensions included. Nobody we know sends extensions longer than a signature.
const MAX_LINE: usize = 4096;

/// Where in a chunked content the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunked {
    Size,
    Data(u64),
    /// After the data, before its CR LF.
    DataEnd,
    Trailers,
    Done,
}

impl Chunked {
    /// The next frame in `buffer`; `None` when there is none yet, or none any more (`Done`).
    pub(super) fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame<Bytes>>, Malformed> {
        while self.step(buffer)? {}
        match *self {
            Self::Data(left) if !buffer.is_empty() => Ok(Some(self.data(left, buffer))),
            Self::Trailers => self.trailers(buffer),
            _ => Ok(None),
        }
    }

    fn data(&mut self, left: u64, buffer: &mut BytesMut) -> Frame<Bytes> {
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let data = buffer.split_to(size).freeze();
        let left = left - size as u64;
        *self = if left == 0 { Self::DataEnd } else { Self::Data(left) };
        // Looks ahead, so that the end is known with the last data if it came with it. What is wrong stays in the
        // buffer, and is found again when the next frame is asked for.
        while self.step(buffer).unwrap_or(false) {}
        Frame::data(data)
    }

    /// Takes what stands between data from the buffer; `false` when nothing can be taken.
    fn step(&mut self, buffer: &mut BytesMut) -> Result<bool, Malformed> {
        let (taken, next) = match *self {
            Self::Size => match line(buffer)? {
                None => return Ok(false),
                Some(line) => match size(&buffer[..line])? {
                    0 => (line + 2, Self::Trailers),
                    size => (line + 2, Self::Data(size)),
                },
            },
            Self::DataEnd => match **buffer {
                [b'\r', b'\n', ..] => (2, Self::Size),
                [] | [b'\r'] => return Ok(false),
                _ => return Err(Malformed("a chunk is longer than its size")),
            },
            Self::Trailers if buffer.starts_with(b"\r\n") => (2, Self::Done),
            Self::Data(_) | Self::Trailers | Self::Done => return Ok(false),
        };
        buffer.advance(taken);
        *self = next;
        Ok(true)
    }

    fn trailers(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame<Bytes>>, Malformed> {
        let Some(at) = memchr::memmem::find(buffer, b"\r\n\r\n") else {
            let whole = buffer.len() <= MAX_SECTION;
            return if whole { Ok(None) } else { Err(Malformed("its trailers are over 64 KiB")) };
        };
        if at > MAX_SECTION {
            return Err(Malformed("its trailers are over 64 KiB"));
        }
        if !fields::lines_are_whole(&buffer[..at + 4]) {
            return Err(Malformed("a line of its trailers does not end in CR LF"));
        }
        let trailers = fields::trailers(&buffer.split_to(at + 4).freeze())?;
        *self = Self::Done;
        Ok((!trailers.is_empty()).then(|| Frame::trailers(trailers)))
    }
}

/// Length of the line at the start of the buffer, its CR LF left out.
fn line(buffer: &[u8]) -> Result<Option<usize>, Malformed> {
    let seen = &buffer[..buffer.len().min(MAX_LINE)];
    match memchr::memchr(b'\n', seen) {
        Some(0) => Err(Malformed("bad chunk size")),
        Some(at) if seen[at - 1] != b'\r' => Err(Malformed("a chunk-size line does not end in CR LF")),
        Some(at) => Ok(Some(at - 1)),
        None if seen.len() == MAX_LINE => Err(Malformed("a chunk-size line is over 4 KiB")),
        None if seen.first().is_some_and(|first| !first.is_ascii_hexdigit()) => Err(Malformed("bad chunk size")),
        None => Ok(None),
    }
}

/// The size in a chunk-size line. Extensions are passed over; old servers pad the size with spaces.
fn size(line: &[u8]) -> Result<u64, Malformed> {
    if line.iter().any(|&byte| byte.is_ascii_control() && byte != b'\t') {
        return Err(Malformed("a control character in a chunk-size line"));
    }
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, rest) = line.split_at(digits);
    if !matches!(rest.trim_ascii_start().first(), None | Some(b';')) {
        return Err(Malformed("bad chunk size"));
    }
    let digits = std::str::from_utf8(digits).map_err(|_| Malformed("bad chunk size"))?;
    u64::from_str_radix(digits, 16).map_err(|_| Malformed("bad chunk size"))
}
