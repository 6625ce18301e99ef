//! Redis' values and errors as a store's.

use ::redis::{ErrorKind, RedisError, ServerError, Value};
use bytes::Bytes;

use crate::store::{Reason, Reply, StoreError};

/// A top-level reply.
pub(super) fn reply(value: Value) -> Result<Reply, StoreError> {
    match value {
        Value::ServerError(error) => Err(server_error(&error)),
        value => Ok(inner(value)),
    }
}

/// A value anywhere in a reply. RESP2 has five kinds; what only RESP3 has becomes what RESP2 would have sent.
fn inner(value: Value) -> Reply {
    match value {
        Value::Nil => Reply::Nil,
        Value::Int(number) => Reply::Integer(number),
        Value::Boolean(truth) => Reply::Integer(truth.into()),
        Value::Okay => Reply::text("OK"),
        Value::BulkString(bytes) | Value::BigNumber(bytes) => Reply::Text(Bytes::from(bytes)),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Reply::Text(Bytes::from(text)),
        Value::Double(number) => Reply::Text(Bytes::from(number.to_string())),
        Value::ServerError(error) => Reply::Text(Bytes::from(text(&error))),
        Value::Array(values) | Value::Set(values) | Value::Push { data: values, .. } => {
            Reply::List(values.into_iter().map(inner).collect())
        }
        Value::Map(pairs) => {
            Reply::List(pairs.into_iter().flat_map(|(key, value)| [inner(key), inner(value)]).collect())
        }
        Value::Attribute { data, .. } => inner(*data),
        _ => Reply::Nil,
    }
}

/// An error that the server answered.
pub(super) fn server_error(error: &ServerError) -> StoreError {
    let reason = match error.code() {
        "NOAUTH" | "WRONGPASS" | "NOPERM" => Reason::NoAuth,
        "WRONGTYPE" => Reason::WrongType,
        "READONLY" => Reason::ReadOnly,
        "OOM" => Reason::Oom,
        _ => Reason::Other,
    };
    StoreError::new(reason, format!("redis answered: {}", text(error)))
}

/// An error of the client: the connection broke, or could not be made.
pub(super) fn client_error(error: &RedisError) -> StoreError {
    let reason = match error.kind() {
        ErrorKind::AuthenticationFailed => Reason::NoAuth,
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Reason::Protocol,
        ErrorKind::Io => Reason::Closed,
        ErrorKind::Server(_) | ErrorKind::Extension => match error.code() {
            Some("NOAUTH" | "WRONGPASS" | "NOPERM") => Reason::NoAuth,
            _ => Reason::Other,
        },
        _ => Reason::Other,
    };
    StoreError::new(reason, format!("the connection to redis failed: {error}"))
}

fn text(error: &ServerError) -> String {
    format!("{} {}", error.code(), error.details().unwrap_or_default())
}
