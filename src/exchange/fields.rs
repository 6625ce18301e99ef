//! Header fields that the proxy itself removes, adds and extends.

use std::net::IpAddr;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{self, Entry, HeaderMap, HeaderName, HeaderValue};

pub(crate) static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(crate) static X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

static KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
static PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
static HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// Whether a field is about one connection and never passed on (RFC 9110, section 7.6.1). `trailer` is among them
/// because trailers do not pass either.
pub(crate) fn is_hop_by_hop(name: &HeaderName) -> bool {
    *name == header::CONNECTION
        || *name == header::TRANSFER_ENCODING
        || *name == header::UPGRADE
        || *name == header::TE
        || *name == header::TRAILER
        || *name == KEEP_ALIVE
        || *name == PROXY_CONNECTION
        || *name == HTTP2_SETTINGS
}

/// Removes the fields that a `connection` field nominated. Those that say where a request came from and where it goes
/// cannot be nominated away.
pub(crate) fn remove_nominated(headers: &mut HeaderMap, nominated: &[HeaderName]) {
    for name in nominated {
        if *name != header::HOST && !name.as_str().starts_with("x-forwarded-") {
            headers.remove(name);
        }
    }
}

/// Removes hop-by-hop fields and the fields that `connection` nominates.
pub(crate) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let nominated: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .into_iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok())
        .collect();
    remove_nominated(headers, &nominated);
    let names = [&header::CONNECTION, &header::TRANSFER_ENCODING, &header::UPGRADE, &header::TE, &header::TRAILER];
    for name in names.into_iter().chain([&KEEP_ALIVE, &PROXY_CONNECTION, &HTTP2_SETTINGS]) {
        headers.remove(name);
    }
}

/// What a listener tells the chain about where a request came from, made once for a connection.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    address: HeaderValue,
    scheme: HeaderValue,
    believe_client: bool,
}

impl Origin {
    /// A client at `peer` that speaks plaintext HTTP.
    pub(crate) fn new(peer: IpAddr, trusted_hops: u32) -> Self {
        let address = peer.to_canonical().to_string();
        Self {
            address: HeaderValue::from_str(&address).unwrap_or(HeaderValue::from_static("unknown")),
            scheme: HeaderValue::from_static("http"),
            believe_client: trusted_hops > 0,
        }
    }

    /// Appends the client's address to `x-forwarded-for` and sets `x-forwarded-proto`; the client's own value of the
    /// latter stays only where proxies in front are trusted (Envoy: `use_remote_address` with `xff_num_trusted_hops`).
    pub(crate) fn stamp(&self, headers: &mut HeaderMap) {
        match headers.entry(&X_FORWARDED_FOR) {
            Entry::Vacant(vacant) => drop(vacant.insert(self.address.clone())),
            Entry::Occupied(mut occupied) => {
                let joined = joined(occupied.iter(), &self.address);
                occupied.insert(joined);
            }
        }
        match headers.entry(&X_FORWARDED_PROTO) {
            Entry::Occupied(occupied) if self.believe_client && is_scheme(occupied.get()) => {}
            Entry::Occupied(mut occupied) => drop(occupied.insert(self.scheme.clone())),
            Entry::Vacant(vacant) => drop(vacant.insert(self.scheme.clone())),
        }
    }
}

fn is_scheme(value: &HeaderValue) -> bool {
    value.as_bytes().eq_ignore_ascii_case(b"http") || value.as_bytes().eq_ignore_ascii_case(b"https")
}

/// All values of a list field in one, `last` at its end.
fn joined<'a>(values: impl Iterator<Item = &'a HeaderValue>, last: &HeaderValue) -> HeaderValue {
    let mut list = BytesMut::new();
    for value in values.filter(|value| !value.is_empty()) {
        list.put_slice(value.as_bytes());
        list.put_u8(b',');
    }
    list.put_slice(last.as_bytes());
    HeaderValue::from_maybe_shared(list.freeze()).unwrap_or_else(|_| last.clone())
}

/// Adds `x-request-id` where there is none, and answers with its value.
pub(crate) fn request_id(headers: &mut HeaderMap) -> HeaderValue {
    headers.entry(&X_REQUEST_ID).or_insert_with(random_uuid).clone()
}

/// A random UUID (RFC 9562, version 4).
fn random_uuid() -> HeaderValue {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut bytes = rand::random::<u128>().to_be_bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (index, byte) in bytes.into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            at += 1;
        }
        text[at] = HEX[usize::from(byte >> 4)];
        text[at + 1] = HEX[usize::from(byte & 0x0f)];
        at += 2;
    }
    HeaderValue::from_maybe_shared(Bytes::copy_from_slice(&text))
        .expect("hexadecimal digits and dashes are visible ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        fields.iter().map(pair).collect()
    }

    fn stamped(trusted_hops: u32, fields: &[(&'static str, &'static str)]) -> (String, String) {
        let mut headers = headers(fields);
        Origin::new("10.1.2.3".parse().unwrap(), trusted_hops).stamp(&mut headers);
        assert_eq!(headers.get_all(&X_FORWARDED_FOR).iter().count(), 1);
        let text = |name| headers[name].to_str().unwrap().to_owned();
        (text(&X_FORWARDED_FOR), text(&X_FORWARDED_PROTO))
    }

    #[test]
    fn the_client_address_is_appended_to_x_forwarded_for() {
        assert_eq!(stamped(0, &[]).0, "10.1.2.3");
        assert_eq!(
            stamped(0, &[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "2.2.2.2")]).0,
            "1.1.1.1,2.2.2.2,10.1.2.3"
        );
    }

    #[test]
    fn the_clients_x_forwarded_proto_counts_behind_trusted_hops_only() {
        assert_eq!(stamped(0, &[("x-forwarded-proto", "https")]).1, "http");
        assert_eq!(stamped(1, &[("x-forwarded-proto", "https")]).1, "https");
        assert_eq!(stamped(1, &[("x-forwarded-proto", "gopher")]).1, "http");
    }

    #[test]
    fn an_ipv4_client_on_an_ipv6_socket_is_named_by_its_ipv4_address() {
        let mut headers = HeaderMap::new();
        Origin::new("::ffff:10.1.2.3".parse().unwrap(), 0).stamp(&mut headers);
        assert_eq!(headers[&X_FORWARDED_FOR], "10.1.2.3");
    }

    #[test]
    fn a_request_id_is_a_version_4_uuid_and_an_existing_one_stays() {
        let mut empty = HeaderMap::new();
        let id = request_id(&mut empty);
        let text = id.to_str().unwrap();
        assert_eq!(text.len(), 36);
        assert_eq!([8, 13, 18, 23].map(|at| text.as_bytes()[at]), [b'-'; 4]);
        assert_eq!(text.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&text.as_bytes()[19]));
        assert_ne!(request_id(&mut HeaderMap::new()), id);
        assert_eq!(request_id(&mut headers(&[("x-request-id", "mine")])), "mine");
    }

    #[test]
    fn nominated_fields_go_but_not_those_that_name_origin_and_destination() {
        let mut headers = headers(&[
            ("connection", "close, x-secret, host, x-forwarded-for"),
            ("x-secret", "1"),
            ("host", "a"),
            ("x-forwarded-for", "1.1.1.1"),
            ("keep-alive", "5"),
            ("te", "trailers"),
            ("accept", "*/*"),
        ]);
        remove_hop_by_hop(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "host", "x-forwarded-for"]);
    }
}
