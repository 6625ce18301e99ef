//! What other callbacks (an answered callout, a tick) have decided for a stream whose filter is waiting.

use parking_lot::Mutex;
use tokio::sync::Notify;

use chain::Response;

use crate::abi::Side;

/// What a waiting stream is told.
#[derive(Debug)]
pub(crate) enum Event {
    /// `proxy_continue_stream` for the side that waits.
    Resume,
    /// `proxy_send_local_response`.
    Reply(Box<Response>),
    /// `proxy_close_stream`.
    Close,
    /// The vm is dead.
    Dead,
    /// Nothing is left that could resume the stream (asked for by Layotto functions).
    Idle,
}

#[derive(Default)]
struct Pending {
    resume: [bool; 2],
    reply: Option<Box<Response>>,
    /// A stream has one local reply; it meets the response callbacks of its own filter as any response does.
    replied: bool,
    closed: bool,
    dead: bool,
    outstanding: u32,
}

/// One per stream, shared by its vm and its filter.
#[derive(Default)]
pub(crate) struct Signal {
    pending: Mutex<Pending>,
    changed: Notify,
}

impl Signal {
    pub(crate) fn resume(&self, side: Side) {
        self.change(|pending| pending.resume[side as usize] = true);
    }

    /// The first reply or close wins.
    pub(crate) fn reply(&self, response: Response) {
        self.change(|pending| {
            if !pending.replied && !pending.closed {
                pending.reply = Some(Box::new(response));
                pending.replied = true;
            }
        });
    }

    /// A reply that waits to be taken wins.
    pub(crate) fn close(&self) {
        self.change(|pending| pending.closed |= pending.reply.is_none());
    }

    pub(crate) fn dead(&self) {
        self.change(|pending| pending.dead = true);
    }

    pub(crate) fn call_started(&self) {
        self.pending.lock().outstanding += 1;
    }

    /// A callout of the stream has had its callback.
    pub(crate) fn call_ended(&self) {
        self.change(|pending| pending.outstanding = pending.outstanding.saturating_sub(1));
    }

    /// Whether a local reply or a close has been decided and waits to be taken.
    pub(crate) fn is_ended(&self) -> bool {
        let pending = self.pending.lock();
        pending.reply.is_some() || pending.closed
    }

    /// Takes a resume out, if one was decided.
    pub(crate) fn take_resume(&self, side: Side) -> bool {
        std::mem::take(&mut self.pending.lock().resume[side as usize])
    }

    /// What has been decided, if anything. A dead vm's queued reply is dropped with it.
    pub(crate) fn take(&self, side: Side) -> Option<Event> {
        let mut pending = self.pending.lock();
        if pending.dead {
            return Some(Event::Dead);
        }
        if let Some(reply) = pending.reply.take() {
            return Some(Event::Reply(reply));
        }
        if pending.closed {
            return Some(Event::Close);
        }
        std::mem::take(&mut pending.resume[side as usize]).then_some(Event::Resume)
    }

    /// Waits until something is decided.
    pub(crate) async fn wait(&self, side: Side) -> Event {
        self.wait_for(|| self.take(side)).await
    }

    /// As [`wait`](Self::wait), and ends when no callout of the stream is left either.
    pub(crate) async fn wait_unless_idle(&self, side: Side) -> Event {
        self.wait_for(|| self.take(side).or_else(|| (self.pending.lock().outstanding == 0).then_some(Event::Idle)))
            .await
    }

    async fn wait_for(&self, look: impl Fn() -> Option<Event>) -> Event {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable(); // before the look, so that no change falls between the two
            if let Some(event) = look() {
                return event;
            }
            changed.await;
        }
    }

    fn change(&self, change: impl FnOnce(&mut Pending)) {
        change(&mut self.pending.lock());
        self.changed.notify_waiters();
    }
}
