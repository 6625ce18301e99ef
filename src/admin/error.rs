//! Why an admin request is refused, and the answer that says so.

use http::StatusCode;
use http::header::{ALLOW, HeaderValue};
use serde_json::{Value, json};

use super::response::AdminResponse;

/// A refusal. It changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AdminError {
    /// Status of the answer.
    pub status: StatusCode,
    /// One sentence: what was being done, to what, why not.
    pub message: String,
    /// The step of an installation that failed: one of the words of contract §5.
    pub step: Option<&'static str>,
    /// The problems of a configuration, as `check --json` shows them.
    pub problems: Option<Value>,
    /// The methods that the path does have, with a 405.
    pub(super) allow: Option<String>,
}

impl AdminError {
    /// A refusal with a status and a reason.
    #[must_use]
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), step: None, problems: None, allow: None }
    }

    /// 400: the request cannot be understood.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 404: there is no such thing.
    #[must_use]
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 409: it is there already, or being changed.
    #[must_use]
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    /// 422: a module or a configuration is refused; `step` says where.
    #[must_use]
    pub fn refused(step: &'static str, message: impl Into<String>) -> Self {
        Self { step: Some(step), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, message) }
    }

    pub(super) fn into_response(self) -> AdminResponse {
        let mut body = json!({ "error": self.message });
        if let Some(step) = self.step {
            body["step"] = step.into();
        }
        if let Some(problems) = self.problems {
            body["problems"] = problems;
        }
        let mut response = AdminResponse::json(&body);
        response.status = self.status;
        if let Some(allow) = self.allow.and_then(|methods| HeaderValue::try_from(methods).ok()) {
            response.headers.push((ALLOW, allow));
        }
        response
    }
}
