//! The one timer of a connection.
//!
//! Deadlines move with every request, timers in tokio's wheel are dear to move. So a deadline that moves back leaves the
//! timer where it is: when it fires too early it is set anew. A busy connection touches the wheel about once per idle
//! timeout, not per request.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// A deadline that is cheap to move.
pub(crate) struct Deadline {
    timer: Option<Pin<Box<Sleep>>>,
    due: Option<Instant>,
}

impl Deadline {
    /// No deadline yet.
    pub(crate) fn new() -> Self {
        Self { timer: None, due: None }
    }

    /// Sets the deadline to `timeout` from now; zero is none.
    pub(crate) fn set(&mut self, timeout: Duration) {
        self.due = after(Instant::now(), timeout);
    }

    /// Sets the deadline; `None` is none.
    pub(crate) fn set_at(&mut self, due: Option<Instant>) {
        self.due = due;
    }

    /// Ready once the deadline has passed.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(due) = self.due else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if timer.deadline() > due {
            timer.as_mut().reset(due);
        }
        loop {
            std::task::ready!(timer.as_mut().poll(context));
            if timer.deadline() >= due {
                return Poll::Ready(());
            }
            timer.as_mut().reset(due);
        }
    }
}

/// `timeout` after `start`; zero is never.
pub(crate) fn after(start: Instant, timeout: Duration) -> Option<Instant> {
    if timeout.is_zero() { None } else { start.checked_add(timeout) }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_moved_back_fires_at_its_new_time() {
        let start = Instant::now();
        let mut deadline = Deadline::new();
        deadline.set(Duration::from_secs(1));
        assert!(poll_fn(|context| Poll::Ready(deadline.poll(context))).await.is_pending());
        deadline.set(Duration::from_secs(3));
        poll_fn(|context| deadline.poll(context)).await;
        assert_eq!(start.elapsed().as_secs(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_moved_forward_fires_at_its_new_time() {
        let start = Instant::now();
        let mut deadline = Deadline::new();
        deadline.set(Duration::from_secs(9));
        assert!(poll_fn(|context| Poll::Ready(deadline.poll(context))).await.is_pending());
        deadline.set(Duration::from_secs(2));
        poll_fn(|context| deadline.poll(context)).await;
        assert_eq!(start.elapsed().as_secs(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn zero_is_no_deadline() {
        let mut deadline = Deadline::new();
        deadline.set(Duration::ZERO);
        let never = tokio::time::timeout(Duration::from_secs(3600), poll_fn(|context| deadline.poll(context)));
        assert!(never.await.is_err());
    }
}
