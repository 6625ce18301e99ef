//! One HTTP/1 connection: heads in, exchanges one after another, and the close.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chain::{Connection, Exchange, Failure, Record, Request};
use http::{HeaderValue, request};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::head::{self, Head, Scanner};
use super::session::Session;
use super::wire::{Reader, Shared, Wire};
use crate::exchange::deadline::Deadline;
use crate::exchange::drive::{self, Outcome};
use crate::exchange::ending::{Ending, Received};
use crate::exchange::fields::{self, Origin};
use crate::exchange::{Front, InFlight, Limits, Transport};

/// How long, and for how many bytes, a client is listened to that still sends when it has its answer. Closing earlier
/// could destroy the answer on its way (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 256 * 1024;

/// Serves a connection to its end.
pub(crate) async fn serve<T: Transport>(
    front: Arc<Front>,
    connection: Arc<Connection>,
    transport: T,
    stopping: watch::Receiver<bool>,
    in_flight: InFlight,
) {
    let wire = Arc::new(Mutex::new(Wire::new(transport)));
    let origin = Origin::new(connection.peer.ip(), front.trusted_hops);
    let session = Session::new(Arc::clone(&wire), stopping.clone());
    let mut serving =
        Serving { front, connection, origin, wire, session, deadline: Deadline::new(), stopping, in_flight, served: 0 };
    while let Some(incoming) = serving.next_head().await {
        match serving.exchange(incoming).await {
            Next::Request => {}
            Next::Linger => return serving.linger().await,
            Next::Close => return,
        }
    }
}

struct Serving<T> {
    front: Arc<Front>,
    connection: Arc<Connection>,
    origin: Origin,
    wire: Shared<T>,
    session: Session<T>,
    deadline: Deadline,
    stopping: watch::Receiver<bool>,
    in_flight: InFlight,
    served: u64,
}

/// What follows an exchange.
enum Next {
    Request,
    Linger,
    Close,
}

type Incoming = Result<Bytes, Failure>;

impl<T: Transport> Serving<T> {
    /// The next header section; `None` when the connection is to be closed without an answer.
    async fn next_head(&mut self) -> Option<Incoming> {
        if self.wire.lock().input.is_empty() && !self.first_byte().await {
            return None;
        }
        let mut scanner = Scanner::default();
        let mut waited = false;
        loop {
            let limit = self.front.limits.header_bytes;
            {
                let mut wire = self.wire.lock();
                match scanner.end(&mut wire.input, limit) {
                    Ok(Some(end)) => return Some(Ok(wire.input.split_to(end).freeze())),
                    Ok(None) => {}
                    Err(failure) => return Some(Err(failure)),
                }
            }
            if !std::mem::replace(&mut waited, true) {
                self.deadline.set(self.front.timeouts.header);
            }
            if !self.more().await {
                let empty = self.wire.lock().input.is_empty();
                return (!empty).then_some(Err(Failure::HeaderTimeout));
            }
            if self.wire.lock().ended.is_some() {
                return None;
            }
        }
    }

    /// Waits between requests. `false`: the client left, was idle for too long, or the listener stops.
    async fn first_byte(&mut self) -> bool {
        let Self { wire, deadline, stopping, front, .. } = self;
        let mut stopping = pin!(stopping.wait_for(|stop| *stop));
        let mut waits = false;
        wire.lock().input = BytesMut::new();
        poll_fn(|context| {
            {
                let mut wire = wire.lock();
                if wire.poll_first(context).is_ready() {
                    return Poll::Ready(wire.ended.is_none());
                }
            }
            if stopping.as_mut().poll(context).is_ready() {
                return Poll::Ready(false);
            }
            if !std::mem::replace(&mut waits, true) {
                deadline.set(front.timeouts.idle);
            }
            deadline.poll(context).map(|()| false)
        })
        .await
    }

    /// Reads on. `false`: the deadline passed.
    async fn more(&mut self) -> bool {
        let Self { wire, deadline, .. } = self;
        poll_fn(|context| match wire.lock().poll_fill(Reader::Watch, context) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending => deadline.poll(context).map(|()| false),
        })
        .await
    }

    async fn exchange(&mut self, incoming: Incoming) -> Next {
        self.served += 1;
        let parsed = incoming.and_then(|section| {
            let head = head::parse(&section, &self.front.limits)?;
            Ok((section, head))
        });
        let outcome = match parsed {
            Ok((section, head)) => self.serve(section, head).await,
            Err(failure) => self.refuse(failure).await,
        };
        self.wire.lock().end_exchange();
        match outcome {
            Outcome::Broken => Next::Close,
            Outcome::Complete if !self.session.keeps_alive() => Next::Linger,
            Outcome::Complete => self.rest_of_body().await,
        }
    }

    async fn serve(&mut self, section: Bytes, mut head: Head) -> Outcome {
        let last = self.served >= self.front.limits.requests_per_connection;
        let body = self.session.begin(&head, last);
        self.origin.stamp(&mut head.parts.headers);
        let request_id = fields::request_id(&mut head.parts.headers);
        let exchange = Exchange::new(Arc::clone(&self.connection), self.front.route.clone(), &head.parts);
        let request = Request { head: head.parts, body, exchange: Arc::clone(&exchange) };
        let sent = Sent { section, request_id, origin: self.origin.clone(), limits: self.front.limits };
        let ending = self.begin(exchange, Some(sent));
        drive::run(&self.front, &mut self.session, &mut self.deadline, ending.exchange(), request).await
    }

    /// Answers what is not a request that can be served.
    async fn refuse(&mut self, failure: Failure) -> Outcome {
        self.session.begin_refused();
        let (nothing, ()) = http::Request::new(()).into_parts();
        let exchange = Exchange::new(Arc::clone(&self.connection), None, &nothing);
        let ending = self.begin(exchange, None);
        let response = failure.into_response(ending.exchange());
        drive::answer(&self.front, &mut self.session, &mut self.deadline, ending.exchange(), response).await
    }

    fn begin(&self, exchange: Arc<Exchange>, sent: Option<Sent>) -> Ending<Ended<T>> {
        let received = Ended { wire: Arc::clone(&self.wire), sent };
        Ending::begin(exchange, Arc::clone(&self.front), received, self.in_flight.enter())
    }

    /// The response is out and the connection may be used again, once the request body is whole.
    async fn rest_of_body(&mut self) -> Next {
        if self.wire.lock().decoder.is_done() {
            return Next::Request;
        }
        self.deadline.set(LINGER);
        let allowed = self.wire.lock().read + LINGER_BYTES;
        loop {
            {
                let mut wire = self.wire.lock();
                if wire.skip_body() {
                    return Next::Request;
                }
                if wire.ended.is_some() || wire.read > allowed {
                    return Next::Linger;
                }
            }
            if !self.more().await {
                return Next::Linger;
            }
        }
    }

    /// Closes the own direction and reads on for a moment, so that the client gets all of its answer.
    async fn linger(&mut self) {
        self.deadline.set(LINGER);
        if !self.shut_down().await {
            return;
        }
        let allowed = self.wire.lock().read + LINGER_BYTES;
        loop {
            {
                let mut wire = self.wire.lock();
                wire.input.clear();
                if wire.ended.is_some() || wire.read > allowed {
                    return;
                }
            }
            if !self.more().await {
                return;
            }
        }
    }

    async fn shut_down(&mut self) -> bool {
        let Self { wire, deadline, .. } = self;
        poll_fn(|context| match Pin::new(&mut wire.lock().transport).poll_shutdown(context) {
            Poll::Ready(shut) => Poll::Ready(shut.is_ok()),
            Poll::Pending => deadline.poll(context).map(|()| false),
        })
        .await
    }
}

/// What the end of an exchange takes from its connection.
struct Ended<T> {
    wire: Shared<T>,
    sent: Option<Sent>,
}

/// A request head in the form that it came in; parsed again when the chain dropped what it was given.
struct Sent {
    section: Bytes,
    request_id: HeaderValue,
    origin: Origin,
    limits: Limits,
}

impl<T: Transport> Received for Ended<T> {
    fn head(&self) -> Option<request::Parts> {
        let sent = self.sent.as_ref()?;
        let mut parts = head::parse(&sent.section, &sent.limits).ok()?.parts;
        sent.origin.stamp(&mut parts.headers);
        parts.headers.insert(&fields::X_REQUEST_ID, sent.request_id.clone());
        Some(parts)
    }

    fn count(&self, record: &mut Record) {
        let wire = self.wire.lock();
        record.bytes_received = wire.received;
        record.bytes_sent = wire.sent;
    }
}
