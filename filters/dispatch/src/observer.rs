//! Who is told of the host calls of a dispatcher's guests, one by one, with what was asked and what was answered.
//!
//! For tools that show a developer what a function does. A dispatcher without an observer does nothing for it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};

use crate::{CallError, HttpAnswer, HttpCall, Refusal};

/// Is told of host calls.
pub trait CallObserver: Send + Sync + 'static {
    /// A call that asked to leave its guest is over.
    fn ended(&self, call: EndedCall);
}

/// A call that is over, or was refused.
#[derive(Debug, Clone)]
pub struct EndedCall {
    /// Id of the function that called.
    pub caller: Arc<str>,
    /// What it named.
    pub target: String,
    /// What that is: `redis` `memory` `http` `function`, or `unknown` where nothing has the name.
    pub kind: &'static str,
    /// What it asked.
    pub asked: Asked,
    /// What it was told.
    pub told: Told,
    /// How long it took.
    pub took: Duration,
}

/// What a guest asks.
#[derive(Debug, Clone)]
pub enum Asked {
    /// An HTTP call.
    Http {
        /// The method.
        method: Method,
        /// Path and query.
        path: String,
        /// The content.
        body: Bytes,
    },
    /// The value of a key.
    GetState {
        /// The key.
        key: Bytes,
    },
    /// A call of a function.
    Invoke {
        /// The method.
        method: String,
        /// The argument.
        param: Bytes,
    },
}

/// What a guest is told.
#[derive(Debug, Clone)]
pub enum Told {
    /// An HTTP response.
    Response {
        /// Its status.
        status: StatusCode,
        /// Its content.
        body: Bytes,
    },
    /// The value of a key, or a function's answer.
    Value(Bytes),
    /// Nothing, and why.
    Failed(String),
}

impl Asked {
    pub(crate) fn http(call: &HttpCall) -> Self {
        let path = call.head.uri.path_and_query().map_or("/", |path| path.as_str());
        Self::Http { method: call.head.method.clone(), path: path.to_owned(), body: call.body.clone() }
    }
}

impl From<&HttpAnswer> for Told {
    fn from(answer: &HttpAnswer) -> Self {
        match answer {
            HttpAnswer::Response { head, body, .. } => Self::Response { status: head.status, body: body.clone() },
            HttpAnswer::Failed => Self::Failed("the response broke off or was too large".to_owned()),
        }
    }
}

impl From<&Refusal> for Told {
    fn from(refusal: &Refusal) -> Self {
        Self::Failed(refusal.to_string())
    }
}

impl From<&Result<Bytes, CallError>> for Told {
    fn from(result: &Result<Bytes, CallError>) -> Self {
        match result {
            Ok(value) => Self::Value(value.clone()),
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}
