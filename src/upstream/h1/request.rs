//! The head of a request, written.

use std::net::SocketAddr;

use bytes::{BufMut, BytesMut};
use http::header::{CONNECTION, HOST};
use http::{HeaderName, Method, request};

use super::fields;

/// How the content of a request is told from what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::upstream) enum Framing {
    /// There is no content, and the method means none.
    None,
    Length(u64),
    Chunked,
}

impl Framing {
    /// For a request without content: methods that usually have one say that it is empty (RFC 9110 §8.6).
    pub(in crate::upstream) fn empty(method: &Method) -> Self {
        match *method {
            Method::POST | Method::PUT | Method::PATCH => Self::Length(0),
            _ => Self::None,
        }
    }
}

/// Writes a request head: origin-form target, one `host`, one framing field, and of the other fields those that are
/// not about the connection that the request came on. `endpoint` stands in for a host that the request does not name.
pub(super) fn write_head(head: &request::Parts, framing: Framing, endpoint: SocketAddr, wire: &mut BytesMut) {
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    for part in [head.method.as_str(), " ", target, " HTTP/1.1\r\nhost: "] {
        wire.put_slice(part.as_bytes());
    }
    write_host(head, endpoint, wire);
    let nominated = nominated(head);
    for (name, value) in &head.headers {
        if !is_left_out(name) && !nominated.contains(name) {
            write_field(name, value.as_bytes(), wire);
        }
    }
    match framing {
        Framing::None => wire.put_slice(b"\r\n\r\n"),
        Framing::Length(length) => wire.put_slice(format!("\r\ncontent-length: {length}\r\n\r\n").as_bytes()),
        Framing::Chunked => wire.put_slice(b"\r\ntransfer-encoding: chunked\r\n\r\n"),
    }
}

/// Begins with the end of the line before, so that the fields need no end of their own.
pub(super) fn write_field(name: &HeaderName, value: &[u8], wire: &mut BytesMut) {
    wire.put_slice(b"\r\n");
    wire.put_slice(name.as_str().as_bytes());
    wire.put_slice(b": ");
    wire.put_slice(value);
}

fn write_host(head: &request::Parts, endpoint: SocketAddr, wire: &mut BytesMut) {
    match (head.uri.authority(), head.headers.get(HOST)) {
        (Some(authority), _) => {
            let authority = authority.as_str();
            let host = authority.rsplit_once('@').map_or(authority, |(_user, host)| host);
            wire.put_slice(host.as_bytes());
        }
        (None, Some(host)) => wire.put_slice(host.as_bytes()),
        (None, None) => wire.put_slice(endpoint.to_string().as_bytes()),
    }
}

/// Fields that are written anew, or that end at this proxy (it answers `expect` itself).
fn is_left_out(name: &HeaderName) -> bool {
    let name = name.as_str();
    fields::is_hop_by_hop(name) || matches!(name, "host" | "content-length" | "expect")
}

fn nominated(head: &request::Parts) -> Vec<HeaderName> {
    let tokens = head.headers.get_all(CONNECTION).iter().flat_map(|value| fields::tokens(value.as_bytes()));
    let names = tokens.filter_map(|token| HeaderName::from_bytes(token).ok());
    names.filter(|name| !fields::is_protected(name.as_str())).collect()
}
