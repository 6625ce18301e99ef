//! The end of an exchange, however it comes: the finish hooks run, then the observers are told.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use chain::{Exchange, Record};
use http::request;

use crate::exchange::Front;
use crate::exchange::in_flight::Entry;

/// What the connection knows of an exchange that is over.
pub(crate) trait Received {
    /// The head of the request, made anew because the chain left none behind.
    fn head(&self) -> Option<request::Parts>;

    /// Writes the number of body bytes in both directions.
    fn count(&self, record: &mut Record);
}

/// Ends an exchange when it is dropped: after the response, after a reset, and when the connection's task is dropped.
pub(crate) struct Ending<R: Received> {
    exchange: Arc<Exchange>,
    front: Arc<Front>,
    received: R,
    entry: Option<Entry>,
}

impl<R: Received> Ending<R> {
    /// Tells the observers that the exchange has started.
    pub(crate) fn begin(exchange: Arc<Exchange>, front: Arc<Front>, received: R, entry: Entry) -> Self {
        for observer in &front.observers {
            observer.exchange_started();
        }
        Self { exchange, front, received, entry: Some(entry) }
    }

    pub(crate) fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }
}

impl<R: Received> Drop for Ending<R> {
    fn drop(&mut self) {
        self.exchange.park(|parked| {
            if parked.request.is_none() {
                parked.request = self.received.head();
            }
        });
        self.exchange.record(|record| self.received.count(record));
        let end = end(Arc::clone(&self.exchange), Arc::clone(&self.front), self.entry.take());
        finish_now_or_beside(Box::pin(end));
    }
}

async fn end(exchange: Arc<Exchange>, front: Arc<Front>, entry: Option<Entry>) {
    Arc::clone(&exchange).finish().await;
    for observer in &front.observers {
        observer.exchange_ended(&exchange);
    }
    drop(entry);
}

/// Hooks that have nothing to wait for end here and now; others go on in a task of their own, so that they delay no
/// further request of the connection. A panic that is unwinding already must not meet a second one.
fn finish_now_or_beside(mut end: Pin<Box<impl Future<Output = ()> + Send + 'static>>) {
    let unwinding = std::thread::panicking();
    if !unwinding && end.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
        return;
    }
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn(end)),
        Err(error) => {
            tracing::error!(%error, "finish hooks of an exchange were cut off; no runtime is left to run them")
        }
    }
}
