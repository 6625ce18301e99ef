//! Side work of an exchange, polled in the exchange's own task: an upload that still flows when the response has begun,
//! the two halves of a tunnel.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Waker};

use parking_lot::Mutex;

pub(crate) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

#[derive(Default)]
struct Inner {
    work: Vec<Work>,
    waker: Option<Waker>,
}

#[derive(Default)]
pub(crate) struct Driven {
    any: AtomicBool,
    inner: Mutex<Inner>,
}

impl Driven {
    pub(crate) fn add(&self, work: Work) {
        let mut inner = self.inner.lock();
        inner.work.push(work);
        self.any.store(true, Ordering::Release);
        let waker = inner.waker.take();
        drop(inner);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Polls all side work once. Work may add work; the lock is not held while anything is polled.
    pub(crate) fn poll(&self, context: &mut Context<'_>) {
        if !self.any.load(Ordering::Acquire) {
            // `add` from another task finds no waker then, so leave one and look again.
            let mut inner = self.inner.lock();
            if inner.work.is_empty() {
                inner.waker = Some(context.waker().clone());
                return;
            }
        }
        let mut pending = Vec::new();
        loop {
            let mut batch = std::mem::take(&mut self.inner.lock().work);
            if batch.is_empty() {
                break;
            }
            batch.retain_mut(|work| work.as_mut().poll(context).is_pending());
            pending.append(&mut batch);
        }
        let mut inner = self.inner.lock();
        inner.work.append(&mut pending);
        inner.waker = Some(context.waker().clone());
        self.any.store(!inner.work.is_empty(), Ordering::Release);
    }

    pub(crate) fn clear(&self) {
        let work = std::mem::take(&mut *self.inner.lock());
        drop(work);
    }
}
