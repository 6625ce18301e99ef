//! Cuts a connection whose server sends a reply that is too large, before it is held in memory.
//!
//! The client behind this has no limit of its own. This reads along, just enough of RESP to know where each top-level
//! reply begins and how large it will be: whole replies in front of a too large one still pass.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Why a connection was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    TooLarge,
    Malformed,
}

/// Filled in when a connection is cut.
pub(super) type Verdict = Arc<OnceLock<Cut>>;

/// A stream whose incoming replies are limited.
pub(super) struct ReplyLimit<S> {
    stream: S,
    scanner: Scanner,
    verdict: Verdict,
}

impl<S> ReplyLimit<S> {
    pub(super) fn new(stream: S, limit: u64, verdict: Verdict) -> Self {
        Self { stream, scanner: Scanner::new(limit), verdict }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for ReplyLimit<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(cut) = self.verdict.get() {
            return Poll::Ready(Err(cut_off(*cut)));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let Err((whole, cut)) = self.scanner.read(&buffer.filled()[before..]) else { return Poll::Ready(Ok(())) };
        let cut = *self.verdict.get_or_init(|| cut);
        if whole == 0 {
            return Poll::Ready(Err(cut_off(cut)));
        }
        buffer.set_filled(before + whole); // the replies in front; the next read ends it
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ReplyLimit<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

fn cut_off(cut: Cut) -> io::Error {
    let kind = match cut {
        Cut::TooLarge => io::ErrorKind::FileTooLarge,
        Cut::Malformed => io::ErrorKind::InvalidData,
    };
    kind.into()
}

/// Follows the framing of RESP2 and RESP3.
#[derive(Debug)]
struct Scanner {
    limit: u64,
    /// Bytes of the present top-level reply so far.
    size: u64,
    /// Values still to come in each aggregate that is open, outermost first.
    open: Vec<u64>,
    at: At,
}

#[derive(Debug, Clone, Copy)]
enum At {
    /// Before the first byte of a value.
    Kind,
    /// In the rest of a value's first line.
    Line { kind: u8, number: Number, after_cr: bool },
    /// In a string of known length, its line end included.
    Bytes { left: u64 },
}

/// The decimal number of a first line.
#[derive(Debug, Clone, Copy, Default)]
struct Number {
    value: u64,
    negative: bool,
    digits: bool,
}

/// How deep aggregates may lie in each other: the parser behind this stops there too.
const MAX_DEPTH: usize = 100;

/// The shortest value there is: a kind and a line end.
const SHORTEST: u64 = 3;

impl Scanner {
    fn new(limit: u64) -> Self {
        Self { limit, size: 0, open: Vec::new(), at: At::Kind }
    }

    /// Reads on. `Err`: how many of the bytes are whole replies, and what is wrong with the one behind them.
    fn read(&mut self, bytes: &[u8]) -> Result<(), (usize, Cut)> {
        let (mut read, mut whole) = (0, 0);
        while read < bytes.len() {
            read += self.step(&bytes[read..]).map_err(|cut| (whole, cut))?;
            if self.size > self.limit {
                return Err((whole, Cut::TooLarge));
            }
            if self.open.is_empty() && matches!(self.at, At::Kind) {
                self.size = 0;
                whole = read;
            }
        }
        Ok(())
    }

    /// Takes at least one byte and says how many.
    fn step(&mut self, bytes: &[u8]) -> Result<usize, Cut> {
        if let At::Bytes { left } = &mut self.at {
            let taken = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= taken as u64;
            self.size += taken as u64;
            if *left == 0 {
                self.value_ended();
            }
            return Ok(taken);
        }
        self.size += 1;
        self.byte(bytes[0])?;
        Ok(1)
    }

    fn byte(&mut self, byte: u8) -> Result<(), Cut> {
        let At::Line { kind, number, after_cr } = &mut self.at else {
            self.at = At::Line { kind: byte, number: Number::default(), after_cr: false };
            return if KINDS.contains(&byte) { Ok(()) } else { Err(Cut::Malformed) };
        };
        if *after_cr && byte == b'\n' {
            let (kind, number) = (*kind, *number);
            return self.line_ended(kind, number);
        }
        *after_cr = byte == b'\r';
        if counts(*kind) && byte != b'\r' {
            number.add(byte)?;
        }
        Ok(())
    }

    fn line_ended(&mut self, kind: u8, number: Number) -> Result<(), Cut> {
        match kind {
            b'$' | b'!' | b'=' => match number.length()? {
                None => self.value_ended(),
                Some(length) => self.string_follows(length)?,
            },
            b'*' | b'~' | b'>' => self.values_follow(number.length()?.unwrap_or(0))?,
            b'%' => self.values_follow(pairs(number.length()?.unwrap_or(0))?)?,
            b'|' => self.values_follow(pairs(number.length()?.unwrap_or(0))? + 1)?, // what it describes follows
            _ => self.value_ended(),
        }
        Ok(())
    }

    fn string_follows(&mut self, length: u64) -> Result<(), Cut> {
        let left = length.checked_add(2).ok_or(Cut::TooLarge)?;
        self.expect(left)?;
        self.at = At::Bytes { left };
        Ok(())
    }

    fn values_follow(&mut self, count: u64) -> Result<(), Cut> {
        if count == 0 {
            self.value_ended();
            return Ok(());
        }
        if self.open.len() == MAX_DEPTH {
            return Err(Cut::Malformed);
        }
        self.expect(count.checked_mul(SHORTEST).ok_or(Cut::TooLarge)?)?;
        self.open.push(count);
        self.at = At::Kind;
        Ok(())
    }

    /// Cuts before the bytes come: at least `more` of them belong to this reply.
    fn expect(&self, more: u64) -> Result<(), Cut> {
        if self.size.checked_add(more).is_none_or(|size| size > self.limit) { Err(Cut::TooLarge) } else { Ok(()) }
    }

    /// Closes the aggregates whose last value this was.
    fn value_ended(&mut self) {
        self.at = At::Kind;
        while let Some(left) = self.open.last_mut() {
            *left -= 1;
            if *left > 0 {
                return;
            }
            self.open.pop();
        }
    }
}

/// The first bytes of values in RESP2 and RESP3.
const KINDS: &[u8] = b"+-:$*_,#(!=%~>|";

/// Whether the first line of such a value is a length.
fn counts(kind: u8) -> bool {
    b"$*!=%~>|".contains(&kind)
}

fn pairs(count: u64) -> Result<u64, Cut> {
    count.checked_mul(2).filter(|&count| count < u64::MAX).ok_or(Cut::TooLarge)
}

impl Number {
    fn add(&mut self, byte: u8) -> Result<(), Cut> {
        match byte {
            b'0'..=b'9' => {
                let more = self.value.checked_mul(10).and_then(|value| value.checked_add(u64::from(byte - b'0')));
                self.value = more.ok_or(Cut::TooLarge)?;
                self.digits = true;
                Ok(())
            }
            b'-' if !self.digits && !self.negative => {
                self.negative = true;
                Ok(())
            }
            _ => Err(Cut::Malformed),
        }
    }

    /// `None` is `-1`, RESP2's nil.
    fn length(self) -> Result<Option<u64>, Cut> {
        match self {
            Self { digits: true, negative: false, value } => Ok(Some(value)),
            Self { digits: true, negative: true, value: 1 } => Ok(None),
            _ => Err(Cut::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncReadExt as _;

    use super::*;

    /// How far it reads, and why not further.
    fn read(limit: u64, bytes: &[u8]) -> Result<(), (usize, Cut)> {
        Scanner::new(limit).read(bytes)
    }

    #[test]
    fn a_reply_up_to_the_limit_passes_and_one_over_it_does_not() {
        assert_eq!(read(9, b"$3\r\nabc\r\n"), Ok(()));
        assert_eq!(read(8, b"$3\r\nabc\r\n"), Err((0, Cut::TooLarge)));
        assert_eq!(read(5, b"+OK\r\n:1\r\n-NO\r\n"), Ok(()));
        assert_eq!(read(5, b"+OK\r\n+NOT\r\n"), Err((5, Cut::TooLarge)));
    }

    #[test]
    fn a_large_string_is_known_by_its_length_alone() {
        assert_eq!(read(1000, b"+OK\r\n$1000\r\n"), Err((5, Cut::TooLarge)));
        assert_eq!(read(1000, b"$18446744073709551615\r\n"), Err((0, Cut::TooLarge)));
        assert_eq!(read(1000, b"$99999999999999999999999\r\n"), Err((0, Cut::TooLarge)));
    }

    #[test]
    fn a_large_list_is_known_by_its_count_alone() {
        assert_eq!(read(1000, b"*334\r\n"), Err((0, Cut::TooLarge)));
        assert_eq!(read(1000, b"%200\r\n"), Err((0, Cut::TooLarge)));
        assert_eq!(read(1000, b"*18446744073709551615\r\n"), Err((0, Cut::TooLarge)));
        assert_eq!(read(1000, b"%18446744073709551615\r\n"), Err((0, Cut::TooLarge)));
    }

    #[test]
    fn a_line_that_never_ends_is_cut() {
        assert_eq!(read(1000, &[b'+'; 1001]), Err((0, Cut::TooLarge)));
    }

    #[test]
    fn what_is_no_reply_is_cut() {
        for bytes in [&b"HTTP/1.1 400\r\n"[..], b"$x\r\n", b"$-2\r\n", b"$\r\n", b"$+1\r\n", b"*1 \r\n", b"*--1\r\n"] {
            assert_eq!(read(1000, bytes), Err((0, Cut::Malformed)), "{bytes:?}");
        }
        assert_eq!(read(1000, &b"*1\r\n".repeat(101)), Err((0, Cut::Malformed)));
    }

    #[test]
    fn nil_and_empty_replies_are_whole() {
        assert_eq!(read(5, b"$-1\r\n*-1\r\n*0\r\n_\r\n%0\r\n>0\r\n+\r\n"), Ok(()));
        assert_eq!(read(6, b"$0\r\n\r\n+OK\r\n+OK\r\n+TOO\r\n+LONG\r\n"), Err((22, Cut::TooLarge)));
    }

    #[test]
    fn what_follows_an_attribute_belongs_to_it() {
        assert_eq!(read(18, b"|1\r\n+a\r\n+b\r\n+c\r\n"), Ok(()));
        assert_eq!(read(15, b"|1\r\n+a\r\n+b\r\n+c\r\n"), Err((0, Cut::TooLarge)));
    }

    #[tokio::test]
    async fn whole_replies_in_front_of_a_cut_one_still_pass() {
        let verdict = Verdict::default();
        let mut stream = ReplyLimit::new(&b"+OK\r\n:1\r\n$99\r\n"[..], 50, Arc::clone(&verdict));
        let mut passed = Vec::new();
        assert!(stream.read_to_end(&mut passed).await.is_err());
        assert_eq!(passed, b"+OK\r\n:1\r\n");
        assert_eq!(verdict.get(), Some(&Cut::TooLarge));
    }

    /// A reply of any shape, encoded.
    fn reply() -> impl Strategy<Value = Vec<u8>> {
        let line = ("[-+:_,#(]", "[a-z0-9 ]{0,20}").prop_map(|(kind, text)| format!("{kind}{text}\r\n").into_bytes());
        let bytes = prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| {
            let mut encoded = format!("${}\r\n", bytes.len()).into_bytes();
            encoded.extend(bytes);
            encoded.extend(b"\r\n");
            encoded
        });
        let nil = Just(b"$-1\r\n".to_vec());
        prop_oneof![line, bytes, nil].prop_recursive(4, 32, 6, |inner| {
            (prop::sample::select(&b"*~>%|"[..]), prop::collection::vec(inner, 0..6)).prop_map(|(kind, values)| {
                // Maps hold pairs, and an attribute is followed by one value more.
                let (kind, count) = match (kind, values.len()) {
                    (b'%', many) if many % 2 == 0 => (b'%', many / 2),
                    (b'|', many) if many % 2 == 1 => (b'|', many / 2),
                    (b'%' | b'|', many) => (b'*', many),
                    (kind, many) => (kind, many),
                };
                let mut encoded = format!("{}{count}\r\n", char::from(kind)).into_bytes();
                encoded.extend(values.concat());
                encoded
            })
        })
    }

    proptest! {
        /// However the bytes arrive, all replies pass up to the first that is over the limit.
        #[test]
        fn replies_pass_up_to_the_first_too_large_one(
            replies in prop::collection::vec(reply(), 1..8),
            limit in 1u64..200,
            chunks in prop::collection::vec(1usize..30, 1..20),
        ) {
            let fits = |reply: &&Vec<u8>| reply.len() as u64 <= limit;
            let expected: usize = replies.iter().take_while(fits).map(Vec::len).sum();
            let all = replies.concat();
            let (mut scanner, mut at, mut passed, mut cut) = (Scanner::new(limit), 0, 0, None);
            for chunk in chunks.iter().cycle() {
                let bytes = &all[at..all.len().min(at + chunk)];
                match scanner.read(bytes) {
                    _ if bytes.is_empty() => break,
                    Ok(()) => at += bytes.len(),
                    Err((whole, why)) => {
                        // Bytes of the cut reply may have passed in earlier chunks, but never its end.
                        passed = at.max(at + whole);
                        cut = Some(why);
                        break;
                    }
                }
            }
            if expected == all.len() {
                prop_assert_eq!((cut, at), (None, all.len()));
            } else {
                prop_assert_eq!(cut, Some(Cut::TooLarge));
                let first_too_large = replies.iter().find(|reply| !fits(reply)).unwrap();
                prop_assert!((expected..expected + first_too_large.len()).contains(&passed), "{} {}", expected, passed);
            }
        }

        #[test]
        fn no_bytes_make_it_panic_or_let_more_through_than_the_limit(
            bytes in prop::collection::vec(prop::sample::select(&b"+-:$*%|~>_=!(,#0123456789\r\nab"[..]), 0..300),
            limit in 1u64..50,
        ) {
            let mut scanner = Scanner::new(limit);
            for byte in bytes {
                if scanner.read(&[byte]).is_err() {
                    break;
                }
                prop_assert!(scanner.size <= limit);
                prop_assert!(scanner.open.len() <= MAX_DEPTH);
            }
        }
    }
}
