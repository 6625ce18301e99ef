//! One request to a cluster: attempts until one is answered, and the response that comes of it.

use std::sync::Arc;
use std::time::Duration;

use chain::{Body, Exchange, Failure, Response};
use futures_util::FutureExt;
use http::{Method, request};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Cluster;
use super::attempt::{Answered, Outgoing};
use super::circuit::Ticket;
use super::download::{Download, Limit, Line, RequestState};
use super::h1::Content;
use super::payload::Payload;
use super::upload::Upload;

/// How long a request without a time limit of its own waits for a connection that may be used.
const PENDING: Duration = Duration::from_secs(60);

/// What a request may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// From the moment at which the whole request was sent to the end of the response.
    pub(super) timeout: Option<Duration>,
    /// From the moment at which the whole request was sent to the response head, for each attempt.
    pub(super) per_try_timeout: Option<Duration>,
    /// Attempts after the first, for what was never sent.
    pub(super) retries: u32,
}

/// A response, and how long its head took from the first byte sent.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) response: Response,
    pub(super) head_time: Duration,
}

/// One request on its way.
pub(super) struct Call<'a> {
    pub(super) head: &'a request::Parts,
    pub(super) payload: Payload,
    pub(super) terms: &'a Terms,
    pub(super) exchange: Option<&'a Arc<Exchange>>,
    /// When the response must be over; known once a whole request was sent.
    pub(super) deadline: Option<Instant>,
}

impl Cluster {
    /// Sends a request and returns its response. With an exchange, interim heads go to it, the endpoint is noted in its
    /// record, and an upload that outlasts the response head is driven by it.
    ///
    /// # Errors
    ///
    /// Why no response head came; from then on the response's body fails.
    pub(super) async fn send(
        self: &Arc<Self>,
        head: &request::Parts,
        body: Body,
        terms: &Terms,
        exchange: Option<&Arc<Exchange>>,
    ) -> Result<Answer, Failure> {
        if head.method == Method::CONNECT {
            return Err(Failure::BadRequest("the method CONNECT cannot be sent to a cluster".into()));
        }
        let mut ticket = Ticket::admit(self, terms.timeout.unwrap_or(PENDING)).await?;
        let mut call = Call { head, payload: Payload::new(body), terms, exchange, deadline: None };
        let answered = call.attempts(&mut ticket).await;
        ticket.status = Some(match &answered {
            Ok(answered) => answered.head.parts.status,
            Err(failure) => failure.face().status,
        });
        call.answer(answered?, ticket)
    }
}

impl Call<'_> {
    async fn attempts(&mut self, ticket: &mut Ticket) -> Result<Answered, Failure> {
        let mut left = self.terms.retries;
        loop {
            let first = left == self.terms.retries;
            let failure = match self.attempt(ticket, first).await {
                Ok(answered) => return Ok(answered),
                Err(failure) => failure,
            };
            ticket.disconnected();
            if left == 0 || !failure.face().retry || !self.payload.is_intact() {
                return Err(failure);
            }
            left -= 1;
            ticket.cluster().observer.retried();
        }
    }

    /// The response of an attempt: its body holds connection and ticket until it is over.
    fn answer(self, answered: Answered, ticket: Ticket) -> Result<Answer, Failure> {
        let Answered { head, receiver, outgoing, endpoint, head_time } = answered;
        let request = match outgoing {
            Outgoing::Sent(sender) => RequestState::Sent(sender),
            Outgoing::Unwritable => RequestState::Unsent,
            Outgoing::Running(upload) => self.go_on(upload),
        };
        let limit = Limit::new(self.terms.timeout, self.deadline);
        let line = Line { receiver, request, keep_alive: head.keep_alive, endpoint, ticket };
        let body = Download::open(Content::new(head.length), line, limit)?;
        Ok(Answer { response: Response { head: head.parts, body }, head_time })
    }

    /// The response is there and the request is not all gone.
    fn go_on(&self, upload: Upload) -> RequestState {
        let (over, uploaded) = oneshot::channel();
        match self.exchange {
            Some(exchange) => {
                exchange.drive(upload.run_beside(over));
                RequestState::Running(uploaded)
            }
            None => RequestState::RunningHere(upload.run_beside(over).boxed(), uploaded),
        }
    }
}
