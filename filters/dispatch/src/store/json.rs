//! Commands and replies as JSON: `["CMD","arg",…]` and `{"result":…}`.
//!
//! Nil is `null`, integers are numbers, lists are arrays, strings are strings. JSON has no place for other bytes than
//! UTF-8: a string that is not UTF-8 is `{"base64":"…"}` (RFC 4648 §4), in arguments as in replies.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::{Command, Reply};

/// Reads `["CMD","arg",…]`. An argument is a string, an integer or `{"base64":"…"}`.
pub(super) fn read(body: &[u8]) -> Result<Command, String> {
    let words: Vec<Value> = serde_json::from_slice(body)
        .map_err(|error| format!("the body is no JSON array of a command and its arguments: {error}"))?;
    let Some((Value::String(name), arguments)) = words.split_first() else {
        return Err("the first element of the array must be the name of a command".to_owned());
    };
    let arguments: Vec<Bytes> = arguments.iter().map(argument).collect::<Result<_, _>>()?;
    Ok(Command::new(name, arguments))
}

/// Writes `{"result":…}`.
pub(super) fn write(reply: &Reply) -> Bytes {
    Bytes::from(json!({ "result": value(reply) }).to_string())
}

fn argument(value: &Value) -> Result<Bytes, String> {
    match value {
        Value::String(text) => Ok(Bytes::copy_from_slice(text.as_bytes())),
        Value::Number(number) if !number.is_f64() => Ok(Bytes::from(number.to_string())),
        Value::Object(fields) if fields.len() == 1 => match fields.get("base64").and_then(Value::as_str) {
            Some(text) => STANDARD.decode(text).map(Bytes::from).map_err(|error| format!("not base64: {error}")),
            None => Err(NO_ARGUMENT.to_owned()),
        },
        _ => Err(NO_ARGUMENT.to_owned()),
    }
}

const NO_ARGUMENT: &str = "an argument must be a string, an integer or {\"base64\":\"…\"}";

fn value(reply: &Reply) -> Value {
    match reply {
        Reply::Nil => Value::Null,
        Reply::Integer(number) => Value::from(*number),
        Reply::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Value::from(text),
            Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
        },
        Reply::List(replies) => Value::Array(replies.iter().map(value).collect()),
    }
}
