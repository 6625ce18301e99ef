//! Behaviour through the front door: the real program, real sockets, a real redis-server, real guests.

mod support;

mod admin;
mod admin_access;
mod check;
mod demo;
mod installs;
mod life;
mod redis_outage;
mod refusals;
mod telemetry;
