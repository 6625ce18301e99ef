//! The filter's hold on its stream: opens it in the vm, runs its callbacks, ends it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use chain::{Exchange, Failure};
use http::{HeaderMap, request, response};

use crate::abi::{BodyAction, HeadersAction, Side};
use crate::cell::{VmCell, VmGuard};
use crate::exports::{DoneCallback, HeadersCallback};
use crate::guest::ROOT;
use crate::observer::Sample;
use crate::pool::Pool;
use crate::signal::{Event, Signal};
use crate::stream::{Answer, Stream};
use crate::trap::Trap;
use crate::vm::Vm;

/// One stream on one vm, for the length of an exchange.
pub(crate) struct StreamHandle {
    pub(crate) pool: Arc<Pool>,
    pub(crate) cell: Arc<VmCell>,
    pub(crate) id: u32,
    pub(crate) signal: Arc<Signal>,
    pub(crate) exchange: Arc<Exchange>,
}

/// What a headers callback said.
pub(crate) enum Seen<H> {
    Passed(H),
    Held(HeadersAction),
    Failed(Failure),
    /// The vm failed and the policy is to go on without it.
    Bypass(H),
}

/// What became of something that was to meet a callback.
pub(crate) enum Met<T, S> {
    Seen(S),
    /// The callback trapped. What it was to see lies with what the guest holds.
    Trapped(Trap),
    /// The vm was dead before: here it is back.
    Dead(T),
}

/// What a body callback said, and what is let on because of it.
pub(crate) struct BodySeen {
    pub(crate) action: BodyAction,
    pub(crate) data: Bytes,
    /// Bytes that the guest holds now.
    pub(crate) held: usize,
    /// Trailers that the callback which ends the body has made.
    pub(crate) trailers: Option<HeaderMap>,
}

impl StreamHandle {
    /// Takes the exchange in; its end is a finish hook, however it comes.
    pub(crate) fn open(pool: &Arc<Pool>, cell: Arc<VmCell>, exchange: &Arc<Exchange>, waited: Duration) -> Arc<Self> {
        let stream = Arc::new(Self {
            pool: Arc::clone(pool),
            id: cell.next_context(),
            cell,
            signal: Arc::default(),
            exchange: Arc::clone(exchange),
        });
        pool.exchanges.live.fetch_add(1, Ordering::Relaxed);
        pool.exchanges.total.fetch_add(1, Ordering::Relaxed);
        exchange.record(|record| {
            record.function = Some(Arc::clone(pool.id()));
            record.function_version = Some(pool.plugin.settings.version);
        });
        let ending = Arc::clone(&stream);
        exchange.on_finish(move |_| Box::pin(async move { ending.end(waited).await }));
        stream
    }

    /// Creates the context and runs the request headers callback, under one lock.
    pub(crate) async fn open_request(&self, guard: VmGuard, head: request::Parts, end: bool) -> Seen<request::Parts> {
        let spare = self.pool.is_fail_open().then(|| head.clone());
        let mut stream = Stream::new(Arc::clone(&self.exchange), Arc::clone(&self.signal), head);
        if self.pool.facts().layotto {
            stream.answer = Answer::Open;
        }
        let id = self.id;
        let called = self.cell.work(guard, move |mut vm| async move {
            vm.guest_mut().streams.insert(id, stream);
            if let Some(create) = vm.exports.on_context_create.clone() {
                vm.call("proxy_on_context_create", &create, id, (id, ROOT)).await?;
            }
            let action = on_headers(&mut vm, id, Side::Request, end).await?;
            let stream = vm.guest_mut().streams.get_mut(&id);
            Ok((
                action,
                stream.and_then(|stream| {
                    settle_head(&mut stream.request.head, &mut stream.waiting[0], &stream.signal, Side::Request, action)
                }),
            ))
        });
        self.seen(called.await, spare)
    }

    /// Runs the response headers callback.
    pub(crate) async fn open_response(&self, head: response::Parts, end: bool) -> Seen<response::Parts> {
        let guard = self.cell.lock().await;
        if self.cell.death().is_some() {
            return if self.pool.is_fail_open() { Seen::Bypass(head) } else { Seen::Failed(self.death()) };
        }
        let spare = self.pool.is_fail_open().then(|| head.clone());
        let id = self.id;
        let called = self.cell.work(guard, move |mut vm| async move {
            let Some(stream) = vm.guest_mut().streams.get_mut(&id) else {
                return Ok((HeadersAction::Continue, Some(head)));
            };
            stream.responding = true;
            stream.answer = Answer::Closed;
            stream.response.head = Some(head);
            let action = on_headers(&mut vm, id, Side::Response, end).await?;
            let stream = vm.guest_mut().streams.get_mut(&id);
            Ok((
                action,
                stream.and_then(|stream| {
                    settle_head(
                        &mut stream.response.head,
                        &mut stream.waiting[1],
                        &stream.signal,
                        Side::Response,
                        action,
                    )
                }),
            ))
        });
        self.seen(called.await, spare)
    }

    fn seen<H>(&self, called: Option<Result<(HeadersAction, Option<H>), Trap>>, spare: Option<H>) -> Seen<H> {
        match (called, spare) {
            (Some(Ok((_, Some(head)))), _) => Seen::Passed(head),
            (Some(Ok((action, None))), _) => Seen::Held(action),
            (_, Some(spare)) => Seen::Bypass(spare),
            (Some(Err(trap)), None) => Seen::Failed(self.trapped(&trap)),
            (None, None) => Seen::Failed(Failure::NotReady(self.pool.id().to_string())),
        }
    }

    pub(crate) async fn take_request_head(&self) -> Option<request::Parts> {
        let mut vm = self.cell.lock().await;
        let stream = vm.guest_mut().streams.get_mut(&self.id)?;
        stream.waiting[Side::Request as usize] = false;
        stream.request.head.take()
    }

    pub(crate) async fn take_response_head(&self) -> Option<response::Parts> {
        let mut vm = self.cell.lock().await;
        let stream = vm.guest_mut().streams.get_mut(&self.id)?;
        stream.waiting[Side::Response as usize] = false;
        stream.response.head.take()
    }

    /// Runs a body callback on a chunk.
    pub(crate) async fn body(&self, side: Side, chunk: Bytes, end: bool) -> Met<Bytes, BodySeen> {
        let guard = self.cell.lock().await;
        if self.cell.death().is_some() {
            return Met::Dead(chunk);
        }
        let id = self.id;
        let called = self.cell.work(guard, move |mut vm| async move { on_body(&mut vm, id, side, chunk, end).await });
        Met::of(called.await)
    }

    /// Runs a trailers callback. `None`: the guest holds them.
    pub(crate) async fn trailers(&self, side: Side, trailers: HeaderMap) -> Met<HeaderMap, Option<HeaderMap>> {
        let guard = self.cell.lock().await;
        if self.cell.death().is_some() {
            return Met::Dead(trailers);
        }
        let id = self.id;
        let called = self.cell.work(guard, move |mut vm| async move { on_trailers(&mut vm, id, side, trailers).await });
        Met::of(called.await)
    }

    /// Takes out what the guest holds on a side.
    pub(crate) async fn take_held(&self, side: Side) -> (Bytes, Option<HeaderMap>) {
        let mut vm = self.cell.lock().await;
        let Some(stream) = vm.guest_mut().streams.get_mut(&self.id) else { return Default::default() };
        stream.waiting[side as usize] = false;
        match side {
            Side::Request => (stream.request.take_body(), stream.request.trailers.take()),
            Side::Response => (stream.response.take_body(), stream.response.trailers.take()),
        }
    }

    /// What a Layotto function has answered. Its request callbacks are over.
    pub(crate) async fn take_answer(&self) -> Option<Bytes> {
        let mut vm = self.cell.lock().await;
        let stream = vm.guest_mut().streams.get_mut(&self.id)?;
        match std::mem::take(&mut stream.answer) {
            Answer::Written(answer) => Some(answer.freeze()),
            Answer::Open | Answer::Closed => None,
        }
    }

    /// What the client gets for a trap of this stream.
    pub(crate) fn trapped(&self, trap: &Trap) -> Failure {
        self.exchange.record(|record| record.trap = Some(format!("{}:{}", trap.callback, trap.reason)));
        Failure::GuestTrapped {
            function: self.pool.id().to_string(),
            callback: if trap.callback.is_empty() { "other" } else { trap.callback },
            reason: trap.reason,
        }
    }

    /// What the client gets because another stream killed the vm.
    pub(crate) fn death(&self) -> Failure {
        match self.cell.death() {
            Some(trap) => self.trapped(trap),
            None => Failure::NotReady(self.pool.id().to_string()),
        }
    }

    /// What ends a wait other than a resume.
    pub(crate) fn failure_of(&self, event: Event) -> Failure {
        match event {
            Event::Reply(response) => Failure::Reply(response),
            Event::Close => Failure::Reset("wasm_close_stream"),
            Event::Dead => self.death(),
            Event::Resume | Event::Idle => Failure::Paused(self.pool.id().to_string()),
        }
    }

    /// On the response side an answer of ours goes straight to the client.
    pub(crate) fn as_ready_reply(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Reset(_) | Failure::ClientGone | Failure::Reply(_) => failure,
            failure => Failure::Reply(Box::new(failure.into_response(&self.exchange))),
        }
    }

    /// Whether a stream whose vm died goes on without it.
    pub(crate) fn outlives(&self, event: &Event) -> bool {
        matches!(event, Event::Dead) && self.pool.is_fail_open()
    }

    /// A Layotto function has nobody to resume it but its own callouts.
    pub(crate) fn ends_when_idle(&self, side: Side) -> bool {
        side == Side::Request && self.pool.facts().layotto
    }

    async fn end(&self, waited: Duration) {
        let guard = self.cell.lock().await;
        let id = self.id;
        if self.cell.death().is_none() {
            self.cell.work(guard, move |mut vm| async move { end_stream(&mut vm, id).await }).await;
        }
        self.pool.exchanges.live.fetch_sub(1, Ordering::Relaxed);
        let (guest, host_calls) = self.exchange.record(|record| (record.guest_time, record.host_call_time));
        let status = self.exchange.parked(|parked| parked.response.as_ref().map(|head| head.status));
        self.pool.observer.exchange_ended(Sample { status, guest, host_calls, waited });
    }
}

impl<T: Default, S> Met<T, S> {
    /// `None` comes when the runtime shuts down: there is nothing left to lose.
    fn of(called: Option<Result<S, Trap>>) -> Self {
        match called {
            Some(Ok(seen)) => Self::Seen(seen),
            Some(Err(trap)) => Self::Trapped(trap),
            None => Self::Dead(T::default()),
        }
    }
}

/// Takes the head out of the table if it may go on; `None` leaves it there, held.
fn settle_head<H>(
    head: &mut Option<H>,
    waiting: &mut bool,
    signal: &Signal,
    side: Side,
    action: HeadersAction,
) -> Option<H> {
    // A local reply or a close in the callback stops it, whatever it returned.
    if signal.is_ended() {
        *waiting = true;
        return None;
    }
    // "Continue, then return Pause" is a continue.
    if action == HeadersAction::Continue || signal.take_resume(side) {
        return head.take();
    }
    *waiting = true;
    None
}

async fn on_headers(vm: &mut Vm, id: u32, side: Side, end: bool) -> Result<HeadersAction, Trap> {
    let Some(callback) = vm.exports.on_headers[side as usize].clone() else { return Ok(HeadersAction::Continue) };
    let Some(stream) = vm.guest().streams.get(&id) else { return Ok(HeadersAction::Continue) };
    let count = stream.headers(side).map_or(0, crate::header_map::MapRef::len);
    stream.begin(side);
    let name = ["proxy_on_request_headers", "proxy_on_response_headers"][side as usize];
    let action = match callback {
        HeadersCallback::WithEnd(callback) => vm.call(name, &callback, id, (id, count, end.into())).await?,
        HeadersCallback::WithoutEnd(callback) => vm.call(name, &callback, id, (id, count)).await?,
    };
    Ok(action.into())
}

async fn on_body(vm: &mut Vm, id: u32, side: Side, chunk: Bytes, end: bool) -> Result<BodySeen, Trap> {
    let passed = |data| BodySeen { action: BodyAction::Continue, data, held: 0, trailers: None };
    let Some(callback) = vm.exports.on_body[side as usize].clone() else { return Ok(passed(chunk)) };
    let Some(stream) = vm.guest_mut().streams.get_mut(&id) else { return Ok(passed(chunk)) };
    stream.begin(side);
    let size = match side {
        Side::Request => stream.request.open_body(chunk),
        Side::Response => stream.response.open_body(chunk),
    };
    stream.set_may_add_trailers(side, end);
    let name = ["proxy_on_request_body", "proxy_on_response_body"][side as usize];
    let params = (id, u32::try_from(size).unwrap_or(u32::MAX), end.into());
    let action = vm.call(name, &callback, id, params).await?;
    let Some(stream) = vm.guest_mut().streams.get_mut(&id) else { return Ok(passed(Bytes::new())) };
    stream.set_may_add_trailers(side, false);
    Ok(stream.settle_body(side, action.into()))
}

async fn on_trailers(vm: &mut Vm, id: u32, side: Side, trailers: HeaderMap) -> Result<Option<HeaderMap>, Trap> {
    let Some(callback) = vm.exports.on_trailers[side as usize].clone() else { return Ok(Some(trailers)) };
    let Some(stream) = vm.guest_mut().streams.get_mut(&id) else { return Ok(Some(trailers)) };
    stream.begin(side);
    let count = u32::try_from(trailers.len()).unwrap_or(u32::MAX);
    stream.put_trailers(side, trailers);
    let name = ["proxy_on_request_trailers", "proxy_on_response_trailers"][side as usize];
    let action = vm.call(name, &callback, id, (id, count)).await?;
    let Some(stream) = vm.guest_mut().streams.get_mut(&id) else { return Ok(None) };
    Ok(stream.settle_trailers(side, action == 0))
}

/// `proxy_on_done`, `proxy_on_log`, `proxy_on_delete`, once each, under one lock.
async fn end_stream(vm: &mut Vm, id: u32) {
    // A trap has been dealt with: the exchange is over.
    let _ = end_callbacks(vm, id).await;
    vm.guest_mut().streams.remove(&id);
}

async fn end_callbacks(vm: &mut Vm, id: u32) -> Result<(), Trap> {
    let Some(stream) = vm.guest_mut().streams.get_mut(&id) else { return Ok(()) };
    stream.close();
    match vm.exports.on_done.clone() {
        Some(DoneCallback::Answers(done)) => drop(vm.call("proxy_on_done", &done, id, id).await?),
        Some(DoneCallback::Silent(done)) => vm.call("proxy_on_done", &done, id, id).await?,
        None => (),
    }
    if let Some(log) = vm.exports.on_log.clone() {
        vm.call("proxy_on_log", &log, id, id).await?;
    }
    if let Some(delete) = vm.exports.on_delete.clone() {
        vm.call("proxy_on_delete", &delete, id, id).await?;
    }
    Ok(())
}
