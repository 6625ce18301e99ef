//! A client that has closed its direction: has it left, or does it wait for its answer?
//!
//! TCP does not say. A client that has left answers the next bytes with a reset, so a client that has no response yet
//! is sent `100 Continue` once, which every HTTP/1.1 client ignores (RFC 9110, section 15.2). Where nothing can be sent
//! (HTTP/1.0, or a response body that has nothing ready), a client is believed to have left after a second.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BufMut;
use tokio::time::{Instant, Sleep, sleep};

use super::wire::Wire;
use crate::exchange::Transport;

/// The first look for a reset: longer than the way to a neighbour and back.
const FIRST_LOOK: Duration = Duration::from_millis(10);

/// The longest time between two looks, and how long a client that cannot be asked is waited for.
const LAST_LOOK: Duration = Duration::from_secs(1);

/// What is known about a client that has closed its direction.
#[derive(Debug, Default)]
pub(super) struct HalfClose {
    look: Option<(Pin<Box<Sleep>>, Duration)>,
}

impl HalfClose {
    /// Ready when the client has left. `may_ask`: it has not got a response yet and understands `100 Continue`.
    pub(super) fn poll_left<T: Transport>(
        &mut self,
        wire: &mut Wire<T>,
        may_ask: bool,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let (look, wait) = self.look.get_or_insert_with(|| {
            if may_ask {
                wire.output.write(|open| open.put_slice(b"HTTP/1.1 100 Continue\r\n\r\n"));
            }
            (Box::pin(sleep(FIRST_LOOK)), FIRST_LOOK)
        });
        if let Poll::Ready(Err(_)) = wire.poll_flush(context) {
            return Poll::Ready(());
        }
        loop {
            std::task::ready!(look.as_mut().poll(context));
            let asked = wire.written > wire.written_before_end;
            if wire.is_reset(context) || !asked && *wait >= LAST_LOOK {
                return Poll::Ready(());
            }
            *wait = (*wait * 10).min(LAST_LOOK);
            look.as_mut().reset(Instant::now() + *wait);
        }
    }
}
