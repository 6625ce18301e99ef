//! One attempt of a request: a connection, the request on it, and the wait for a response head.

use std::io::ErrorKind;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use chain::Failure;
use tokio::time::{Instant, timeout_at};

use super::Cluster;
use super::circuit::Ticket;
use super::h1::{Connection, Head, Receiver, Sender, Unanswered};
use super::send::Call;
use super::upload::{Unsent, Upload};

/// An attempt that brought a response head.
pub(super) struct Answered {
    pub(super) head: Head,
    pub(super) receiver: Receiver,
    pub(super) outgoing: Outgoing,
    pub(super) endpoint: usize,
    pub(super) head_time: Duration,
}

/// The request of an attempt.
pub(super) enum Outgoing {
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

/// Why the wait for a response head is over without one.
enum Ended {
    Unanswered(Unanswered),
    TimedOut,
    /// The request's body failed.
    Body(Failure),
}

impl Call<'_> {
    /// Sends the request on a connection of its own choice and waits for a response head.
    pub(super) async fn attempt(&mut self, ticket: &mut Ticket, first: bool) -> Result<Answered, Failure> {
        let Found { connection, reused, endpoint } = self.connection(ticket, first).await?;
        let Connection { sender, mut receiver } = connection;
        self.payload.look()?;
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
                Err(Failure::ConnectFailed(error.to_string()))
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
        let framing = self.payload.framing(&self.head.method);
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
                Outgoing::after(sent, upload)?
            }
            gone => gone,
        };
        self.start_clock();
        let this_try = self.terms.per_try_timeout.map(|timeout| Instant::now() + timeout);
        let head = match self.deadline.into_iter().chain(this_try).min() {
            Some(deadline) => timeout_at(deadline, reading).await.map_err(|_| Ended::TimedOut)?,
            None => reading.await,
        };
        Ok((head?, outgoing))
    }

    /// Once, so that all attempts together have the time of one.
    fn start_clock(&mut self) {
        if self.deadline.is_none() {
            self.deadline = self.terms.timeout.map(|timeout| Instant::now() + timeout);
        }
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
