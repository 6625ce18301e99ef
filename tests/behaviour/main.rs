//! Behaviour through the front door: the real program, real sockets, a real redis-server, real guests.

mod support;

mod demo;
mod guide;
mod try_command;
