//! One running instance: its store, its callbacks, and the one way into the guest.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;
use wasmtime::{Store, TypedFunc, WasmParams, WasmResults};

use crate::callout;
use crate::cell::VmCell;
use crate::exports::Exports;
use crate::guest::{Action, Guest, ROOT};
use crate::process::VmPermit;
use crate::tick;
use crate::trap::Trap;

/// How a vm is called. Fixed when the vm is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By plain calls: for guests whose host calls never wait.
    Inline,
    /// On fibers: for guests whose host calls wait, and for functions that overran a time slice.
    Yielding,
}

/// One running instance. Its pool's cell guards it by a lock that is taken per callback.
pub(crate) struct Vm {
    pub(crate) store: Store<Guest>,
    pub(crate) exports: Exports,
    pub(crate) kind: Kind,
    /// Set while the guest runs: a vm that is found with it set was left in the middle of a call.
    pub(crate) in_call: bool,
    pub(crate) cell: Weak<VmCell>,
    pub(crate) ticker: Option<AbortHandle>,
    pub(crate) _permit: Option<VmPermit>,
}

impl Vm {
    pub(crate) fn guest(&self) -> &Guest {
        self.store.data()
    }

    pub(crate) fn guest_mut(&mut self) -> &mut Guest {
        self.store.data_mut()
    }

    /// Calls the guest in a context. On an inline vm this never waits.
    ///
    /// Whatever happens, what the callback asked for is settled only after it: the caller applies its return value to
    /// the running stream, and finds what else was decided in the stream's signal.
    pub(crate) async fn call<P, R>(
        &mut self,
        callback: &'static str,
        function: &TypedFunc<P, R>,
        context: u32,
        params: P,
    ) -> Result<R, Trap>
    where
        P: WasmParams + Sync,
        R: WasmResults + Sync,
    {
        let budget = self.guest().plugin.settings.limits.cpu;
        let result = self.enter(callback, function, context, params, budget).await;
        match &result {
            Ok(_) => self.settle(context),
            Err(trap) => self.fail(trap),
        }
        result
    }

    /// Calls the guest and keeps the account of its time, settling nothing.
    pub(crate) async fn enter<P, R>(
        &mut self,
        callback: &'static str,
        function: &TypedFunc<P, R>,
        context: u32,
        params: P,
        budget: Duration,
    ) -> Result<R, Trap>
    where
        P: WasmParams + Sync,
        R: WasmResults + Sync,
    {
        let begun = Instant::now();
        self.begin(context, budget, begun);
        let result = match self.kind {
            Kind::Inline => function.call(&mut self.store, params),
            Kind::Yielding => function.call_async(&mut self.store, params).await,
        };
        self.end(context, begun.elapsed());
        result.map_err(|error| Trap::new(callback, &error, self.guest().limit.refused))
    }

    fn begin(&mut self, context: u32, budget: Duration, now: Instant) {
        let guest = self.store.data_mut();
        guest.current = context;
        guest.effective = None;
        guest.waited = Duration::ZERO;
        guest.calls_out = 0;
        guest.limit.refused = false;
        guest.budget.begin(budget, now);
        self.store.set_epoch_deadline(1);
        self.in_call = true;
    }

    fn end(&mut self, context: u32, elapsed: Duration) {
        self.in_call = false;
        let guest = self.store.data_mut();
        guest.effective = None;
        let (waited, calls_out) = (guest.waited, guest.calls_out);
        if let Some(stream) = guest.streams.get(&context) {
            stream.exchange.record(|record| {
                record.guest_time += elapsed.saturating_sub(waited);
                record.host_call_time += waited;
                record.host_calls += calls_out;
            });
        }
    }

    /// Carries out what the callback has queued. The stream whose callback ran is told by its signal.
    fn settle(&mut self, running: u32) {
        let guest = self.store.data_mut();
        if !guest.actions.is_empty() {
            for (id, action) in std::mem::take(&mut guest.actions) {
                settle_action(guest, running, id, action);
            }
        }
        if guest.has_news()
            && let Some(cell) = self.cell.upgrade()
        {
            self.start_what_was_asked(&cell);
        }
    }

    /// Starts callouts, announcements and the timer. A canary has no cell: what it asked for ends with it.
    fn start_what_was_asked(&mut self, cell: &Arc<VmCell>) {
        let guest = self.store.data_mut();
        for outgoing in guest.outgoing.drain(..) {
            callout::start(cell, outgoing);
        }
        for token in guest.registered_queues.drain(..) {
            guest.plugin.shared_queues.announce_to(token, cell);
        }
        if let Some(period) = guest.new_tick_period.take() {
            self.set_tick_period(cell, period);
        }
    }

    /// Joins the cell: from here on its callouts and ticks run.
    pub(crate) fn join(&mut self, cell: &Arc<VmCell>) {
        self.cell = Arc::downgrade(cell);
        self.settle(ROOT);
    }

    fn set_tick_period(&mut self, cell: &Arc<VmCell>, period: Duration) {
        if let Some(ticker) = self.ticker.take() {
            ticker.abort();
        }
        if !period.is_zero() && self.exports.on_tick.is_some() {
            self.ticker = Some(tick::start(cell, period));
        }
    }

    /// The guest trapped: nothing calls it again, and every stream of it is told.
    fn fail(&mut self, trap: &Trap) {
        for stream in self.guest().streams.values() {
            stream.signal.dead();
        }
        if let Some(cell) = self.cell.upgrade() {
            cell.died(trap);
        }
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        if let Some(ticker) = self.ticker.take() {
            ticker.abort();
        }
    }
}

/// A change of a stream: for its filter if that waits or runs, else for the exchange.
fn settle_action(guest: &Guest, running: u32, id: u32, action: Action) {
    let Some(stream) = guest.streams.get(&id).filter(|stream| !stream.logging) else { return };
    let heard = id == running || stream.waiting != [false; 2];
    match action {
        // A resume while nothing is held is forgotten.
        Action::Resume(side) if id == running || stream.waiting[side as usize] => stream.signal.resume(side),
        Action::Resume(_) => (),
        Action::Reply(response) if heard => stream.signal.reply(*response),
        Action::Close if heard => stream.signal.close(),
        Action::Reply(response) if !stream.responding => {
            stream.exchange.reply(*response);
        }
        Action::Reply(_) => {
            stream.exchange.reset("wasm_local_reply_too_late");
        }
        Action::Close => {
            stream.exchange.reset("wasm_close_stream");
        }
    }
}
