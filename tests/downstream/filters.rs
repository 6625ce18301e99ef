//! Filters that do one thing each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use chain::{Body, Failure, Filter, Frame, Next, Request, Response, Source, async_trait};
use http::StatusCode;
use http_body::Body as _;
use tokio::sync::Notify;

/// Waits for another task, so that the filter's own is suspended for certain.
pub(crate) async fn elsewhere() {
    tokio::spawn(std::future::ready(())).await.unwrap();
}

/// Answers with a function's response.
pub(crate) struct Answers<F>(pub F);

#[async_trait]
impl<F: Fn(Request) -> Response + Send + Sync + 'static> Filter for Answers<F> {
    async fn handle(&self, request: Request, _: Next) -> Result<Response, Failure> {
        Ok((self.0)(request))
    }
}

/// Answers with a text.
pub(crate) fn says(text: &'static str) -> Arc<dyn Filter> {
    Arc::new(Answers(move |_| Response::new(StatusCode::OK, Body::full(text))))
}

/// Fails with what a function gives.
pub(crate) struct Fails<F>(pub F);

#[async_trait]
impl<F: Fn() -> Failure + Send + Sync + 'static> Filter for Fails<F> {
    async fn handle(&self, _: Request, _: Next) -> Result<Response, Failure> {
        Err((self.0)())
    }
}

/// Answers with the request's body, as it streams.
pub(crate) fn echoes() -> Arc<dyn Filter> {
    Arc::new(Answers(|request: Request| Response::new(StatusCode::OK, request.body)))
}

/// Reads the whole request body, then answers with it.
pub(crate) struct Repeats;

#[async_trait]
impl Filter for Repeats {
    async fn handle(&self, request: Request, _: Next) -> Result<Response, Failure> {
        match request.body.collect(usize::MAX, || Failure::RequestTooLarge(0)).await {
            Ok(body) => Ok(Response::new(StatusCode::OK, Body::full(body))),
            Err(failure) => Ok(failure.into_response(&request.exchange)),
        }
    }
}

/// Answers with the request line and the fields that the chain got, one a line.
pub(crate) fn describes() -> Arc<dyn Filter> {
    Arc::new(Answers(|request: Request| {
        let head = &request.head;
        let mut text = format!("{} {} {:?}\n", head.method, head.uri, head.version);
        for (name, value) in &head.headers {
            text.push_str(&format!("{name}: {}\n", value.to_str().unwrap()));
        }
        Response::new(StatusCode::OK, Body::full(text))
    }))
}

/// Awaits in all four callbacks: request headers, every piece of the request body, response headers until the body is
/// seen (then the status is 201 and the body ends with `!`), and every piece of the response body.
pub(crate) struct Pauses;

#[async_trait]
impl Filter for Pauses {
    async fn handle(&self, mut request: Request, next: Next) -> Result<Response, Failure> {
        elsewhere().await;
        request.body = Body::source(Paused(request.body));
        let response = next.run(request).await?;
        elsewhere().await;
        let mut body = response.body.collect(usize::MAX, || Failure::ResponseTooLarge(0)).await?.to_vec();
        body.push(b'!');
        elsewhere().await;
        let mut held = Response::new(StatusCode::CREATED, Body::source(Paused(Body::full(body))));
        held.head.headers = response.head.headers;
        held.head.headers.remove("content-length");
        Ok(held)
    }
}

/// A body with a wait before every frame.
pub(crate) struct Paused(pub Body);

impl Source for Paused {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Failure>> {
        elsewhere().await;
        self.0.frame().await
    }

    fn is_end(&self) -> bool {
        self.0.is_end_stream()
    }

    fn length(&self) -> Option<u64> {
        self.0.length()
    }
}

/// Yields pieces, then what comes last: an end, a failure, or nothing ever.
pub(crate) struct Pieces {
    pub(crate) pieces: Vec<Bytes>,
    pub(crate) last: Last,
}

pub(crate) enum Last {
    End,
    Fails(fn() -> Failure),
    Never,
}

impl Pieces {
    pub(crate) fn body(pieces: &[&'static str], last: Last) -> Body {
        Body::source(Self {
            pieces: pieces.iter().rev().map(|piece| Bytes::from_static(piece.as_bytes())).collect(),
            last,
        })
    }
}

impl Source for Pieces {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Failure>> {
        elsewhere().await;
        if let Some(piece) = self.pieces.pop() {
            return Some(Ok(Frame::data(piece)));
        }
        match self.last {
            Last::End => None,
            Last::Fails(failure) => Some(Err(failure())),
            Last::Never => std::future::pending().await,
        }
    }
}

/// Counts exchanges that ended, then hands the request on.
pub(crate) struct Counts(pub Arc<AtomicUsize>);

#[async_trait]
impl Filter for Counts {
    async fn handle(&self, request: Request, next: Next) -> Result<Response, Failure> {
        count_end(&request, &self.0);
        next.run(request).await
    }
}

/// Counts the end of a request's exchange.
pub(crate) fn count_end(request: &Request, ended: &Arc<AtomicUsize>) {
    let ended = Arc::clone(ended);
    request.exchange.on_finish(move |_| {
        Box::pin(async move {
            elsewhere().await;
            ended.fetch_add(1, Ordering::SeqCst);
        })
    });
}

/// Tells that it was entered, then waits for ever; it never reads the request body.
#[derive(Default)]
pub(crate) struct Stalls {
    pub(crate) entered: Notify,
}

#[async_trait]
impl Filter for Stalls {
    async fn handle(&self, request: Request, _: Next) -> Result<Response, Failure> {
        let _held = request;
        self.entered.notify_one();
        std::future::pending().await
    }
}
