//! Header fields that are about one connection, not about the message (RFC 9110 §7.6.1).

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Malformed;

/// Whether a field is about this connection alone, or about how the message is framed on it.
pub(super) fn is_hop_by_hop(name: &str) -> bool {
    matches!(name, "connection" | "keep-alive" | "proxy-connection" | "te" | "transfer-encoding" | "upgrade")
}

/// Whether a field stays although `connection` names it, so that a client cannot make the far side believe that it is
/// somebody else.
pub(super) fn is_protected(name: &str) -> bool {
    matches!(name, "forwarded" | "x-forwarded-for" | "x-forwarded-host" | "x-forwarded-proto")
}

/// Whether a field says where a message ends or whom it is for, and so has no place in trailers.
fn is_framing(name: &str) -> bool {
    matches!(name, "host" | "content-length" | "transfer-encoding" | "connection" | "trailer" | "te" | "upgrade")
}

/// The tokens of a list such as the value of `connection`.
pub(super) fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

/// One field as `httparse` found it; its value stays in the buffer that it came in.
pub(super) fn field(section: &Bytes, raw: &httparse::Header<'_>) -> Result<(HeaderName, HeaderValue), Malformed> {
    let name = HeaderName::from_bytes(raw.name.as_bytes()).map_err(|_| Malformed("bad header name"))?;
    let value = HeaderValue::from_maybe_shared(section.slice_ref(raw.value));
    Ok((name, value.map_err(|_| Malformed("bad header value"))?))
}

/// Reads a trailer section, its empty last line included. Fields that have no place in trailers are dropped.
pub(super) fn trailers(section: &Bytes) -> Result<HeaderMap, Malformed> {
    let mut raw = [httparse::EMPTY_HEADER; super::response::MAX_FIELDS];
    let parsed = httparse::parse_headers(section, &mut raw).map_err(|_| Malformed("bad trailers"))?;
    let httparse::Status::Complete((_, raw)) = parsed else { return Err(Malformed("bad trailers")) };
    let mut trailers = HeaderMap::with_capacity(raw.len());
    for raw in raw {
        let (name, value) = field(section, raw)?;
        if !is_framing(name.as_str()) {
            trailers.append(name, value);
        }
    }
    Ok(trailers)
}

/// Whether every line ends in CR LF. A bare LF is where a lenient reader sees a line that the sender did not write.
pub(super) fn lines_are_whole(section: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', section).all(|at| at > 0 && section[at - 1] == b'\r')
}
