//! `request.…` and `response.…`.
//!
//! What is read from a head needs the head: it is in the stream's table while its callback runs or while it is held, and
//! with the exchange once its consumer has parked it. In between, while later filters have it, the value is unavailable.

use bytes::Bytes;
use chain::Record;
use http::header::CONTENT_LENGTH;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, Version, request, response};

use super::encoding::{self, duration, number, optional, text, timestamp};
use super::{Lookup, Missing};
use crate::header_map::MapRef;
use crate::stream::Stream;

/// Bits of `response.flags` by the names that the access log has for them (Envoy's order).
const FLAGS: [&str; 27] = [
    "LH", "UH", "UT", "LR", "UR", "UF", "UC", "UO", "NR", "DI", "FI", "RL", "UAEX", "RLSE", "DC", "URX", "SI", "IH",
    "DPE", "UMSDR", "RFCF", "NFCF", "DT", "UPE", "NC", "OM", "DF",
];

pub(super) fn request(stream: &Stream, path: &[&[u8]]) -> Lookup {
    let exchange = &stream.exchange;
    let received = exchange.record(|record| record.bytes_received);
    exchange.parked(|parked| {
        let head = stream.request.head.as_ref().or(parked.request.as_ref());
        let trailers = stream.request.trailers.as_ref().or(parked.request_trailers.as_ref());
        match path {
            [b"time"] => Ok(timestamp(exchange.started_at())),
            [b"duration"] if stream.logging => Ok(duration(exchange.started().elapsed())),
            [b"duration"] => Err(Missing::Unavailable),
            [b"size"] => request_size(head, received).map(number),
            [b"total_size"] => {
                Ok(number(len(head.map(MapRef::Request)) + received + len(trailers.map(MapRef::Fields))))
            }
            _ => of_request_head(head, path),
        }
    })
}

/// What the client announced, else what has come so far.
fn request_size(head: Option<&request::Parts>, received: u64) -> Result<u64, Missing> {
    match head.and_then(|head| head.headers.get(CONTENT_LENGTH)) {
        Some(announced) => announced.to_str().ok().and_then(|len| len.parse().ok()).ok_or(Missing::Unavailable),
        None => Ok(received),
    }
}

fn of_request_head(head: Option<&request::Parts>, path: &[&[u8]]) -> Lookup {
    let head = || head.ok_or(Missing::Unavailable);
    match path {
        [b"path"] => optional(head()?.uri.path_and_query().map(PathAndQuery::as_str)),
        [b"url_path"] => Ok(text(head()?.uri.path())),
        [b"query"] => Ok(text(head()?.uri.query().unwrap_or_default())),
        [b"host"] => optional(head()?.uri.authority().map(Authority::as_str)),
        [b"scheme"] => optional(head()?.uri.scheme_str()),
        [b"method"] => Ok(text(head()?.method.as_str())),
        [b"protocol"] => Ok(text(protocol(head()?.version))),
        [b"referer"] => field(MapRef::Request(head()?), b"referer"),
        [b"useragent"] => field(MapRef::Request(head()?), b"user-agent"),
        [b"id"] => field(MapRef::Request(head()?), b"x-request-id"),
        [b"headers_bytes"] => Ok(number(len(Some(MapRef::Request(head()?))))),
        [b"headers"] => Ok(fields(MapRef::Request(head()?))),
        [b"headers", name] => field(MapRef::Request(head()?), name),
        _ => Err(Missing::Unknown),
    }
}

pub(super) fn response(stream: &Stream, path: &[&[u8]]) -> Lookup {
    let record = stream.exchange.record(|record| record.clone());
    stream.exchange.parked(|parked| {
        let head = stream.response.head.as_ref().or(parked.response.as_ref());
        let trailers = stream.response.trailers.as_ref().or(parked.response_trailers.as_ref());
        of_response(head, trailers, &record, path)
    })
}

fn of_response(
    head: Option<&response::Parts>,
    trailers: Option<&HeaderMap>,
    record: &Record,
    path: &[&[u8]],
) -> Lookup {
    let code = head.map(|head| head.status.as_u16());
    let (head, trailers) = (head.map(MapRef::Response), trailers.map(MapRef::Fields));
    match path {
        [b"code"] => code.map(|code| number(code.into())).ok_or(Missing::Unavailable),
        [b"code_details"] => optional(record.details.as_deref()),
        [b"flags"] => Ok(number(flags(&record.flags))),
        [b"grpc_status"] => grpc_status(trailers).or_else(|| grpc_status(head)).map(number).ok_or(Missing::Unavailable),
        [b"size"] => Ok(number(record.bytes_sent)),
        [b"total_size"] => Ok(number(len(head) + record.bytes_sent + len(trailers))),
        [b"headers_bytes"] => Ok(number(len(head))),
        [b"headers"] => head.map(fields).ok_or(Missing::Unavailable),
        [b"headers", name] => field(head.ok_or(Missing::Unavailable)?, name),
        [b"trailers"] => trailers.map(fields).ok_or(Missing::Unavailable),
        [b"trailers", name] => field(trailers.ok_or(Missing::Unavailable)?, name),
        [b"backend_latency"] => record.upstream_time.map(duration).ok_or(Missing::Unavailable),
        _ => Err(Missing::Unknown),
    }
}

fn flags(names: &[&str]) -> u64 {
    let bit = |name: &&str| FLAGS.iter().position(|flag| flag == name).map_or(0, |at| 1 << at);
    names.iter().map(bit).fold(0, |flags, bit| flags | bit)
}

fn grpc_status(fields: Option<MapRef<'_>>) -> Option<u64> {
    std::str::from_utf8(fields?.get(b"grpc-status")?).ok()?.parse().ok()
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_3 => "HTTP/3",
        _ => "HTTP/1.1",
    }
}

/// Bytes of names and values.
fn len(map: Option<MapRef<'_>>) -> u64 {
    let pairs = map.into_iter().flat_map(MapRef::pairs);
    pairs.map(|(name, value)| (name.len() + value.len()) as u64).sum()
}

/// A header map as a property: a name with several values has them joined by commas.
fn fields(map: MapRef<'_>) -> Bytes {
    let mut joined: Vec<(&[u8], Vec<u8>)> = Vec::new();
    for (name, value) in map.pairs() {
        // The values of a name follow one another.
        match joined.last_mut() {
            Some((last, values)) if *last == name => join(values, value),
            _ => joined.push((name, value.to_vec())),
        }
    }
    encoding::map(&joined)
}

/// All values of a name, joined by commas.
fn field(map: MapRef<'_>, name: &[u8]) -> Lookup {
    let mut values = map.pairs().filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    // A name that is no entry of its own (`host`) is known to `get`.
    let first = values.next().or_else(|| map.get(name)).ok_or(Missing::Unavailable)?;
    let mut joined = first.to_vec();
    values.for_each(|value| join(&mut joined, value));
    Ok(joined.into())
}

fn join(values: &mut Vec<u8>, value: &[u8]) {
    values.push(b',');
    values.extend_from_slice(value);
}
