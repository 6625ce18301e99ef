//! The head of a response: status, fields, and where its content ends.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Version, response};
use std::mem::MaybeUninit;

use super::{Malformed, fields};

/// Most fields in a head, as for requests (Envoy's `max_headers_count`).
pub(super) const MAX_FIELDS: usize = 100;

/// How the content of a response ends (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::upstream) enum Length {
    Exact(u64),
    Chunked,
    UntilClose,
}

/// A response head without the fields that are about the connection.
#[derive(Debug)]
pub(in crate::upstream) struct Head {
    pub(in crate::upstream) parts: response::Parts,
    pub(in crate::upstream) length: Length,
    /// Whether the server lets the connection be used again.
    pub(in crate::upstream) keep_alive: bool,
}

/// What the connection's fields say.
#[derive(Default)]
struct Signs {
    close: bool,
    keep_alive: bool,
    chunked: bool,
    content_length: Option<u64>,
    nominated: Vec<Bytes>,
}

impl Head {
    /// Reads a head, its empty last line included, that answers a request with `method`.
    pub(super) fn parse(section: &Bytes, method: &Method) -> Result<Self, Malformed> {
        if !fields::lines_are_whole(section) {
            return Err(Malformed("a line of its head does not end in CR LF"));
        }
        let mut raw = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut parsed = httparse::Response::new(&mut []);
        let status =
            httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut parsed, section, &mut raw);
        match status {
            Ok(httparse::Status::Complete(length)) if length == section.len() => (),
            Ok(_) => return Err(Malformed("its head ends too early")),
            Err(error) => return Err(malformed(error)),
        }
        let code = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
        let version = if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
        let (headers, signs) = gather(section, parsed.headers)?;
        head(code.ok_or(Malformed("bad status code"))?, version, headers, &signs, method)
    }
}

fn gather(section: &Bytes, raw: &[httparse::Header<'_>]) -> Result<(HeaderMap, Signs), Malformed> {
    let mut headers = HeaderMap::with_capacity(raw.len());
    let mut signs = Signs::default();
    for raw in raw {
        let (name, value) = fields::field(section, raw)?;
        match name.as_str() {
            "connection" => signs.connection(section, raw.value),
            "transfer-encoding" => signs.transfer_encoding(raw.value)?,
            "content-length" => {
                if signs.content_length(raw.value)? {
                    headers.insert(name, value);
                }
            }
            hop if fields::is_hop_by_hop(hop) => (),
            _ => drop(headers.append(name, value)),
        }
    }
    for name in &signs.nominated {
        if let Some(name) = std::str::from_utf8(name).ok().filter(|name| !fields::is_protected(name)) {
            headers.remove(name);
        }
    }
    Ok((headers, signs))
}

impl Signs {
    fn connection(&mut self, section: &Bytes, value: &[u8]) {
        for token in fields::tokens(value) {
            if token.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if token.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else {
                self.nominated.push(section.slice_ref(token));
            }
        }
    }

    /// We ask for no coding, so the only one that may come is `chunked`, and once.
    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Malformed> {
        if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Malformed("its transfer-encoding is not `chunked`"));
        }
        self.chunked = true;
        Ok(())
    }

    /// Whether this is the first. The same length said again is redundant, another one is a contradiction.
    fn content_length(&mut self, value: &[u8]) -> Result<bool, Malformed> {
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let length = std::str::from_utf8(value).ok().filter(|_| digits).and_then(|value| value.parse().ok());
        let length = length.ok_or(Malformed("its content-length is not a number"))?;
        match self.content_length.replace(length) {
            Some(earlier) if earlier != length => Err(Malformed("it has two different content-lengths")),
            earlier => Ok(earlier.is_none()),
        }
    }
}

fn head(
    status: StatusCode,
    version: Version,
    mut headers: HeaderMap,
    signs: &Signs,
    method: &Method,
) -> Result<Head, Malformed> {
    if signs.chunked && signs.content_length.is_some() {
        return Err(Malformed("it has transfer-encoding and content-length"));
    }
    if signs.chunked && version == Version::HTTP_10 {
        return Err(Malformed("it is HTTP/1.0 and has a transfer-encoding"));
    }
    if status.is_informational() || status == StatusCode::NO_CONTENT {
        headers.remove(http::header::CONTENT_LENGTH);
    }
    let bodyless = status.is_informational() || matches!(status.as_u16(), 204 | 304) || method == Method::HEAD;
    let length = match signs.content_length {
        _ if bodyless => Length::Exact(0),
        _ if signs.chunked => Length::Chunked,
        Some(length) => Length::Exact(length),
        None => Length::UntilClose,
    };
    let persistent = if version == Version::HTTP_10 { signs.keep_alive } else { true };
    let keep_alive = persistent && !signs.close && length != Length::UntilClose;
    let (mut parts, ()) = http::Response::new(()).into_parts();
    (parts.status, parts.version, parts.headers) = (status, version, headers);
    Ok(Head { parts, length, keep_alive })
}

fn malformed(error: httparse::Error) -> Malformed {
    Malformed(match error {
        httparse::Error::HeaderName => "bad header name",
        httparse::Error::HeaderValue => "bad header value",
        httparse::Error::NewLine => "bad line end",
        httparse::Error::Status | httparse::Error::Token => "bad status line",
        httparse::Error::TooManyHeaders => "more than 100 header fields",
        httparse::Error::Version => "bad HTTP version",
    })
}
