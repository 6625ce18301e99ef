//! What a line can say about an exchange: one table of fields for both formats.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use chain::{Exchange, Parked, Record};
use http::{HeaderName, Uri, Version, request, response};

/// The response header in which Envoy reports the upstream's time. Outrigger does not add it; where the upstream did not
/// send one, the time that we measured stands in.
const SERVICE_TIME: HeaderName = HeaderName::from_static("x-envoy-upstream-service-time");

/// An exchange that is over.
pub(super) struct Facts<'a> {
    pub(super) exchange: &'a Exchange,
    pub(super) record: &'a Record,
    pub(super) parked: &'a Parked,
    pub(super) duration: Duration,
}

/// One thing that a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Field {
    StartTime,
    /// A field of the request; the second one where the first is missing.
    Request(Name, Option<Name>),
    /// A field of the response; the second one where the first is missing.
    Response(HeaderName, Option<HeaderName>),
    Protocol,
    ResponseCode,
    ResponseFlags,
    ResponseCodeDetails,
    BytesReceived,
    BytesSent,
    Duration,
    UpstreamHost,
    UpstreamCluster,
    DownstreamRemoteAddress,
    DownstreamLocalAddress,
    Listener,
    Function,
    FunctionVersion,
    FunctionDuration,
    HostCalls,
    HostCallDuration,
    Trap,
}

/// The name of a request field: a pseudo header or a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name {
    Method,
    Path,
    Authority,
    Scheme,
    Header(HeaderName),
}

/// What a field is for an exchange. `Unset` is `-` in a line and `null` in JSON.
pub(super) enum Value<'a> {
    Unset,
    Text(&'a [u8]),
    Number(u64),
    Time(SystemTime),
    Address(SocketAddr),
    List(&'a [&'static str]),
}

impl Field {
    pub(super) fn of<'a>(&self, facts: &Facts<'a>) -> Value<'a> {
        let record = facts.record;
        let connection = facts.exchange.connection();
        match self {
            Self::StartTime => Value::Time(facts.exchange.started_at()),
            Self::Request(name, other) => request_field(facts.parked.request.as_ref(), name, other.as_ref()),
            Self::Response(name, other) => response_field(facts, name, other.as_ref()),
            Self::Protocol => text(facts.parked.request.as_ref().map(|head| protocol(head.version))),
            Self::ResponseCode => number(facts.parked.response.as_ref().map(|head| head.status.as_u16())),
            Self::ResponseFlags if record.flags.is_empty() => Value::Unset,
            Self::ResponseFlags => Value::List(&record.flags),
            Self::ResponseCodeDetails => text(record.details.as_deref()),
            Self::BytesReceived => Value::Number(record.bytes_received),
            Self::BytesSent => Value::Number(record.bytes_sent),
            Self::Duration => Value::Number(millis(facts.duration)),
            Self::UpstreamHost => record.upstream_host.map_or(Value::Unset, Value::Address),
            Self::UpstreamCluster => text(record.upstream_cluster.as_deref()),
            Self::DownstreamRemoteAddress => Value::Address(connection.peer),
            Self::DownstreamLocalAddress => Value::Address(connection.local),
            Self::Listener => Value::Text(connection.listener.as_bytes()),
            Self::Function => text(record.function.as_deref()),
            Self::FunctionVersion => number(record.function_version),
            Self::FunctionDuration => number(record.function.as_ref().map(|_| micros(record.guest_time))),
            Self::HostCalls => Value::Number(record.host_calls.into()),
            Self::HostCallDuration => Value::Number(micros(record.host_call_time)),
            Self::Trap => text(record.trap.as_deref()),
        }
    }
}

fn request_field<'a>(head: Option<&'a request::Parts>, name: &Name, other: Option<&Name>) -> Value<'a> {
    let Some(head) = head else { return Value::Unset };
    let found = of_request(head, name).or_else(|| of_request(head, other?));
    found.map_or(Value::Unset, Value::Text)
}

fn of_request<'a>(head: &'a request::Parts, name: &Name) -> Option<&'a [u8]> {
    match name {
        Name::Method => Some(head.method.as_str().as_bytes()),
        Name::Path => head.uri.path_and_query().map(|path| path.as_str().as_bytes()),
        Name::Scheme => head.uri.scheme_str().map(str::as_bytes),
        Name::Authority => authority(&head.uri).or_else(|| header(&head.headers, &http::header::HOST)),
        // The listener folds `host` into the authority.
        Name::Header(name) if name == http::header::HOST => {
            header(&head.headers, name).or_else(|| authority(&head.uri))
        }
        Name::Header(name) => header(&head.headers, name),
    }
}

fn response_field<'a>(facts: &Facts<'a>, name: &HeaderName, other: Option<&HeaderName>) -> Value<'a> {
    let head = facts.parked.response.as_ref();
    match of_response(head, name).or_else(|| of_response(head, other?)) {
        Some(found) => Value::Text(found),
        None if name == SERVICE_TIME => {
            facts.record.upstream_time.map_or(Value::Unset, |time| Value::Number(millis(time)))
        }
        None => Value::Unset,
    }
}

fn of_response<'a>(head: Option<&'a response::Parts>, name: &HeaderName) -> Option<&'a [u8]> {
    header(&head?.headers, name)
}

fn header<'a>(headers: &'a http::HeaderMap, name: &HeaderName) -> Option<&'a [u8]> {
    headers.get(name).map(http::HeaderValue::as_bytes)
}

fn authority(uri: &Uri) -> Option<&[u8]> {
    uri.authority().map(|authority| authority.as_str().as_bytes())
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_09 => "HTTP/0.9",
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2",
        Version::HTTP_3 => "HTTP/3",
        _ => "HTTP/1.1",
    }
}

fn text(text: Option<&str>) -> Value<'_> {
    text.map_or(Value::Unset, |text| Value::Text(text.as_bytes()))
}

fn number<'a>(number: Option<impl Into<u64>>) -> Value<'a> {
    number.map_or(Value::Unset, |number| Value::Number(number.into()))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
