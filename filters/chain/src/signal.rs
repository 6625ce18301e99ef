//! What ends a wait early: a local reply, or a reset. One slot each; the first to come wins.

use std::pin::pin;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::Response;

/// Why a wait ended before what it waited for.
#[derive(Debug)]
pub enum Interrupt {
    /// A local reply: the stage that got it returns it as its response.
    Reply(Box<Response>),
    /// The stream is to be reset; the reason is what the access log says.
    Reset(&'static str),
}

#[derive(Default)]
struct Slots {
    reply: Option<Box<Response>>,
    replied: bool,
    reset: Option<&'static str>,
}

#[derive(Default)]
pub(crate) struct Signal {
    slots: Mutex<Slots>,
    changed: Notify,
}

impl Signal {
    /// `false` when another reply or a reset was first.
    pub(crate) fn reply(&self, response: Response) -> bool {
        let mut slots = self.slots.lock();
        if slots.replied || slots.reset.is_some() {
            return false;
        }
        slots.replied = true;
        slots.reply = Some(Box::new(response));
        drop(slots);
        self.changed.notify_waiters();
        true
    }

    /// `false` when the exchange is being reset already.
    pub(crate) fn reset(&self, reason: &'static str) -> bool {
        let mut slots = self.slots.lock();
        if slots.reset.is_some() {
            return false;
        }
        slots.reset = Some(reason);
        drop(slots);
        self.changed.notify_waiters();
        true
    }

    pub(crate) fn take(&self) -> Option<Interrupt> {
        let mut slots = self.slots.lock();
        match slots.reset {
            Some(reason) => Some(Interrupt::Reset(reason)),
            None => slots.reply.take().map(Interrupt::Reply),
        }
    }

    pub(crate) fn reset_reason(&self) -> Option<&'static str> {
        self.slots.lock().reset
    }

    pub(crate) async fn interrupted(&self) -> Interrupt {
        self.wait(Self::take).await
    }

    pub(crate) async fn until_reset(&self) -> &'static str {
        self.wait(Self::reset_reason).await
    }

    async fn wait<T>(&self, look: impl Fn(&Self) -> Option<T>) -> T {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable(); // before the look, so that no change falls between the two
            if let Some(found) = look(self) {
                return found;
            }
            changed.await;
        }
    }
}
