//! The end: not ready, stop accepting, wait for the last exchange.

use std::time::Duration;

use tracing::{info, warn};

use super::signals::Signals;
use crate::admin::Readiness;
use crate::config::Drain;
use crate::listener::Listener;

/// How long the logs may take to be written at the end.
pub(super) const FLUSH: Duration = Duration::from_secs(1);

/// Returns when the last exchange is over, at the deadline, or at a second signal.
pub(super) async fn drain(listeners: &[Listener], readiness: &Readiness, drain: &Drain, signals: &mut Signals) {
    readiness.set_draining();
    let (wait, timeout) = (Duration::from(drain.wait), Duration::from(drain.timeout));
    info!(?wait, ?timeout, "draining");
    let drained = async {
        tokio::time::sleep(wait).await;
        listeners.iter().for_each(Listener::stop);
        futures_util::future::join_all(listeners.iter().map(|listener| listener.drained(timeout))).await
    };
    tokio::select! {
        drained = drained => match drained.iter().all(|drained| *drained) {
            true => info!("drained"),
            false => warn!("the drain timeout is over; the exchanges that are left are cut"),
        },
        () = signals.next() => warn!("a second signal; the exchanges that are left are cut"),
    }
}
