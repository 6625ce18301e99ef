//! Bodies: whatever the pieces, the same bytes come out, and who stops reading lets the source go.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use outrigger_chain::{Body, Failure, Frame, Source};
use proptest::prelude::*;

/// Yields pieces, waiting before every other one; its end is known or found out.
struct Pieces {
    pieces: VecDeque<Vec<u8>>,
    trailers: Option<HeaderMap>,
    end_is_known: bool,
    /// Shows whether the source still lives.
    _alive: Arc<()>,
}

impl Source for Pieces {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Failure>> {
        if self.pieces.len().is_multiple_of(2) {
            tokio::task::yield_now().await;
        }
        match self.pieces.pop_front() {
            Some(piece) => Some(Ok(Frame::data(piece.into()))),
            None => self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))),
        }
    }

    fn is_end(&self) -> bool {
        self.end_is_known && self.pieces.is_empty() && self.trailers.is_none()
    }

    fn length(&self) -> Option<u64> {
        self.end_is_known.then(|| self.pieces.iter().map(Vec::len).sum::<usize>() as u64)
    }
}

/// Passes another body on, frame by frame, as a filter's body does.
struct Wrapped(Body);

impl Source for Wrapped {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Failure>> {
        self.0.frame().await
    }

    fn is_end(&self) -> bool {
        self.0.is_end()
    }

    fn length(&self) -> Option<u64> {
        self.0.length()
    }
}

fn body(pieces: &[Vec<u8>], end_is_known: bool, trailers: bool) -> (Body, std::sync::Weak<()>) {
    let alive = Arc::new(());
    let watch = Arc::downgrade(&alive);
    let trailers = trailers.then(|| HeaderMap::from_iter([(http::header::ETAG, http::HeaderValue::from_static("x"))]));
    let pieces = pieces.iter().cloned().collect();
    (Body::source(Pieces { pieces, trailers, end_is_known, _alive: alive }), watch)
}

fn wrapped(body: Body, times: usize) -> Body {
    (0..times).fold(body, |body, _| Body::source(Wrapped(body)))
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

fn never() -> Failure {
    unreachable!("the limit is far away")
}

proptest! {
    #[test]
    fn any_pieces_come_out_as_the_same_bytes(
        pieces: Vec<Vec<u8>>, wraps in 0usize..4, end_is_known: bool, trailers: bool,
    ) {
        let (body, _) = body(&pieces, end_is_known, trailers);
        let collected = run(wrapped(body, wraps).collect(usize::MAX, never)).unwrap();
        prop_assert_eq!(collected, pieces.concat());
    }

    #[test]
    fn the_end_is_told_exactly_when_it_is_known(pieces: Vec<Vec<u8>>, wraps in 0usize..4) {
        let (body, _) = body(&pieces, true, false);
        let mut body = wrapped(body, wraps);
        let told = run(async {
            let mut told = vec![body.is_end()];
            while let Some(frame) = body.frame().await {
                frame.unwrap();
                told.push(body.is_end());
            }
            told
        });
        let expected: Vec<_> = (0..=pieces.len()).map(|seen| seen == pieces.len()).collect();
        prop_assert_eq!(told, expected);
    }

    #[test]
    fn who_stops_reading_lets_the_source_go(pieces in prop::collection::vec(any::<Vec<u8>>(), 1..8), read in 0usize..8) {
        let (body, alive) = body(&pieces, false, true);
        let mut body = wrapped(body, 2);
        run(async {
            for _ in 0..read.min(pieces.len()) {
                body.frame().await.unwrap().unwrap();
            }
        });
        prop_assert!(alive.upgrade().is_some());
        drop(body);
        prop_assert!(alive.upgrade().is_none());
    }

    #[test]
    fn a_body_over_the_limit_is_refused_and_let_go(pieces: Vec<Vec<u8>>, limit in 0usize..64) {
        let len = pieces.concat().len();
        let (body, alive) = body(&pieces, true, false);
        let collected = run(body.collect(limit, || Failure::RequestTooLarge(limit as u64)));
        prop_assert_eq!(collected.is_err(), len > limit);
        prop_assert!(alive.upgrade().is_none());
    }
}

#[test]
fn a_read_that_is_cut_off_goes_on_where_it_was() {
    let (mut body, _) = body(&[b"ab".to_vec(), b"cd".to_vec()], false, false);
    run(async {
        // Polled once and dropped: the piece must not be lost with the future.
        tokio::select! {
            biased;
            frame = body.frame() => panic!("it was to wait: {frame:?}"),
            () = std::future::ready(()) => (),
        }
        assert_eq!(body.collect(10, never).await.unwrap(), "abcd");
    });
}
