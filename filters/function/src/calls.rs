//! Calls from one function to another: the callee's own filter runs, and nothing else of a chain.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use chain::{Body, Connection, Exchange, Failure, Next, Request, Response, async_trait};
use dispatch::{CallError, FunctionCall, Functions};
use http::{HeaderValue, Method, Uri};

use crate::registry::Registry;

/// Most bytes of an answer.
const MAX_ANSWER: usize = 1 << 20;

#[async_trait]
impl Functions for Registry {
    fn contains(&self, id: &str) -> bool {
        self.get(id).is_some()
    }

    async fn call(&self, call: FunctionCall) -> Result<Bytes, CallError> {
        let version = self.get(&call.id).ok_or_else(|| CallError::Unknown(call.id.clone()))?;
        let id = call.id.clone();
        let request = request(call);
        let over = Over(Arc::clone(&request.exchange));
        let failed = |reason: String| CallError::Function { id: id.clone(), reason };
        let Response { head, body } = wasm::run(&version.pool, request, Next::new(Arc::from([])))
            .await
            .map_err(|failure| failed(failure.to_string()))?;
        let status = head.status;
        over.0.park(|parked| parked.response = Some(head));
        if !status.is_success() {
            return Err(failed(format!("it answered with status {status}")));
        }
        let too_large = || Failure::ResponseTooLarge(MAX_ANSWER as u64);
        body.collect(MAX_ANSWER, too_large).await.map_err(|failure| failed(failure.to_string()))
    }
}

/// The call as a request: `POST /METHOD` with the argument as body.
fn request(call: FunctionCall) -> Request {
    let mut message = http::Request::new(());
    *message.method_mut() = Method::POST;
    let path = format!("/{}", call.method.trim_start_matches('/'));
    let uri = Uri::builder().scheme("http").authority("function").path_and_query(path).build();
    *message.uri_mut() = uri.unwrap_or_else(|_| Uri::from_static("http://function/"));
    if let Ok(id) = HeaderValue::from_str(&call.id) {
        message.headers_mut().insert("id", id);
    }
    message.headers_mut().insert(http::header::CONTENT_LENGTH, HeaderValue::from(call.param.len()));
    let (head, ()) = message.into_parts();
    let exchange = Exchange::new(connection(), None, &head);
    exchange.insert(call.scope);
    Request { head, body: Body::full(call.param), exchange }
}

/// A call comes on no connection: its addresses are unspecified.
fn connection() -> Arc<Connection> {
    let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    Arc::new(Connection { id: 0, listener: Arc::from("function"), peer: nowhere, local: nowhere })
}

/// Ends the exchange of a call when the call is over, also when its caller stopped waiting.
struct Over(Arc<Exchange>);

impl Drop for Over {
    fn drop(&mut self) {
        tokio::spawn(Arc::clone(&self.0).finish());
    }
}
