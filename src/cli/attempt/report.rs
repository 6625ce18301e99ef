//! What came of the request: as values, and as JSON whose keys stay.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use dispatch::{Asked, EndedCall, Told};
use function::{InstallError, Version};
use http::response;
use serde_json::{Value, json};
use wasm::LastTrap;

use super::exchange::Ended;
use super::guest_log::Line;
use super::stub::Received;
use super::world::World;

/// Everything that is printed.
#[derive(Default)]
pub(super) struct Report {
    pub(super) function: Option<Function>,
    pub(super) refused: Option<Refused>,
    pub(super) trap: Option<LastTrap>,
    pub(super) failure: Option<String>,
    pub(super) answer: Option<(response::Parts, Bytes)>,
    pub(super) upstream: Option<Received>,
    pub(super) log: Vec<Line>,
    pub(super) host_calls: Vec<EndedCall>,
    pub(super) guest_time: Duration,
    pub(super) memory_bytes: usize,
    pub(super) notes: Vec<String>,
}

/// The function that ran.
pub(super) struct Function {
    pub(super) id: String,
    pub(super) abi: String,
    pub(super) sha256: String,
}

/// Why the module did not run.
pub(super) struct Refused {
    pub(super) step: String,
    pub(super) message: String,
}

impl From<&InstallError> for Refused {
    fn from(error: &InstallError) -> Self {
        let step = match error {
            InstallError::Refused(refused) => refused.step,
            InstallError::InUse { .. } => "id",
        };
        Self { step: step.to_owned(), message: error.to_string() }
    }
}

impl Report {
    pub(super) fn refused(refused: Refused) -> Self {
        Self { refused: Some(refused), ..Self::default() }
    }

    /// The report of an exchange that is over.
    pub(super) fn of(world: &World, tried: &Version, ended: Ended) -> Self {
        let (stats, facts) = (tried.pool.stats(), tried.pool.facts());
        let Ended { exchange, answer, failure } = ended;
        Self {
            function: Some(Function {
                id: tried.id().to_string(),
                abi: facts.abi.clone(),
                sha256: facts.sha256.clone(),
            }),
            trap: stats.last_trap,
            answer,
            failure,
            upstream: world.upstream.take(),
            guest_time: exchange.record(|record| record.guest_time),
            memory_bytes: stats.memory_bytes,
            notes: world.notes.lock().clone(),
            ..Self::default()
        }
    }

    pub(super) fn is_ok(&self) -> bool {
        self.refused.is_none() && self.trap.is_none() && self.failure.is_none()
    }

    /// What went wrong with the module, in one line or with the guest's backtrace.
    pub(super) fn problem(&self, module: &Path) -> Option<String> {
        let module = module.display();
        if let Some(Refused { step, message }) = &self.refused {
            return Some(format!("the module `{module}` was refused at step `{step}`: {message}"));
        }
        if let Some(LastTrap { callback, reason, message, .. }) = &self.trap {
            return Some(format!("the guest of `{module}` trapped in `{callback}`: {reason}\n{message}"));
        }
        self.failure.clone()
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "ok": self.is_ok(),
            "function": self.function.as_ref().map(|function| json!({
                "id": function.id, "abi": function.abi, "sha256": function.sha256,
            })),
            "refused": self.refused.as_ref().map(|refused| json!({"step": refused.step, "message": refused.message})),
            "trap": self.trap.as_ref().map(|trap| json!({
                "callback": trap.callback, "reason": trap.reason, "message": trap.message,
            })),
            "failure": self.failure,
            "answer": self.answer.as_ref().map(|(head, body)| json!({
                "status": head.status.as_u16(), "headers": headers(&head.headers), "body": text(body),
            })),
            "upstream": self.upstream.as_ref().map(|received| json!({
                "method": received.head.method.as_str(), "path": path(&received.head.uri),
                "headers": headers(&received.head.headers), "body": text(&received.body),
            })),
            "log": self.log.iter().map(|line| json!({
                "level": line.level, "function": line.function, "message": line.message,
            })).collect::<Vec<_>>(),
            "host_calls": self.host_calls.iter().map(host_call).collect::<Vec<_>>(),
            "guest_us": micros(self.guest_time),
            "memory_bytes": self.memory_bytes,
            "notes": self.notes,
        })
    }
}

fn host_call(call: &EndedCall) -> Value {
    let (name, arguments) = match &call.asked {
        Asked::Http { method, path, body } => {
            ("proxy_http_call", json!({"method": method.as_str(), "path": path, "body": text(body)}))
        }
        Asked::GetState { key } => ("proxy_get_state", json!({"key": text(key)})),
        Asked::Invoke { method, param } => ("proxy_invoke_service", json!({"method": method, "param": text(param)})),
    };
    let result = match &call.told {
        Told::Response { status, body } => json!({"status": status.as_u16(), "body": text(body)}),
        Told::Value(value) => json!({"value": text(value)}),
        Told::Failed(why) => json!({"error": why}),
    };
    json!({
        "function": &*call.caller, "call": name, "target": call.target, "kind": call.kind, "arguments": arguments,
        "result": result, "us": micros(call.took),
    })
}

/// Names and values in their order; a name may come more than once.
pub(super) fn headers(headers: &http::HeaderMap) -> Vec<(String, String)> {
    headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect()
}

/// What is not UTF-8 becomes U+FFFD.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(super) fn path(uri: &http::Uri) -> impl Display + serde::Serialize + '_ {
    uri.path_and_query().map_or("/", |path| path.as_str())
}

pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
