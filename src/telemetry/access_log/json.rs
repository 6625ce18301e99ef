//! An exchange as a JSON object on one line.

use std::io::Write;

use http::HeaderName;

use super::super::timestamp;
use super::field::{Facts, Field, Name, Value};
use super::line::{all_plain, hex, push_number};

/// The keys of contract §7, in its order.
static KEYS: [(&str, Field); 22] = [
    ("start_time", Field::StartTime),
    ("method", Field::Request(Name::Method, None)),
    ("path", Field::Request(Name::Header(HeaderName::from_static("x-envoy-original-path")), Some(Name::Path))),
    ("protocol", Field::Protocol),
    ("response_code", Field::ResponseCode),
    ("response_flags", Field::ResponseFlags),
    ("response_code_details", Field::ResponseCodeDetails),
    ("bytes_received", Field::BytesReceived),
    ("bytes_sent", Field::BytesSent),
    ("duration_ms", Field::Duration),
    ("user_agent", Field::Request(Name::Header(http::header::USER_AGENT), None)),
    ("request_id", Field::Request(Name::Header(HeaderName::from_static("x-request-id")), None)),
    ("authority", Field::Request(Name::Authority, None)),
    ("upstream_host", Field::UpstreamHost),
    ("upstream_cluster", Field::UpstreamCluster),
    ("listener", Field::Listener),
    ("function", Field::Function),
    ("function_version", Field::FunctionVersion),
    ("function_us", Field::FunctionDuration),
    ("host_calls", Field::HostCalls),
    ("host_call_us", Field::HostCallDuration),
    ("trap", Field::Trap),
];

/// Appends the object, without a line feed.
pub(super) fn render(facts: &Facts<'_>, line: &mut Vec<u8>) {
    let mut separator = b'{';
    for (key, field) in &KEYS {
        line.push(separator);
        line.push(b'"');
        line.extend_from_slice(key.as_bytes());
        line.extend_from_slice(b"\":");
        push(field.of(facts), line);
        separator = b',';
    }
    line.push(b'}');
}

fn push(value: Value<'_>, line: &mut Vec<u8>) {
    match value {
        Value::Unset => line.extend_from_slice(b"null"),
        Value::Number(number) => push_number(number, line),
        Value::Text(text) => quoted(line, |line| escape(text, line)),
        Value::Time(time) => quoted(line, |line| timestamp::push(line, time)),
        Value::Address(address) => quoted(line, |line| write!(line, "{address}").expect("a Vec takes every byte")),
        Value::List(items) => quoted(line, |line| push_list(items, line)),
    }
}

fn quoted(line: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    line.push(b'"');
    content(line);
    line.push(b'"');
}

fn push_list(items: &[&str], line: &mut Vec<u8>) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            line.push(b',');
        }
        escape(item.as_bytes(), line);
    }
}

/// Appends text as the inside of a JSON string. Control characters, those of Latin-1 included, become `\u00NN`; what is
/// not UTF-8 becomes U+FFFD.
fn escape(text: &[u8], line: &mut Vec<u8>) {
    if all_plain(text) {
        return line.extend_from_slice(text); // almost always
    }
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            escape_character(character, line);
        }
        if !chunk.invalid().is_empty() {
            line.extend_from_slice("\u{FFFD}".as_bytes());
        }
    }
}

fn escape_character(character: char, line: &mut Vec<u8>) {
    match (character, u8::try_from(character)) {
        ('"' | '\\', Ok(byte)) => line.extend([b'\\', byte]),
        (_, Ok(byte)) if character.is_control() => {
            line.extend_from_slice(b"\\u00");
            line.extend(hex(byte));
        }
        _ => line.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}
