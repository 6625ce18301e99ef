//! Request heads: where one ends, what it says, and what is refused.
//!
//! Stricter than the parser below it: bare line feeds, two framings of one body, a second `host` and everything else
//! that two readers could read in two ways is refused, not repaired.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use chain::Failure;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, Version, request};

use super::target;
use crate::exchange::{Limits, fields};

/// Fields that are parsed without an allocation.
const FIELDS_ON_STACK: usize = 128;

/// Fields that `connection` may nominate; no honest client names more.
const MAX_NOMINATED: usize = 9;

/// Empty lines in front of a request that are skipped (RFC 9112, section 2.2 asks for one at least).
const MAX_EMPTY_LINES: usize = 4;

/// How the body of a request is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// A number of bytes; zero for a request without a body.
    Length(u64),
    Chunked,
}

/// A request head and what it says about its connection.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) parts: request::Parts,
    pub(super) framing: Framing,
    /// Whether the client wants to use the connection again.
    pub(super) keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub(super) expects_continue: bool,
}

/// Looks for the end of a head in a buffer that grows; no byte is looked at twice.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    checked: usize,
    empty_lines: usize,
}

impl Scanner {
    /// Length of the header section at the start of `input`, once it is whole.
    pub(super) fn end(&mut self, input: &mut BytesMut, limit: usize) -> Result<Option<usize>, Failure> {
        if self.checked == 0 {
            self.skip_empty_lines(input)?;
        }
        for at in memchr::memchr_iter(b'\n', &input[self.checked..]) {
            let at = self.checked + at;
            if at == 0 || input[at - 1] != b'\r' {
                return Err(Failure::BadRequest("a line of the header section ends without a carriage return".into()));
            }
            if input[..=at].ends_with(b"\r\n\r\n") {
                return within(at + 1, limit).map(|()| Some(at + 1));
            }
        }
        self.checked = input.len();
        within(input.len(), limit).map(|()| None)
    }

    fn skip_empty_lines(&mut self, input: &mut BytesMut) -> Result<(), Failure> {
        while input.starts_with(b"\r\n") && self.empty_lines < MAX_EMPTY_LINES {
            drop(input.split_to(2));
            self.empty_lines += 1;
        }
        match input.first() {
            None => Ok(()),
            Some(b'\r') if input.len() == 1 => Ok(()),
            Some(first) if is_token(*first) => Ok(()),
            Some(_) => Err(Failure::BadRequest("what came is not an HTTP/1 request".into())),
        }
    }
}

fn within(length: usize, limit: usize) -> Result<(), Failure> {
    if length <= limit {
        return Ok(());
    }
    Err(Failure::HeadersTooLarge(format!("the header section is over the limit of {limit} bytes").into()))
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Parses a whole header section.
pub(super) fn parse(section: &Bytes, limits: &Limits) -> Result<Head, Failure> {
    let mut on_stack = [const { MaybeUninit::uninit() }; FIELDS_ON_STACK];
    if limits.headers <= FIELDS_ON_STACK {
        return parse_into(section, &mut on_stack[..limits.headers], limits);
    }
    parse_into(section, &mut vec![MaybeUninit::uninit(); limits.headers], limits)
}

fn parse_into<'a>(
    section: &'a Bytes,
    fields: &mut [MaybeUninit<httparse::Header<'a>>],
    limits: &Limits,
) -> Result<Head, Failure> {
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(section, fields) {
        Ok(httparse::Status::Complete(length)) if length == section.len() => {}
        Ok(_) => return Err(Failure::BadRequest("the header section ends early".into())),
        Err(httparse::Error::TooManyHeaders) => {
            let reason = format!("the request has more than {} header fields", limits.headers);
            return Err(Failure::HeadersTooLarge(reason.into()));
        }
        Err(error) => return Err(malformed(error)),
    }
    let mut reading = Reading::new(section, parsed.headers.len());
    for field in parsed.headers.iter() {
        reading.field(field)?;
    }
    reading.finish(&parsed)
}

fn malformed(error: httparse::Error) -> Failure {
    Failure::BadRequest(match error {
        httparse::Error::HeaderName => "a header field's name is malformed".into(),
        httparse::Error::HeaderValue => "a header field's value holds a control character".into(),
        httparse::Error::Version => "the request is not HTTP/1.0 or HTTP/1.1".into(),
        _ => "the request line is malformed".into(),
    })
}

/// A head while its fields are read.
struct Reading<'a> {
    section: &'a Bytes,
    parts: request::Parts,
    host: Option<Bytes>,
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    nominated: Vec<HeaderName>,
}

impl<'a> Reading<'a> {
    fn new(section: &'a Bytes, fields: usize) -> Self {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        parts.headers.reserve(fields + 3); // the three that the proxy adds
        Self {
            section,
            parts,
            host: None,
            length: None,
            chunked: false,
            close: false,
            keep_alive: false,
            nominated: Vec::new(),
        }
    }

    /// Reads one field; those about this connection alone are noted and left out.
    fn field(&mut self, field: &httparse::Header<'_>) -> Result<(), Failure> {
        let name = HeaderName::from_bytes(field.name.as_bytes())
            .map_err(|_| Failure::BadRequest("a header field's name is malformed".into()))?;
        let value = self.section.slice_ref(field.value);
        if name == header::HOST {
            return self.host(value);
        }
        if name == header::CONNECTION {
            return self.connection(&value);
        }
        if name == header::TRANSFER_ENCODING {
            return self.transfer_encoding(&value);
        }
        if fields::is_hop_by_hop(&name) {
            return Ok(());
        }
        if name == header::CONTENT_LENGTH {
            self.content_length(&value)?;
        }
        let value = HeaderValue::from_maybe_shared(value)
            .map_err(|_| Failure::BadRequest("a header field's value holds a control character".into()))?;
        self.parts.headers.append(name, value);
        Ok(())
    }

    fn host(&mut self, value: Bytes) -> Result<(), Failure> {
        match self.host.replace(value) {
            None => Ok(()),
            Some(_) => Err(Failure::BadRequest("the request has more than one `host`".into())),
        }
    }

    fn connection(&mut self, value: &[u8]) -> Result<(), Failure> {
        for token in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty()) {
            if token.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if token.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else {
                let name = HeaderName::from_bytes(token).ok().filter(|_| self.nominated.len() < MAX_NOMINATED);
                let reason = "the `connection` field nominates no or too many fields";
                self.nominated.push(name.ok_or(Failure::BadRequest(reason.into()))?);
            }
        }
        Ok(())
    }

    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Failure> {
        if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Failure::BadRequest("`transfer-encoding` is not `chunked`, once".into()));
        }
        self.chunked = true;
        Ok(())
    }

    fn content_length(&mut self, value: &[u8]) -> Result<(), Failure> {
        match (self.length, decimal(value)) {
            (None, Some(length)) => self.length = Some(length),
            _ => return Err(Failure::BadRequest("`content-length` is not one decimal number".into())),
        }
        Ok(())
    }

    fn finish(mut self, parsed: &httparse::Request<'_, '_>) -> Result<Head, Failure> {
        let minor = parsed.version.unwrap_or_default();
        self.parts.version = if minor == 0 { Version::HTTP_10 } else { Version::HTTP_11 };
        self.parts.method = Method::from_bytes(parsed.method.unwrap_or_default().as_bytes())
            .map_err(|_| Failure::BadRequest("the method is not a token".into()))?;
        let framing = self.framing()?;
        if self.host.is_none() && self.parts.version == Version::HTTP_11 {
            return Err(Failure::BadRequest("the request has no `host`".into()));
        }
        let path = self.section.slice_ref(parsed.path.unwrap_or_default().as_bytes());
        self.parts.uri = target::uri(&self.parts.method, path, self.host.take())?;
        fields::remove_nominated(&mut self.parts.headers, &self.nominated);
        Ok(Head {
            keep_alive: self.keeps_alive(),
            expects_continue: self.expects_continue(),
            framing,
            parts: self.parts,
        })
    }

    fn framing(&self) -> Result<Framing, Failure> {
        let reason = match (self.chunked, self.length) {
            (true, Some(_)) => "the request has both `transfer-encoding` and `content-length`",
            (true, None) if self.parts.version == Version::HTTP_10 => "`transfer-encoding` is not known to HTTP/1.0",
            (true, None) => return Ok(Framing::Chunked),
            (false, length) => return Ok(Framing::Length(length.unwrap_or(0))),
        };
        Err(Failure::BadRequest(reason.into()))
    }

    fn keeps_alive(&self) -> bool {
        !self.close && (self.keep_alive || self.parts.version == Version::HTTP_11)
    }

    fn expects_continue(&self) -> bool {
        self.parts.version == Version::HTTP_11
            && self
                .parts
                .headers
                .get(header::EXPECT)
                .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
    }
}

/// A decimal number without sign; `None` also when it does not fit.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}
