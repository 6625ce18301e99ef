//! The content of a response, by whichever way its end is told.

use bytes::{Bytes, BytesMut};
use http_body::Frame;

use super::Malformed;
use super::chunked::Chunked;
use super::response::Length;

/// A content that is being read.
#[derive(Debug)]
pub(in crate::upstream) struct Content(Kind);

#[derive(Debug)]
enum Kind {
    /// So many bytes are still to come.
    Exact(u64),
    Chunked(Chunked),
    UntilClose,
}

impl Content {
    pub(in crate::upstream) fn new(length: Length) -> Self {
        Self(match length {
            Length::Exact(length) => Kind::Exact(length),
            Length::Chunked => Kind::Chunked(Chunked::Size),
            Length::UntilClose => Kind::UntilClose,
        })
    }

    /// Takes the next frame from the buffer; `None` when there is none in it.
    pub(in crate::upstream) fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame<Bytes>>, Malformed> {
        let data = match &mut self.0 {
            Kind::Chunked(chunked) => return chunked.decode(buffer),
            Kind::Exact(left) => {
                let size = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                *left -= size as u64;
                buffer.split_to(size)
            }
            Kind::UntilClose => buffer.split(),
        };
        Ok((!data.is_empty()).then(|| Frame::data(data.freeze())))
    }

    /// Whether the last frame was taken.
    pub(in crate::upstream) fn is_done(&self) -> bool {
        matches!(self.0, Kind::Exact(0) | Kind::Chunked(Chunked::Done))
    }

    /// Whether the server's closing is the end of this content, not a cut.
    pub(in crate::upstream) fn ends_by_close(&self) -> bool {
        matches!(self.0, Kind::UntilClose)
    }

    /// Bytes still to come, where it is known.
    pub(in crate::upstream) fn length(&self) -> Option<u64> {
        match self.0 {
            Kind::Exact(left) => Some(left),
            Kind::Chunked(Chunked::Done) => Some(0),
            Kind::Chunked(_) | Kind::UntilClose => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};
    use proptest::prelude::*;

    use super::super::Head;
    use super::*;

    /// What a reader makes of a content that arrives in these pieces.
    fn read(length: Length, pieces: &[&[u8]]) -> Result<(Vec<u8>, Option<HeaderMap>, bool), Malformed> {
        let mut content = Content::new(length);
        let (mut buffer, mut data, mut trailers) = (BytesMut::new(), Vec::new(), None);
        for piece in pieces {
            buffer.extend_from_slice(piece);
            while let Some(frame) = content.decode(&mut buffer)? {
                match frame.into_data() {
                    Ok(piece) => data.extend_from_slice(&piece),
                    Err(frame) => trailers = frame.into_trailers().ok(),
                }
            }
        }
        Ok((data, trailers, content.is_done()))
    }

    const CHUNKED: &[u8] = b"3;x=\"y\"\r\nabc\r\n1F\r\n0123456789012345678901234567890\r\n0\r\nx-sum: 17\r\n\r\n";

    #[test]
    fn a_chunked_content_reads_the_same_wherever_it_is_cut() {
        let whole = read(Length::Chunked, &[CHUNKED]).unwrap();
        assert_eq!(whole.0, b"abc0123456789012345678901234567890");
        assert_eq!((whole.1.as_ref().unwrap()["x-sum"].as_bytes(), whole.2), (&b"17"[..], true));
        for at in 0..CHUNKED.len() {
            let (left, right) = CHUNKED.split_at(at);
            assert_eq!(read(Length::Chunked, &[left, right]).unwrap(), whole, "cut at {at}");
            assert!(!read(Length::Chunked, &[left]).unwrap().2, "whole with {at} bytes");
        }
    }

    #[test]
    fn the_end_is_known_with_the_last_data_that_it_came_with() {
        let mut content = Content::new(Length::Chunked);
        let mut buffer = BytesMut::from(&b"2\r\nok\r\n0\r\n\r\nnext"[..]);
        assert!(content.decode(&mut buffer).unwrap().unwrap().is_data());
        assert!(content.is_done());
        assert_eq!(&*buffer, b"next");
    }

    #[test]
    fn lines_without_an_end_are_given_up() {
        let size = [b"3;", &*vec![b'x'; 5000]].concat();
        assert_eq!(read(Length::Chunked, &[&size]), Err(Malformed("a chunk-size line is over 4 KiB")));
        let trailers = [b"0\r\nx: ", &*vec![b'x'; 70_000]].concat();
        assert_eq!(read(Length::Chunked, &[&trailers]), Err(Malformed("its trailers are over 64 KiB")));
    }

    proptest! {
        #[test]
        fn no_octets_are_invented(octets in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..200) {
            let (left, right) = octets.split_at(cut.min(octets.len()));
            if let Ok((data, _, _)) = read(Length::Chunked, &[left, right]) {
                prop_assert!(data.len() <= octets.len());
            }
        }

        #[test]
        fn a_mutated_head_is_refused_or_has_only_fields_that_it_shows(
            at in 0_usize..80, octet in any::<u8>(), length in 0_usize..3,
        ) {
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-name: value\r\nconnection: close\r\n\r\n".to_vec();
            let at = at.min(head.len() - 1);
            let mutated = [&head[..at], &vec![octet; length], &head[at + 1..]].concat();
            if let Ok(head) = Head::parse(&mutated.clone().into(), &Method::GET) {
                let shown = mutated.split(|&octet| octet == b'\n').count();
                prop_assert!(head.parts.headers.len() <= shown);
                for value in head.parts.headers.values() {
                    prop_assert!(!value.as_bytes().iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0)));
                }
            }
        }

        #[test]
        fn what_was_put_into_chunks_comes_out(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..50), 0..10),
        ) {
            let mut wire = Vec::new();
            for piece in &pieces {
                wire.extend(format!("{:x}\r\n", piece.len()).bytes());
                wire.extend(piece);
                wire.extend(b"\r\n");
            }
            wire.extend(b"0\r\n\r\n");
            let octets: Vec<&[u8]> = wire.chunks(1).collect();
            prop_assert_eq!(read(Length::Chunked, &octets), Ok((pieces.concat(), None, true)));
        }
    }
}
