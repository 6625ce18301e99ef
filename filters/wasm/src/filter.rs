//! The `wasm` filter: runs a function as a Proxy-Wasm HTTP filter.

use std::sync::Arc;

use async_trait::async_trait;
use chain::{Body, Exchange, Failure, Filter, Next, Request, Response};
use http::header::{CONTENT_LENGTH, HeaderValue, TRANSFER_ENCODING};
use http::{request, response};

use crate::abi::{HeadersAction, Side};
use crate::body::GuestBody;
use crate::layotto::{self, Outcome};
use crate::pool::Pool;
use crate::signal::Event;
use crate::stream_handle::{Seen, StreamHandle};

/// What a filter is to do with an exchange.
pub enum Choice {
    /// Run this version of a function.
    Run(Arc<Pool>),
    /// Pass the exchange on.
    PassOn,
    /// Answer with a failure.
    Refuse(Failure),
}

/// Chooses the function that runs an exchange.
pub trait Choose: Send + Sync + 'static {
    /// The version that runs the exchange: it stays with it to its end.
    fn choose(&self, exchange: &Exchange) -> Choice;
}

/// The `wasm` filter.
pub struct WasmFilter(Box<dyn Choose>);

impl WasmFilter {
    /// A filter that runs what is chosen for each exchange.
    pub fn new(choose: impl Choose) -> Self {
        Self(Box::new(choose))
    }
}

#[async_trait]
impl Filter for WasmFilter {
    async fn handle(&self, request: Request, next: Next) -> Result<Response, Failure> {
        match self.0.choose(&request.exchange) {
            Choice::Run(pool) => run(&pool, request, next).await,
            Choice::PassOn => next.run(request).await,
            Choice::Refuse(failure) => Ok(request.refuse(failure)),
        }
    }
}

/// Runs a version for one exchange, in front of `next`.
pub async fn run(pool: &Arc<Pool>, request: Request, next: Next) -> Result<Response, Failure> {
    let begun = std::time::Instant::now();
    let (cell, guard) = match pool.enter().await {
        Ok(entered) => entered,
        Err(_) if pool.is_fail_open() => return next.run(request).await,
        Err(failure) => return Ok(request.refuse(failure)),
    };
    let Request { head, body, exchange } = request;
    let stream = StreamHandle::open(pool, cell, &exchange, begun.elapsed());
    let seen = stream.open_request(guard, head, body.is_end()).await;
    let request = match stream.run_request(seen, body).await {
        Ok(Outcome::Goes(request)) => *request,
        Ok(Outcome::Answered(response)) => return Ok(*response),
        Err(failure) => return stream.answer(failure).await,
    };
    let response = next.run(request).await?;
    stream.run_response(response).await
}

impl StreamHandle {
    /// On the request side a failure becomes the response here: this filter has seen the request, so it and those in
    /// front of it see the response. A vm that is dead sees nothing more.
    async fn answer(self: &Arc<Self>, failure: Failure) -> Result<Response, Failure> {
        match failure {
            Failure::Reset(_) | Failure::ClientGone => Err(failure),
            Failure::GuestTrapped { .. } | Failure::NotReady(_) => Ok(failure.into_response(&self.exchange)),
            failure => self.run_response(failure.into_response(&self.exchange)).await,
        }
    }

    /// Applies what the request headers callback said, waiting if it holds the head.
    async fn run_request(self: &Arc<Self>, seen: Seen<request::Parts>, body: Body) -> Result<Outcome, Failure> {
        let exchange = Arc::clone(&self.exchange);
        if let Seen::Bypass(head) = seen {
            return Ok(Outcome::Goes(Box::new(Request { head, body, exchange })));
        }
        let mut body = GuestBody::new(Arc::clone(self), Side::Request, body);
        let head = match seen {
            Seen::Passed(head) | Seen::Bypass(head) => head,
            Seen::Failed(failure) => return Err(failure),
            Seen::Held(action) => {
                self.hold(Side::Request, action, &mut body).await?;
                self.take_request_head().await.ok_or_else(|| self.death())?
            }
        };
        if self.pool.facts().layotto {
            return layotto::run(self, head, body).await;
        }
        let promised = head.headers.contains_key(CONTENT_LENGTH);
        Ok(Outcome::Goes(Box::new(Request { head, body: body.into_body(promised), exchange })))
    }

    /// Runs the response side: headers, then a body that runs the body callbacks.
    async fn run_response(self: &Arc<Self>, response: Response) -> Result<Response, Failure> {
        let Response { mut head, body } = response;
        let end = body.is_end();
        announce_length(&mut head, &body);
        let seen = self.open_response(head, end).await;
        if let Seen::Bypass(head) = seen {
            return Ok(Response { head, body });
        }
        let mut body = GuestBody::new(Arc::clone(self), Side::Response, body);
        let head = match seen {
            Seen::Passed(head) | Seen::Bypass(head) => Ok(head),
            Seen::Failed(failure) => Err(failure),
            Seen::Held(action) => match self.hold(Side::Response, action, &mut body).await {
                Ok(()) => self.take_response_head().await.ok_or_else(|| self.death()),
                Err(failure) => Err(failure),
            },
        };
        let head = head.map_err(|failure| self.as_ready_reply(failure))?;
        let promised = head.headers.contains_key(CONTENT_LENGTH);
        Ok(Response { head, body: body.into_body(promised) })
    }

    /// Waits for the guest's word on a head that it holds, taking in the body up to the limit meanwhile.
    async fn hold(&self, side: Side, action: HeadersAction, body: &mut GuestBody) -> Result<(), Failure> {
        loop {
            let event = tokio::select! {
                biased;
                event = self.signal.wait(side), if !self.ends_when_idle(side) => event,
                event = self.signal.wait_unless_idle(side), if self.ends_when_idle(side) => event,
                taken = body.take_in(action) => { taken?; continue }
            };
            return match event {
                Event::Resume => Ok(()),
                event if self.outlives(&event) => Ok(()),
                event => Err(self.failure_of(event)),
            };
        }
    }
}

/// Guests expect a length where one is known: a body that another stage made says it by itself only.
fn announce_length(head: &mut response::Parts, body: &Body) {
    let known = body.length().filter(|length| *length > 0);
    if let Some(length) = known
        && !head.headers.contains_key(CONTENT_LENGTH)
        && !head.headers.contains_key(TRANSFER_ENCODING)
    {
        head.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
}
