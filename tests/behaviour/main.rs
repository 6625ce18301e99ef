//! Behaviour through the front door: the real program, real sockets, a real redis-server, real guests.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]
#![expect(unreachable_pub, reason = "a test program has no outside; what it starts things with reads like a library")]

#[allow(dead_code, unused_imports, reason = "a harness is whole; which of its parts the tests use changes with them")]
mod support;

mod admin;
mod admin_access;
mod check;
mod demo;
mod fail_open;
mod guests;
mod guide;
mod hang_ups;
mod installs;
mod layotto;
mod life;
mod nested_calls;
mod pools;
mod proxy;
mod redis_outage;
mod refusals;
mod telemetry;
mod try_command;
mod vm_kinds;
