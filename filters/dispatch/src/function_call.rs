//! Calls from one function to another.

use std::sync::Arc;

use bytes::Bytes;
use chain::async_trait;
use http::uri::Authority;
use http::{Method, Request, Uri, request};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::{CallError, HttpAnswer, Scope};

/// One call of a function by another.
pub struct FunctionCall {
    /// Id of the function that is called.
    pub id: String,
    /// The method, which may be empty.
    pub method: String,
    /// The argument.
    pub param: Bytes,
    /// What the callee may reach: its caller's dispatcher and budget, one level deeper, and the earlier deadline.
    pub scope: Arc<Scope>,
}

/// The installed functions, as a dispatcher sees them. The registry implements it.
#[async_trait]
pub trait Functions: Send + Sync + 'static {
    /// Whether a function has this id.
    fn contains(&self, id: &str) -> bool;

    /// Runs the function's own filter, and nothing else of a chain, and returns its answer.
    ///
    /// The future is dropped at the deadline of the call's scope.
    ///
    /// # Errors
    ///
    /// Why there is no answer.
    async fn call(&self, call: FunctionCall) -> Result<Bytes, CallError>;
}

/// What a path keeps as it is (RFC 3986 §3.3), `/` between segments included.
const NOT_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The request by which a cluster stands in for a function: `POST /METHOD`.
pub(crate) fn cluster_request(cluster: &str, method: &str) -> request::Parts {
    let path = format!("/{}", utf8_percent_encode(method.trim_start_matches('/'), NOT_PATH));
    let authority = Authority::try_from(cluster).unwrap_or(Authority::from_static("localhost"));
    let uri = Uri::builder().scheme("http").authority(authority).path_and_query(path).build();
    let mut request = Request::new(());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.expect("an encoded path and a checked authority make a uri");
    request.into_parts().0
}

/// The body of a 2xx answer.
pub(crate) fn cluster_answer(cluster: &str, answer: HttpAnswer) -> Result<Bytes, CallError> {
    match answer {
        HttpAnswer::Response { head, body, .. } if head.status.is_success() => Ok(body),
        HttpAnswer::Response { head, .. } => {
            Err(CallError::Status { cluster: cluster.to_owned(), status: head.status.as_u16() })
        }
        HttpAnswer::Failed => Err(CallError::Response(cluster.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_becomes_one_path() {
        let path = |method| cluster_request("app", method).uri.to_string();
        assert_eq!(path("greet"), "http://app/greet");
        assert_eq!(path(""), "http://app/");
        assert_eq!(path("/v1/greet"), "http://app/v1/greet");
        assert_eq!(path("a b?c#d%"), "http://app/a%20b%3Fc%23d%25");
        assert_eq!(path("größe"), "http://app/gr%C3%B6%C3%9Fe");
    }

    #[test]
    fn a_cluster_whose_name_is_no_authority_is_called_as_localhost() {
        assert_eq!(cluster_request("outbound|80||a", "x").uri.to_string(), "http://localhost/x");
    }
}
