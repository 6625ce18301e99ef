//! The endpoints: one table, from which requests are dispatched and the help is written.
//!
//! To add one: a row here, and a function in the file of its noun.

mod clusters;
mod config;
mod functions;
mod help;
mod listeners;
mod logging;
pub(super) mod ready;
mod server_info;
pub(super) mod stats;
mod wasm;

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Method, StatusCode, request};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::timeout;

use super::http1::{App, Body};
use super::request::{AdminRequest, Target};
use super::response::AdminResponse;
use super::{Admin, AdminError};

type Answer = Result<AdminResponse, AdminError>;
type Call = for<'a> fn(&'a Admin, &'a AdminRequest) -> BoxFuture<'a, Answer>;

/// What an endpoint does to the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// Nothing; the request's body is not looked at.
    Reads,
    /// It takes a body and changes something; one such request runs at a time.
    Changes,
}

struct Endpoint {
    method: &'static str,
    path: &'static str,
    about: &'static str,
    effect: Effect,
    call: Call,
}

/// How long a change waits for the one before it, which may have to compile a module and start its vms.
const TURN: Duration = Duration::from_secs(60);

#[rustfmt::skip]
const ENDPOINTS: &[Endpoint] = &[
    reads("GET", "/help", "this list", |admin, request| Box::pin(help::list(admin, request))),
    reads("GET", "/ready", "LIVE, or 503 and why not", |admin, request| Box::pin(ready::get(admin, request))),
    reads("GET", "/server_info", "version, state, uptime", |admin, request| Box::pin(server_info::get(admin, request))),
    reads("GET", "/listeners", "listeners and the addresses they are bound to", |admin, request| Box::pin(listeners::list(admin, request))),
    reads("GET", "/clusters", "clusters and the health of their endpoints", |admin, request| Box::pin(clusters::list(admin, request))),
    reads("GET", "/config_dump", "the configuration in force, all defaults filled in", |admin, request| Box::pin(config::dump(admin, request))),
    reads("GET", "/functions", "every function", |admin, request| Box::pin(functions::list(admin, request))),
    reads("GET", "/functions/{id}", "one function", |admin, request| Box::pin(functions::get(admin, request))),
    changes("POST", "/wasm/install", "installs the function that the body describes", |admin, request| Box::pin(wasm::install(admin, request))),
    changes("POST", "/wasm/uninstall", "takes a function away: {\"name\":ID}", |admin, request| Box::pin(wasm::uninstall(admin, request))),
    changes("POST", "/wasm/update", "sets a function's instances: {\"name\":ID,\"instance_num\":N}", |admin, request| Box::pin(wasm::update(admin, request))),
    reads("GET", "/logging", "log levels", |admin, request| Box::pin(logging::list(admin, request))),
    changes("POST", "/logging", "changes log levels: ?level=debug, ?admin=debug, ?function.ID=trace", |admin, request| Box::pin(logging::set(admin, request))),
    reads("GET", "/stats", "every metric as `name: value`", |admin, request| Box::pin(stats::list(admin, request))),
    reads("GET", "/stats/prometheus", "every metric in Prometheus' text format", |admin, request| Box::pin(stats::prometheus(admin, request))),
];

const fn reads(method: &'static str, path: &'static str, about: &'static str, call: Call) -> Endpoint {
    Endpoint { method, path, about, effect: Effect::Reads, call }
}

const fn changes(method: &'static str, path: &'static str, about: &'static str, call: Call) -> Endpoint {
    Endpoint { method, path, about, effect: Effect::Changes, call }
}

/// The admin server's answers.
pub(super) struct Endpoints {
    admin: Admin,
    /// Held by the change that runs.
    turn: Mutex<()>,
}

impl Endpoints {
    pub(super) fn new(admin: Admin) -> Self {
        Self { admin, turn: Mutex::default() }
    }

    async fn try_answer(&self, head: &request::Parts, body: Body<'_>) -> Answer {
        self.admin.access.admit(head, head.method == Method::GET && head.uri.path() == "/ready")?;
        let target = Target::of(&head.uri)?;
        let (endpoint, parameter) = find(&head.method, &target.segments, head.uri.path())?;
        let query = target.query;
        let mut request = AdminRequest { parameter, query, body: Bytes::new() };
        if endpoint.effect == Effect::Reads {
            return (endpoint.call)(&self.admin, &request).await;
        }
        let taken = body.read().await?;
        request.body = taken.bytes.clone();
        let _turn = self.turn().await?;
        let answer = (endpoint.call)(&self.admin, &request).await;
        report(endpoint, &answer);
        answer
    }

    async fn turn(&self) -> Result<MutexGuard<'_, ()>, AdminError> {
        let busy = || AdminError::new(StatusCode::SERVICE_UNAVAILABLE, "another change is still running; try again");
        timeout(TURN, self.turn.lock()).await.map_err(|_| busy())
    }
}

impl App for Endpoints {
    async fn answer(&self, head: &request::Parts, body: Body<'_>) -> AdminResponse {
        self.try_answer(head, body).await.unwrap_or_else(AdminError::into_response)
    }
}

fn report(endpoint: &Endpoint, answer: &Answer) {
    let path = endpoint.path;
    match answer {
        Ok(_) => tracing::info!(path, "changed by admin"),
        Err(error) => tracing::warn!(path, status = error.status.as_u16(), %error, "a change by admin was refused"),
    }
}

/// The endpoint for a request, and what stands at the `{…}` of its path.
fn find(method: &Method, segments: &[String], path: &str) -> Result<(&'static Endpoint, String), AdminError> {
    let mut allowed = Vec::new();
    for endpoint in ENDPOINTS {
        let Some(parameter) = parameter(endpoint.path, segments) else { continue };
        if endpoint.method == method.as_str() {
            return Ok((endpoint, parameter.to_owned()));
        }
        allowed.push(endpoint.method);
    }
    if allowed.is_empty() { Err(unknown_path(path)) } else { Err(wrong_method(&allowed)) }
}

/// Compares a path of the table; `Some` when it is the request's, with what stands at its `{…}`, which is never empty.
fn parameter<'a>(path: &str, segments: &'a [String]) -> Option<&'a str> {
    let wanted = path.trim_start_matches('/').split('/');
    if wanted.clone().count() != segments.len() {
        return None;
    }
    let mut found = "";
    for (wanted, segment) in wanted.zip(segments) {
        match wanted.starts_with('{') {
            true if !segment.is_empty() => found = segment,
            false if wanted == segment => (),
            _ => return None,
        }
    }
    Some(found)
}

pub(super) fn unknown_path(path: &str) -> AdminError {
    AdminError::not_found(format!("there is nothing at `{path}`; `GET /help` lists what there is"))
}

pub(super) fn wrong_method(allowed: &[&str]) -> AdminError {
    let allow = allowed.join(", ");
    AdminError {
        allow: Some(allow.clone()),
        ..AdminError::new(StatusCode::METHOD_NOT_ALLOWED, format!("this path takes {allow} only"))
    }
}
