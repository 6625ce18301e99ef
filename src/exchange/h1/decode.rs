//! Request bodies off the wire: a number of bytes, or chunks. Trailers are checked and dropped.

use bytes::{Buf, Bytes, BytesMut};

use super::head::Framing;

/// Bytes of a chunk's size line, extensions included. Extensions mean nothing to anybody; the bound is on what a client
/// can make us read for one byte of data.
const MAX_SIZE_LINE: usize = 256;

/// Bytes of the trailer section.
const MAX_TRAILERS: usize = 8 * 1024;

/// Reads one body out of a buffer.
#[derive(Debug)]
pub(super) enum Decoder {
    /// So many bytes are still to come.
    Length(u64),
    /// At the start of a chunk's size line.
    Size,
    /// Inside a chunk.
    Data(u64),
    /// Before the line end that follows a chunk's data.
    DataEnd,
    /// Between the last chunk and the end; so many bytes of trailers were dropped.
    Trailers(usize),
    /// The body is whole.
    Done,
}

/// What a look at the buffer gave.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decoded {
    Data(Bytes),
    /// More bytes are needed.
    More,
    End,
}

impl Decoder {
    pub(super) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Length(0) => Self::Done,
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Size,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// Number of bytes still to come, when it is known.
    pub(super) fn remaining(&self) -> Option<u64> {
        match self {
            Self::Length(remaining) => Some(*remaining),
            Self::Done => Some(0),
            _ => None,
        }
    }

    /// The next piece of the body. Once it was the last one and its end lies in `input`, the decoder is done.
    pub(super) fn decode(&mut self, input: &mut BytesMut) -> Result<Decoded, &'static str> {
        if let Decoded::End = self.advance(input)? {
            return Ok(Decoded::End);
        }
        let (Self::Length(remaining) | Self::Data(remaining)) = self else { return Ok(Decoded::More) };
        if input.is_empty() {
            return Ok(Decoded::More);
        }
        let length = usize::try_from(*remaining).unwrap_or(usize::MAX).min(input.len());
        *remaining -= length as u64;
        let data = input.split_to(length).freeze();
        self.advance(input)?;
        Ok(Decoded::Data(data))
    }

    /// Reads framing up to the next data byte, or up to where the buffer ends.
    fn advance(&mut self, input: &mut BytesMut) -> Result<Decoded, &'static str> {
        loop {
            match self {
                Self::Done | Self::Length(0) => {
                    *self = Self::Done;
                    return Ok(Decoded::End);
                }
                Self::Length(_) | Self::Data(1..) => return Ok(Decoded::More),
                Self::Data(0) => *self = Self::DataEnd,
                Self::DataEnd if input.len() < 2 => return Ok(Decoded::More),
                Self::DataEnd if input.starts_with(b"\r\n") => {
                    input.advance(2);
                    *self = Self::Size;
                }
                Self::DataEnd => return Err("a chunk is longer than its size says"),
                Self::Size => {
                    let Some(line) = line(input, MAX_SIZE_LINE)? else { return Ok(Decoded::More) };
                    let size = chunk_size(&input[..line])?;
                    input.advance(line + 2);
                    *self = if size == 0 { Self::Trailers(0) } else { Self::Data(size) };
                }
                Self::Trailers(dropped) => {
                    let Some(line) = line(input, MAX_TRAILERS - *dropped)? else { return Ok(Decoded::More) };
                    let last = line == 0;
                    if !last && !input[..line].contains(&b':') {
                        return Err("a trailer field is malformed");
                    }
                    input.advance(line + 2);
                    *dropped += line + 2;
                    if last {
                        *self = Self::Done;
                    } else if *dropped > MAX_TRAILERS {
                        return Err("the trailer section is too long");
                    }
                }
            }
        }
    }
}

/// Length of the line at the start of `input`, without its end. Its end must be a carriage return and a line feed.
fn line(input: &[u8], limit: usize) -> Result<Option<usize>, &'static str> {
    let Some(feed) = memchr::memchr(b'\n', &input[..input.len().min(limit + 2)]) else {
        return if input.len() >= limit + 2 { Err("a line of the chunked body is too long") } else { Ok(None) };
    };
    match feed.checked_sub(1) {
        Some(end) if input[end] == b'\r' && is_text(&input[..end]) => Ok(Some(end)),
        _ => Err("a line of the chunked body is malformed"),
    }
}

fn is_text(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..))
}

/// The size that a chunk's first line gives, its extensions left aside.
fn chunk_size(line: &[u8]) -> Result<u64, &'static str> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let rest = line[digits..].trim_ascii_start();
    if !(1..=16).contains(&digits) || !(rest.is_empty() && digits == line.len() || rest.first() == Some(&b';')) {
        return Err("a chunk's size is not a hexadecimal number");
    }
    let size = std::str::from_utf8(&line[..digits]).ok().and_then(|text| u64::from_str_radix(text, 16).ok());
    size.ok_or("a chunk's size is not a hexadecimal number")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `wire` in pieces of `step` bytes; the body, and what is left behind it.
    fn decode(framing: Framing, wire: &[u8], step: usize) -> Result<(Vec<u8>, Vec<u8>), &'static str> {
        let mut decoder = Decoder::new(framing);
        let mut input = BytesMut::new();
        let mut pieces = wire.chunks(step);
        let mut body = Vec::new();
        loop {
            match decoder.decode(&mut input)? {
                Decoded::Data(data) => body.extend_from_slice(&data),
                Decoded::End => break,
                Decoded::More => match pieces.next() {
                    Some(piece) => input.extend_from_slice(piece),
                    None => return Err("unfinished"),
                },
            }
        }
        let rest = input.iter().copied().chain(pieces.flatten().copied()).collect();
        Ok((body, rest))
    }

    #[test]
    fn chunked_bodies_decode_alike_however_they_are_cut() {
        let wire = b"5\r\nhello\r\n1;a=b\r\n,\r\n00a\r\n 123456789\r\n0\r\nx-sum: 1\r\n\r\nGET /next";
        for step in 1..=wire.len() {
            let decoded = decode(Framing::Chunked, wire, step);
            assert_eq!(decoded, Ok((b"hello, 123456789".to_vec(), b"GET /next".to_vec())), "{step} bytes at a time");
        }
    }

    #[test]
    fn a_body_with_a_length_ends_with_its_last_byte() {
        for step in 1..=8 {
            let decoded = decode(Framing::Length(5), b"helloGET", step);
            assert_eq!(decoded, Ok((b"hello".to_vec(), b"GET".to_vec())));
        }
    }

    #[test]
    fn the_end_is_known_with_the_last_data_when_it_is_in_the_buffer() {
        let mut decoder = Decoder::new(Framing::Chunked);
        let mut input = BytesMut::from(&b"2\r\nhi\r\n0\r\n\r\n"[..]);
        assert_eq!(decoder.decode(&mut input), Ok(Decoded::Data(Bytes::from_static(b"hi"))));
        assert!(decoder.is_done());
    }

    #[test]
    fn malformed_chunks_are_refused() {
        let cases: [&[u8]; 14] = [
            b"\r\n",
            b"x\r\n",
            b"-1\r\n",
            b"+5\r\nhello\r\n",
            b"0x5\r\nhello\r\n",
            b"5\nhello\r\n",
            b"5 \r\nhello\r\n",
            b"5\r\nhelloX\r\n",
            b"5\r\nhello\n0\r\n\r\n",
            b"12345678123456781\r\n",
            b"5;\x00\r\nhello\r\n",
            b"5;a\rb\r\nhello\r\n",
            b"0\r\nno colon\r\n\r\n",
            b"0\r\na: b\n\r\n",
        ];
        for case in cases {
            let decoded = decode(Framing::Chunked, case, case.len());
            assert!(
                decoded.as_ref().is_err_and(|error| *error != "unfinished"),
                "{:?}: {decoded:?}",
                case.escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn endless_size_lines_and_trailers_are_refused() {
        let mut size = b"5;".to_vec();
        size.resize(MAX_SIZE_LINE + 3, b'a');
        assert_eq!(decode(Framing::Chunked, &size, 64), Err("a line of the chunked body is too long"));
        let mut trailers = b"0\r\n".to_vec();
        while trailers.len() < 2 * MAX_TRAILERS {
            trailers.extend_from_slice(b"a: b\r\n");
        }
        assert!(matches!(decode(Framing::Chunked, &trailers, 64), Err(error) if error != "unfinished"));
    }
}
