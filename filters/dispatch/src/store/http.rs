//! A store as guests see it through an HTTP call.
//!
//! | request | command | answer |
//! |---|---|---|
//! | `GET /K` | GET | 200 and the value, 404 |
//! | `HEAD /K` | EXISTS | 200, 404 |
//! | `PUT /K` (`?ex=SECONDS`, `?nx`) | SET | 204, 409 for a key that `nx` found |
//! | `DELETE /K` | DEL | 204, 404 |
//! | `POST /K?incr=N` | INCRBY | 200 and the number as text |
//! | `POST /K?expire=SECONDS` | EXPIRE | 204, 404 |
//! | `POST /` with `["CMD","arg",…]` | CMD | 200 and `{"result":…}` |
//!
//! K is percent-decoded and may hold `/`. Errors carry `x-outrigger-reason`.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Method, StatusCode, request, response};
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::{Command, Reason, Reply, StoreError, json as command_json};

const REASON: HeaderName = HeaderName::from_static("x-outrigger-reason");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What the answer to a request looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Value,
    /// 200 for a key that is there, 404.
    Found,
    /// 204 for a key that is there, 404.
    Done,
    /// 204, 409 for a key that was there already.
    Stored,
    Number,
    Result,
}

/// The command that a request asks for.
pub(crate) fn command(head: &request::Parts, body: Bytes) -> Result<(Command, Shape), StoreError> {
    let key: Bytes = percent_decode_str(head.uri.path().strip_prefix('/').unwrap_or_default()).collect();
    let query = head.uri.query().unwrap_or_default();
    if key.is_empty() {
        return match (&head.method, query) {
            (&Method::POST, "") => Ok((command_json::read(&body).map_err(bad_request)?, Shape::Result)),
            _ => Err(bad_request("the path names no key; only `POST /` with a command does without one")),
        };
    }
    match (&head.method, query) {
        (&Method::GET, "") => Ok((Command::new("GET", [key]), Shape::Value)),
        (&Method::HEAD, "") => Ok((Command::new("EXISTS", [key]), Shape::Found)),
        (&Method::DELETE, "") => Ok((Command::new("DEL", [key]), Shape::Done)),
        (&Method::PUT, _) => Ok((put(key, body, query)?, Shape::Stored)),
        (&Method::POST, _) => post(key, query),
        _ => Err(bad_request(format!("a store does not understand `{} …?{query}`", head.method))),
    }
}

/// The response to a request.
pub(crate) fn response(result: Result<(Reply, Shape), StoreError>) -> (response::Parts, Bytes) {
    match result {
        Ok((reply, shape)) => answer(reply, shape),
        Err(error) => refusal(&error),
    }
}

fn put(key: Bytes, body: Bytes, query: &str) -> Result<Command, StoreError> {
    let mut arguments = vec![key, body];
    for option in query.split('&').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            None if option == "nx" => arguments.push(Bytes::from_static(b"NX")),
            Some(("ex", seconds)) => arguments.extend([Bytes::from_static(b"EX"), integer("ex", seconds)?]),
            _ => return Err(bad_request(format!("`PUT` knows `ex=SECONDS` and `nx`, not `{option}`"))),
        }
    }
    Ok(Command::new("SET", arguments))
}

fn post(key: Bytes, query: &str) -> Result<(Command, Shape), StoreError> {
    match query.split_once('=') {
        Some(("incr", by)) => Ok((Command::new("INCRBY", [key, integer("incr", by)?]), Shape::Number)),
        Some(("expire", seconds)) => Ok((Command::new("EXPIRE", [key, integer("expire", seconds)?]), Shape::Done)),
        _ => Err(bad_request("`POST` to a key needs `?incr=N` or `?expire=SECONDS`")),
    }
}

fn integer(name: &str, text: &str) -> Result<Bytes, StoreError> {
    match text.parse::<i64>() {
        Ok(number) => Ok(Bytes::from(number.to_string())),
        Err(_) => Err(bad_request(format!("`{name}` must be an integer"))),
    }
}

fn answer(reply: Reply, shape: Shape) -> (response::Parts, Bytes) {
    match (shape, reply) {
        (Shape::Result, reply) => parts(StatusCode::OK, Some(JSON), command_json::write(&reply)),
        (Shape::Value, Reply::Nil) | (Shape::Found | Shape::Done, Reply::Integer(0)) => empty(StatusCode::NOT_FOUND),
        (Shape::Stored, Reply::Nil) => empty(StatusCode::CONFLICT),
        (Shape::Found, _) => empty(StatusCode::OK),
        (Shape::Stored | Shape::Done, _) => empty(StatusCode::NO_CONTENT),
        (Shape::Value, reply) => parts(StatusCode::OK, Some(BYTES), reply.into_bytes()),
        (Shape::Number, reply) => parts(StatusCode::OK, Some(TEXT), reply.into_bytes()),
    }
}

fn refusal(error: &StoreError) -> (response::Parts, Bytes) {
    let status = match error.reason {
        Reason::Timeout => StatusCode::GATEWAY_TIMEOUT,
        Reason::BreakerOpen => StatusCode::SERVICE_UNAVAILABLE,
        Reason::Denied => StatusCode::FORBIDDEN,
        Reason::BadRequest => StatusCode::BAD_REQUEST,
        _ => StatusCode::BAD_GATEWAY,
    };
    let body = Bytes::from(json!({ "error": error.message }).to_string());
    let (mut head, body) = parts(status, Some(JSON), body);
    head.headers.insert(REASON, HeaderValue::from_static(error.reason.as_str()));
    (head, body)
}

fn empty(status: StatusCode) -> (response::Parts, Bytes) {
    parts(status, None, Bytes::new())
}

fn parts(status: StatusCode, content_type: Option<HeaderValue>, body: Bytes) -> (response::Parts, Bytes) {
    let mut head = http::Response::new(()).into_parts().0;
    head.status = status;
    if let Some(content_type) = content_type {
        head.headers.insert(CONTENT_TYPE, content_type);
    }
    if status != StatusCode::NO_CONTENT {
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    (head, body)
}

fn bad_request(message: impl Into<String>) -> StoreError {
    StoreError::new(Reason::BadRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &str, path: &str, body: &'static str) -> Result<(Command, Shape), Reason> {
        let request = http::Request::builder().method(method).uri(format!("http://store{path}")).body(()).unwrap();
        command(&request.into_parts().0, Bytes::from_static(body.as_bytes())).map_err(|error| error.reason)
    }

    fn check(method: &str, path: &str, body: &'static str, words: &[&'static str]) {
        let expected = Command::new(words[0], words[1..].iter().map(|word| Bytes::from_static(word.as_bytes())));
        assert_eq!(asked(method, path, body).map(|(command, _)| command), Ok(expected), "{method} {path}");
    }

    fn told(reply: Reply, shape: Shape) -> (u16, Bytes) {
        let (head, body) = response(Ok((reply, shape)));
        (head.status.as_u16(), body)
    }

    #[test]
    fn requests_become_commands() {
        check("GET", "/book1", "", &["GET", "book1"]);
        check("GET", "/a%20b/c%2Fd", "", &["GET", "a b/c/d"]);
        check("GET", "//", "", &["GET", "/"]);
        check("HEAD", "/k", "", &["EXISTS", "k"]);
        check("PUT", "/k", "value", &["SET", "k", "value"]);
        check("PUT", "/k", "", &["SET", "k", ""]);
        check("PUT", "/k?nx&ex=10", "v", &["SET", "k", "v", "NX", "EX", "10"]);
        check("DELETE", "/k", "", &["DEL", "k"]);
        check("POST", "/k?incr=-2", "", &["INCRBY", "k", "-2"]);
        check("POST", "/k?expire=30", "", &["EXPIRE", "k", "30"]);
        check("POST", "/", r#"["hset", "k", "field", 7]"#, &["HSET", "k", "field", "7"]);
        check("POST", "/", r#"["SET", "k", {"base64": "YWI="}]"#, &["SET", "k", "ab"]);
    }

    #[test]
    fn keys_may_be_any_bytes() {
        let (command, _) = asked("GET", "/%00%ff", "").unwrap();
        assert_eq!(command.arguments(), [Bytes::from_static(&[0, 0xff])]);
    }

    #[test]
    fn what_no_store_understands_is_a_bad_request() {
        for (method, path, body) in [
            ("GET", "/", ""),
            ("PUT", "/", "v"),
            ("PATCH", "/k", "v"),
            ("GET", "/k?nx", ""),
            ("PUT", "/k?ex=soon", "v"),
            ("PUT", "/k?px=1", "v"),
            ("POST", "/k", ""),
            ("POST", "/k?incr=", ""),
            ("POST", "/k?incr=9223372036854775808", ""),
            ("POST", "/", ""),
            ("POST", "/", "{}"),
            ("POST", "/", "[]"),
            ("POST", "/", "[1]"),
            ("POST", "/", r#"["GET", null]"#),
            ("POST", "/", r#"["GET", 1.5]"#),
            ("POST", "/", r#"["GET", {"base64": "?"}]"#),
        ] {
            assert_eq!(asked(method, path, body), Err(Reason::BadRequest), "{method} {path} {body}");
        }
    }

    #[test]
    fn replies_become_responses() {
        assert_eq!(told(Reply::text("v"), Shape::Value), (200, "v".into()));
        assert_eq!(told(Reply::text(""), Shape::Value), (200, "".into()));
        assert_eq!(told(Reply::Nil, Shape::Value), (404, "".into()));
        assert_eq!(told(Reply::Integer(1), Shape::Found), (200, "".into()));
        assert_eq!(told(Reply::Integer(0), Shape::Found), (404, "".into()));
        assert_eq!(told(Reply::Integer(1), Shape::Done), (204, "".into()));
        assert_eq!(told(Reply::Integer(0), Shape::Done), (404, "".into()));
        assert_eq!(told(Reply::text("OK"), Shape::Stored), (204, "".into()));
        assert_eq!(told(Reply::Nil, Shape::Stored), (409, "".into()));
        assert_eq!(told(Reply::Integer(-7), Shape::Number), (200, "-7".into()));
        assert_eq!(told(Reply::Integer(0), Shape::Number), (200, "0".into()));
    }

    #[test]
    fn results_are_json_with_base64_for_what_is_no_text() {
        let list = vec![Reply::Nil, Reply::Integer(3), Reply::text("ä\n"), Reply::Text(Bytes::from_static(&[0xff]))];
        let reply = Reply::List(vec![Reply::List(list), Reply::List(Vec::new())]);
        let expected = r#"{"result":[[null,3,"ä\n",{"base64":"/w=="}],[]]}"#;
        assert_eq!(told(reply, Shape::Result), (200, expected.into()));
    }

    #[test]
    fn errors_say_why_in_a_header() {
        for (reason, status) in [
            (Reason::Refused, 502),
            (Reason::WrongType, 502),
            (Reason::Timeout, 504),
            (Reason::BreakerOpen, 503),
            (Reason::Denied, 403),
            (Reason::BadRequest, 400),
        ] {
            let (head, body) = response(Err(StoreError::new(reason, "it did \"not\" go")));
            assert_eq!((head.status.as_u16(), head.headers[&REASON].to_str().unwrap()), (status, reason.as_str()));
            assert_eq!(body, r#"{"error":"it did \"not\" go"}"#);
        }
    }
}
