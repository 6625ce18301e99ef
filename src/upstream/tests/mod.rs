//! Behaviour over real sockets: a router in front of backends that follow a script.

mod backend;
pub(super) mod caller;
mod exchange;
mod faults;
mod flow;
mod guests;
mod interrupts;
mod limits;
mod observing;
mod response;
mod retry;
mod reuse;
