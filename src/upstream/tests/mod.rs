//! Behaviour over real sockets: a router in front of backends that follow a script.

mod backend;
mod caller;
mod exchange;
