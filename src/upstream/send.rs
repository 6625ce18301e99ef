//! One request to a cluster: attempts, the wait for a response head, and what may be sent again.

use std::io::ErrorKind;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use chain::{Exchange, Failure, Response};
use futures_util::FutureExt;
use http::{Method, request};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::Cluster;
use super::circuit::Ticket;
use super::download::{Download, Limit, Line, RequestState};
use super::h1::{Connection, Content, Framing, Head, Receiver, Sender, Unanswered};
use super::payload::Payload;
use super::upload::{Unsent, Upload};

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
struct Call<'a> {
    head: &'a request::Parts,
    payload: Payload,
    terms: &'a Terms,
    exchange: Option<&'a Arc<Exchange>>,
    /// End of the response, once the request is complete.
    deadline: Option<Instant>,
}

/// An attempt that brought a response head.
struct Answered {
    head: Head,
    receiver: Receiver,
    outgoing: Outgoing,
    endpoint: usize,
    head_time: Duration,
}

/// The request of an attempt.
enum Outgoing {
    Sent(Sender),
    Running(Upload),
    /// The connection takes no more of it.
    Unwritable,
}

/// A connection to try, and whether it was used before.
struct Found {
    connection: Connection,
    reused: bool,
    endpoint: usize,
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
        body: chain::Body,
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
            if left == 0 || !failure.face().retry {
                return Err(failure);
            }
            left -= 1;
            ticket.cluster().observer.retried();
        }
    }

    async fn attempt(&mut self, ticket: &mut Ticket, first: bool) -> Result<Answered, Failure> {
        let Found { connection, reused, endpoint } = self.connection(ticket, first).await?;
        let Connection { sender, mut receiver } = connection;
        self.payload.look()?;
        if self.deadline.is_none() && self.payload.is_whole() {
            self.start_clock();
        }
        let started = Instant::now();
        let (outgoing, written) = self.start(sender, ticket, endpoint, reused)?;
        let answered = self.response_head(&mut receiver, outgoing).await;
        let (head, outgoing) = answered.map_err(|ended| self.failure(ended, reused, written, ticket.cluster()))?;
        Ok(Answered { head, receiver, outgoing, endpoint, head_time: started.elapsed() })
    }

    /// A pooled connection, else a new one. An attempt after the first takes a new one: where one pooled connection was
    /// stale, others are.
    async fn connection(&mut self, ticket: &mut Ticket, first: bool) -> Result<Found, Failure> {
        let cluster = Arc::clone(ticket.cluster());
        let no_endpoint = || Failure::NoHealthyEndpoint(cluster.name().to_string());
        let endpoint = cluster.turns.next().ok_or_else(no_endpoint)?;
        let address = cluster.settings().endpoints[endpoint].address;
        if let Some(exchange) = self.exchange {
            exchange.record(|record| record.upstream_host = Some(address));
        }
        let alive = if self.head.method.is_idempotent() { Connection::seems_alive } else { Connection::is_alive };
        if let Some(connection) = if first { ticket.reuse(endpoint, alive) } else { None } {
            return Ok(Found { connection, reused: true, endpoint });
        }
        ticket.connecting();
        cluster.keep_swept();
        match Connection::open(address, cluster.settings().timeouts.connect).await {
            Ok(connection) => {
                ticket.connected();
                Ok(Found { connection, reused: false, endpoint })
            }
            Err(error) => {
                cluster.observer.connect_failed();
                Err(Failure::ConnectFailed(format!("`{address}`: {error}")))
            }
        }
    }

    /// Sends the head and what is there of the content, as far as it goes without waiting.
    fn start(
        &mut self,
        mut sender: Sender,
        ticket: &Ticket,
        endpoint: usize,
        reused: bool,
    ) -> Result<(Outgoing, u64), Failure> {
        let framing: Framing = self.payload.framing(&self.head.method);
        sender.start(self.head, framing, ticket.cluster().settings().endpoints[endpoint].address);
        self.payload.put_first(&mut sender, framing)?;
        let flushed = sender.try_flush();
        let written = sender.written();
        let outgoing = match flushed {
            Err(_) if reused && written == 0 => return Err(Failure::StaleConnection),
            Err(_) => Outgoing::Unwritable,
            Ok(true) if self.payload.is_whole() => Outgoing::Sent(sender),
            Ok(_) => {
                let exchange = self.exchange.map_or_else(Weak::new, Arc::downgrade);
                Outgoing::Running(self.payload.upload(sender, framing, exchange))
            }
        };
        Ok((outgoing, written))
    }

    /// Waits for the head while the rest of the request flows. The clocks run from the end of the request.
    async fn response_head(&mut self, receiver: &mut Receiver, outgoing: Outgoing) -> Result<(Head, Outgoing), Ended> {
        let exchange = self.exchange;
        let informational = |head| {
            if let Some(exchange) = exchange {
                exchange.informational(head);
            }
        };
        let mut reading = pin!(receiver.head(&self.head.method, informational));
        let outgoing = match outgoing {
            Outgoing::Running(mut upload) => {
                let sent = tokio::select! {
                    biased;
                    head = &mut reading => return Ok((head?, Outgoing::Running(upload))),
                    sent = upload.run() => sent,
                };
                self.start_clock();
                Outgoing::after(sent, upload)?
            }
            gone => gone,
        };
        let this_try = self.terms.per_try_timeout.map(|timeout| Instant::now() + timeout);
        let head = match self.deadline.into_iter().chain(this_try).min() {
            Some(deadline) => timeout_at(deadline, reading).await.map_err(|_| Ended::TimedOut)?,
            None => reading.await,
        };
        Ok((head?, outgoing))
    }

    fn start_clock(&mut self) {
        self.deadline = self.terms.timeout.map(|timeout| Instant::now() + timeout);
    }

    fn failure(&self, ended: Ended, reused: bool, written: u64, cluster: &Cluster) -> Failure {
        let again = self.payload.is_intact() && (written == 0 || self.head.method.is_idempotent());
        match ended {
            Ended::Body(failure) => failure,
            Ended::TimedOut => {
                cluster.observer.timed_out();
                Failure::UpstreamTimeout
            }
            Ended::Unanswered(Unanswered::Malformed(malformed)) => Failure::UpstreamMalformed(malformed.to_string()),
            Ended::Unanswered(Unanswered::Closed { silent: true, .. }) if reused && again => Failure::StaleConnection,
            Ended::Unanswered(Unanswered::Closed { why, .. }) => Failure::UpstreamReset(why),
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

/// Why the wait for a response head is over without one.
enum Ended {
    Unanswered(Unanswered),
    TimedOut,
    /// The request's body failed.
    Body(Failure),
}

impl From<Unanswered> for Ended {
    fn from(unanswered: Unanswered) -> Self {
        Self::Unanswered(unanswered)
    }
}

impl Outgoing {
    /// What an upload leaves that ended before the response began. A connection that takes no more may still hold a
    /// response; one that took nothing for too long is not waited for again.
    fn after(sent: Result<(), Unsent>, upload: Upload) -> Result<Self, Ended> {
        match sent {
            Ok(()) => Ok(Self::Sent(upload.into_sender())),
            Err(Unsent::Failed(failure)) => Err(Ended::Body(failure)),
            Err(Unsent::Unwritable(error)) if error.kind() == ErrorKind::TimedOut => Err(Ended::TimedOut),
            Err(Unsent::Unwritable(_)) => Ok(Self::Unwritable),
        }
    }
}
