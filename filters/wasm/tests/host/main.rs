//! The host, seen from guests that are written for one question each: vms of both kinds, pools, deaths.

#![expect(unreachable_pub, reason = "a test program has no outside")]

mod support;

mod allocators;
mod copy_out;
mod deaths;
mod pools;
mod replies;
mod time;
