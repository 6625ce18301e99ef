//! The host-call dispatch filter: what a guest may reach, and how.
//!
//! Every host call that leaves a guest goes one way: permission, budget, breaker, timeout, target, metrics. A
//! [`Dispatcher`] is one `dispatch` filter's policy over everything that exists ([`Targets`]); a [`Scope`] is one
//! exchange's share of it, with its own budget. What is not permitted looks as if it did not exist.
//!
//! This crate knows no WebAssembly and no configuration file: a guest's host hands in names and bytes, the proxy hands
//! in the clusters ([`chain::Upstream`]) and the functions ([`Functions`]).

mod budget;
mod dispatcher;
mod error;
mod filter;
mod function_call;
mod http_call;
mod metrics;
mod observer;
mod policy;
mod redis;
mod scope;
mod store;
mod targets;
mod watched;

#[cfg(test)]
#[expect(dead_code, reason = "unit tests need less of it than the behaviour tests that it was written for")]
#[path = "../tests/behaviour/server.rs"]
mod server;

pub use dispatcher::Dispatcher;
pub use error::{CallError, Error, Refusal};
pub use filter::DispatchFilter;
pub use function_call::{FunctionCall, Functions};
pub use http_call::{HttpAnswer, HttpCall};
pub use metrics::Metrics;
pub use observer::{Asked, CallObserver, EndedCall, Told};
pub use policy::{Budget, Names, Policy};
pub use redis::{BreakerSettings, RedisSettings};
pub use scope::Scope;
pub use store::{MemorySettings, Reason, Store, StoreError};
pub use targets::Targets;
