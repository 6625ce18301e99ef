//! One exchange: the chain runs, its response is written, and whatever ends it early is looked for in every wait.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use chain::{Body, Exchange, Failure, Next, Request, Response};
use http::response;
use http_body::Body as _;
use tokio::time::Instant;

use crate::exchange::deadline::{Deadline, after};
use crate::exchange::downstream::{Downstream, Moved};
use crate::exchange::{Front, Timeouts};

/// Bytes gathered from a body before they are written.
const GATHERED: usize = 64 * 1024;

/// How an exchange ended for its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The response is written as a whole.
    Complete,
    /// The stream was reset, or the client left.
    Broken,
}

/// Runs a request through the chain and writes the response.
pub(crate) async fn run<D: Downstream>(
    front: &Front,
    downstream: &mut D,
    deadline: &mut Deadline,
    exchange: &Arc<Exchange>,
    request: Request,
) -> Outcome {
    let mut drive = Drive { exchange, downstream, clock: Clock::new(deadline, &front.timeouts, exchange) };
    match drive.response(Next::new(front.chain()).run(request)).await.or_else(|failure| drive.local(failure)) {
        Ok(response) => drive.send(response).await,
        Err(outcome) => outcome,
    }
}

/// Writes a response that no chain made.
pub(crate) async fn answer<D: Downstream>(
    front: &Front,
    downstream: &mut D,
    deadline: &mut Deadline,
    exchange: &Arc<Exchange>,
    response: Response,
) -> Outcome {
    Drive { exchange, downstream, clock: Clock::new(deadline, &front.timeouts, exchange) }.send(response).await
}

struct Drive<'a, D> {
    exchange: &'a Exchange,
    downstream: &'a mut D,
    clock: Clock<'a>,
}

/// Why a response was not written, and whether the client has seen some of it.
struct Cut {
    failure: Failure,
    committed: bool,
}

impl<D: Downstream> Drive<'_, D> {
    /// Waits for the chain, passes 1xx heads on, and watches the client.
    async fn response(&mut self, chain: impl Future<Output = Result<Response, Failure>>) -> Result<Response, Failure> {
        let exchange = self.exchange;
        let mut chain = pin!(exchange.run(chain));
        let mut reset = pin!(exchange.until_reset());
        let mut informational = pin!(exchange.next_informational());
        poll_fn(|context| {
            let response = chain.as_mut().poll(context);
            while let Poll::Ready(head) = informational.as_mut().poll(context) {
                self.downstream.send_informational(&head);
                informational.set(exchange.next_informational());
            }
            if response.is_ready() {
                return response;
            }
            if let Poll::Ready(reason) = reset.as_mut().poll(context) {
                return Poll::Ready(Err(Failure::Reset(reason)));
            }
            if self.downstream.queued() > 0
                && let Poll::Ready(Err(_)) = self.downstream.poll_flush(context)
            {
                return Poll::Ready(Err(Failure::ClientGone));
            }
            self.poll_cut(context).map(Err)
        })
        .await
    }

    /// Turns a failure into the response that is written instead, or ends the stream.
    fn local(&mut self, failure: Failure) -> Result<Response, Outcome> {
        match failure {
            Failure::Reset(_) | Failure::ClientGone => Err(self.cut_off(&failure)),
            failure => Ok(failure.into_response(self.exchange)),
        }
    }

    fn cut_off(&mut self, failure: &Failure) -> Outcome {
        // A reply that came too late has told its reason when it was made.
        if !matches!(failure, Failure::Reply(_)) {
            let face = failure.face();
            self.exchange.record(|record| {
                record.flag(face.flag);
                record.details = Some(face.details);
            });
        }
        self.downstream.reset();
        Outcome::Broken
    }

    /// Writes a response; a failure of its body before anything was written is answered instead.
    async fn send(&mut self, response: Response) -> Outcome {
        let cut = match self.write(response).await {
            Ok(()) => return Outcome::Complete,
            Err(cut) if cut.committed => return self.cut_off(&cut.failure),
            Err(cut) => cut,
        };
        match self.local(cut.failure) {
            Err(outcome) => outcome,
            Ok(reply) => match self.write(reply).await {
                Ok(()) => Outcome::Complete,
                Err(cut) => self.cut_off(&cut.failure),
            },
        }
    }

    async fn write(&mut self, response: Response) -> Result<(), Cut> {
        if response.head.status.is_informational() {
            let failure = Failure::UpstreamMalformed("a 1xx head stands where the response should".to_owned());
            return Err(Cut { failure, committed: false });
        }
        let exchange = self.exchange;
        let mut reset = pin!(exchange.until_reset());
        let mut writing = Writing::new(response);
        let main = poll_fn(|context| {
            if let Poll::Ready(written) = writing.poll(self.downstream, exchange, context) {
                return Poll::Ready(written);
            }
            if let Poll::Ready(reason) = reset.as_mut().poll(context) {
                return Poll::Ready(Err(Failure::Reset(reason)));
            }
            self.poll_cut(context).map(Err)
        });
        let written = exchange.run(main).await;
        written.map_err(|failure| Cut { failure, committed: writing.head.is_none() })
    }

    /// Ready when the client left or a timeout passed.
    fn poll_cut(&mut self, context: &mut Context<'_>) -> Poll<Failure> {
        if self.downstream.poll_gone(context).is_ready() {
            return Poll::Ready(Failure::ClientGone);
        }
        self.clock.poll(self.downstream.moved(), self.downstream.queued() > 0, context)
    }
}

/// A response on its way out.
struct Writing {
    head: Option<response::Parts>,
    body: Option<Body>,
}

impl Writing {
    fn new(response: Response) -> Self {
        Self { head: Some(response.head), body: Some(response.body) }
    }

    /// Gathers what the body has ready, writes it, and asks for more.
    fn poll<D: Downstream>(
        &mut self,
        downstream: &mut D,
        exchange: &Exchange,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>> {
        loop {
            let gathered = self.poll_gather(downstream, exchange, context)?;
            if std::task::ready!(downstream.poll_flush(context)).is_err() {
                return Poll::Ready(Err(Failure::ClientGone));
            }
            if self.body.is_none() {
                return Poll::Ready(Ok(()));
            }
            std::task::ready!(gathered);
        }
    }

    /// Queues the head and what the body has ready. The first piece is asked for before the head is queued: both then
    /// leave in one write, and a body that fails at once can still be answered for.
    fn poll_gather<D: Downstream>(
        &mut self,
        downstream: &mut D,
        exchange: &Exchange,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Failure>> {
        while let Some(body) = &mut self.body {
            if downstream.queued() >= GATHERED {
                break;
            }
            let length = body.length();
            let ended = body.is_end_stream();
            let frame = if ended { Poll::Ready(None) } else { Pin::new(&mut *body).poll_frame(context) };
            let frame = match frame {
                Poll::Ready(Some(Err(failure))) => return Poll::Ready(Err(failure)),
                Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(frame)),
                Poll::Ready(None) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            };
            if let Some(mut head) = self.head.take() {
                let body_follows = downstream.send_head(&mut head, length);
                exchange.park(|parked| parked.response = Some(head));
                if !body_follows {
                    self.body = None;
                    break;
                }
            }
            match std::task::ready!(frame) {
                None => {
                    downstream.send_end()?;
                    self.body = None;
                }
                Some(frame) => match frame.into_data() {
                    Ok(data) => downstream.send_data(data)?,
                    Err(frame) => exchange.park(|parked| parked.response_trailers = frame.into_trailers().ok()),
                },
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// The timeouts of one exchange. The time is read only when the exchange has to wait, and once for each time that
/// something moved.
struct Clock<'a> {
    deadline: &'a mut Deadline,
    timeouts: &'a Timeouts,
    overall: Option<Instant>,
    idle: Option<Instant>,
    write: Option<Instant>,
    seen: Option<(Moved, bool)>,
}

impl<'a> Clock<'a> {
    fn new(deadline: &'a mut Deadline, timeouts: &'a Timeouts, exchange: &Exchange) -> Self {
        let overall = after(Instant::from_std(exchange.started()), timeouts.request);
        Self { deadline, timeouts, overall, idle: None, write: None, seen: None }
    }

    /// Ready when a timeout passed; `writing`: there is something that the client should take.
    fn poll(&mut self, moved: Moved, writing: bool, context: &mut Context<'_>) -> Poll<Failure> {
        if self.seen != Some((moved, writing)) {
            self.moved(moved, writing);
        }
        self.deadline.poll(context).map(|()| {
            let over = self.overall.is_some_and(|overall| overall <= Instant::now());
            if over { Failure::RequestTimeout } else { Failure::StreamIdle }
        })
    }

    fn moved(&mut self, moved: Moved, writing: bool) {
        let now = Instant::now();
        let before = self.seen.replace((moved, writing));
        self.idle = after(now, self.timeouts.stream_idle);
        if before.is_none_or(|(before, was_writing)| before.written != moved.written || writing != was_writing) {
            self.write = if writing { after(now, self.timeouts.write) } else { None };
        }
        self.deadline.set_at([self.idle, self.write, self.overall].into_iter().flatten().min());
    }
}
