//! HTTP/1.1 for small servers: a connection, its requests one after the other, bodies of a bounded size.
//!
//! pingora's own small server reads a request with no deadline for the whole of it and answers errors without a reason;
//! this one reads and writes with pingora's session and adds the bounds.

use std::future::Future;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderValue};
use http::{StatusCode, request};
use pingora::http::ResponseHeader;
use pingora::protocols::http::ServerSession;
use pingora::protocols::l4::stream::Stream;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use super::error::AdminError;
use super::response::AdminResponse;

/// The largest request body: a module of the largest default size.
const MAX_BODY: usize = 16 << 20;
/// A body of more bytes than this waits until no other large one is read or worked on. Changes run one at a time anyway,
/// and it bounds the memory of all bodies.
const SMALL_BODY: usize = 64 << 10;
const LARGE_BODIES: usize = 1;
/// How long a large body waits for its place: as long as a change waits for its turn.
const PLACE: Duration = Duration::from_secs(60);

/// Contract §5: how long a request head or a body may take.
pub(super) const READ: Duration = Duration::from_secs(10);
/// How long a connection may wait for its next request.
const IDLE: Duration = Duration::from_secs(60);
/// How long the client may take to read an answer.
const WRITE: Duration = Duration::from_secs(10);
/// How long a body that nobody wants is still read, so that its sender sees the answer and not a reset.
const LINGER: Duration = Duration::from_secs(1);
/// How many bytes of it at most.
const DISCARDED: usize = 2 * MAX_BODY;

/// Answers requests.
pub(super) trait App: Send + Sync + 'static {
    fn answer(&self, head: &request::Parts, body: Body<'_>) -> impl Future<Output = AdminResponse> + Send;
}

/// What the connections of one server share.
pub(super) struct Http1<A> {
    pub(super) app: A,
    large_bodies: Semaphore,
}

/// The body of a request, not yet read.
pub(super) struct Body<'a> {
    session: &'a mut ServerSession,
    large_bodies: &'a Semaphore,
    deadline: Instant,
}

impl<A: App> Http1<A> {
    pub(super) fn new(app: A) -> Self {
        Self { app, large_bodies: Semaphore::new(LARGE_BODIES) }
    }

    /// Serves a connection until either side ends it.
    pub(super) async fn connection(&self, socket: TcpStream) {
        let _ = socket.set_nodelay(true); // fails on a socket that is gone, which shows at the first read
        let mut stream: pingora::protocols::Stream = Box::new(Stream::from(socket));
        let mut patience = READ;
        while let Some(kept) = self.exchange(ServerSession::new_http1(stream), patience).await {
            stream = kept;
            patience = IDLE;
        }
    }

    /// Reads and answers one request; gives the connection back when it can be used again.
    async fn exchange(&self, mut session: ServerSession, patience: Duration) -> Option<pingora::protocols::Stream> {
        let answer = match timeout(patience, session.read_request()).await {
            Ok(Ok(false)) => return None,
            Ok(Ok(true)) => self.answer(&mut session).await,
            Ok(Err(error)) => {
                AdminError::bad_request(format!("the request is malformed: {}", error.etype().as_str())).into_response()
            }
            Err(_) => {
                AdminError::new(StatusCode::REQUEST_TIMEOUT, "the request did not arrive in time").into_response()
            }
        };
        timeout(WRITE, write(&mut session, answer)).await.ok()?.ok()?;
        linger(&mut session).await;
        let kept = timeout(LINGER, session.finish()).await.ok()?.ok()??;
        Some(kept.into_parts().0)
    }

    async fn answer(&self, session: &mut ServerSession) -> AdminResponse {
        let head: request::Parts = session.req_header().clone().into();
        let body = Body { session, large_bodies: &self.large_bodies, deadline: Instant::now() + READ };
        self.app.answer(&head, body).await
    }
}

/// A body that was read, and the place that it takes up while it is used.
pub(super) struct Taken<'a> {
    pub(super) bytes: Bytes,
    _place: Option<SemaphorePermit<'a>>,
}

impl<'a> Body<'a> {
    /// Reads the body, at most [`MAX_BODY`] bytes in at most [`READ`].
    pub(super) async fn read(mut self) -> Result<Taken<'a>, AdminError> {
        let announced = announced(self.session.req_header());
        if announced.is_some_and(|length| length > MAX_BODY) {
            return Err(too_large());
        }
        let mut place = None;
        let mut whole = BytesMut::new();
        if let Some(length) = announced.filter(|length| *length > SMALL_BODY) {
            place = Some(self.place().await?);
            whole.reserve(length);
        }
        self.welcome().await?;
        while let Some(piece) = self.piece().await? {
            let length = whole.len() + piece.len();
            if length > MAX_BODY {
                return Err(too_large());
            }
            if length > SMALL_BODY && place.is_none() {
                place = Some(self.place().await?);
            }
            whole.extend_from_slice(&piece);
        }
        Ok(Taken { bytes: whole.freeze(), _place: place })
    }

    /// Waits for a place for a large body. That is no time that the client lost.
    async fn place(&mut self) -> Result<SemaphorePermit<'a>, AdminError> {
        let began = Instant::now();
        let place = timeout(PLACE, self.large_bodies.acquire()).await;
        let place = place.map_err(|_| {
            AdminError::new(StatusCode::SERVICE_UNAVAILABLE, "another large body is still being worked on; try again")
        })?;
        self.deadline += began.elapsed();
        Ok(place.expect("nobody closes the semaphore"))
    }

    /// Tells a client that waits for it to send the body.
    async fn welcome(&mut self) -> Result<(), AdminError> {
        let expect = self.session.req_header().headers.get(EXPECT);
        if expect.is_none_or(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
            return Ok(());
        }
        timeout_at(self.deadline, self.session.write_continue_response())
            .await
            .map_err(|_| late())?
            .map_err(|_| cut_off())
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, AdminError> {
        timeout_at(self.deadline, self.session.read_request_body()).await.map_err(|_| late())?.map_err(|_| cut_off())
    }
}

fn announced(head: &request::Parts) -> Option<usize> {
    head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large() -> AdminError {
    let reason = format!("the body is larger than {} MiB", MAX_BODY >> 20);
    AdminError::new(StatusCode::PAYLOAD_TOO_LARGE, reason)
}

fn late() -> AdminError {
    let reason = format!("the body was not complete within {} s", READ.as_secs());
    AdminError::new(StatusCode::REQUEST_TIMEOUT, reason)
}

fn cut_off() -> AdminError {
    AdminError::bad_request("the body is malformed or was cut off")
}

async fn write(session: &mut ServerSession, answer: AdminResponse) -> pingora::Result<()> {
    let mut head = ResponseHeader::build(answer.status, Some(4 + answer.headers.len()))?;
    head.insert_header(CONTENT_TYPE, HeaderValue::from_static(answer.content_type))?;
    head.insert_header(CONTENT_LENGTH, answer.body.len())?;
    for (name, value) in answer.headers {
        head.insert_header(name, value)?;
    }
    session.write_response_header(Box::new(head)).await?;
    if !answer.body.is_empty() {
        session.write_response_body(answer.body, true).await?;
    }
    session.finish_body().await
}

/// Reads what is left of the body and throws it away, within bounds.
async fn linger(session: &mut ServerSession) {
    let discarding = async {
        let mut left = DISCARDED;
        while let Ok(Some(piece)) = session.read_request_body().await {
            left = left.saturating_sub(piece.len());
            if left == 0 {
                return;
            }
        }
    };
    let _ = timeout(LINGER, discarding).await; // a sender that goes on is cut off
}
