//! Request bodies that are read beside the response, after it, or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use chain::{Body, Failure, Filter, Next, Request, Response, async_trait};
use http::StatusCode;

use crate::filters::{elsewhere, says};
use crate::support::{Server, soon};

/// Puts the upload beside the chain and answers before it is over; answers again with what the upload counted.
struct Uploads(Arc<AtomicUsize>);

#[async_trait]
impl Filter for Uploads {
    async fn handle(&self, mut request: Request, _: Next) -> Result<Response, Failure> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let counted = Arc::clone(&self.0);
        request.exchange.drive(async move {
            while let Some(Ok(frame)) = request.body.frame().await {
                counted.fetch_add(frame.into_data().unwrap().len(), Ordering::SeqCst);
            }
            let _ = sender.send(());
        });
        Ok(Response::new(StatusCode::OK, Body::source(After(Some(receiver)))))
    }
}

/// Puts the upload beside the chain and answers when it is over.
struct UploadsFirst;

#[async_trait]
impl Filter for UploadsFirst {
    async fn handle(&self, mut request: Request, _: Next) -> Result<Response, Failure> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        request.exchange.drive(async move {
            let mut whole = Vec::new();
            while let Some(Ok(frame)) = request.body.frame().await {
                whole.extend_from_slice(&frame.into_data().unwrap());
            }
            let _ = sender.send(whole);
        });
        Ok(Response::new(StatusCode::OK, Body::full(receiver.await.unwrap())))
    }
}

#[tokio::test]
async fn an_upload_beside_the_chain_flows_while_the_chain_waits() {
    let server = Server::start(vec![Arc::new(UploadsFirst)]);
    let mut client = server.connect().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n").await;
    assert_eq!(client.head().await.0, 100);
    client.send("hello").await;
    assert_eq!(client.answer().await.text(), "hello");
}

#[tokio::test]
async fn a_client_is_not_told_to_continue_behind_the_head_of_its_response() {
    let server = Server::start(vec![Arc::new(Uploads(Arc::default()))]);
    let mut client = server.connect().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n").await;
    let (status, headers) = client.head().await;
    assert_eq!((status, headers["connection"].to_str().unwrap()), (200, "close"));
    client.send("hello").await;
    assert_eq!(client.rest().await, b"4\r\ndone\r\n0\r\n\r\n");
}

#[tokio::test]
async fn a_client_that_still_sends_when_it_has_its_answer_is_read_for_a_while() {
    let server = Server::start(vec![says("early")]);
    let mut client = server.connect().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n").await;
    assert_eq!(client.answer().await.text(), "early");
    for _ in 0..4 {
        client.send([b'x'; 25_000]).await; // a closed socket would answer with a reset, and the next send fail
    }
    assert!(client.closes().await);
}

/// Nothing until the upload is over, then `done`.
struct After(Option<tokio::sync::oneshot::Receiver<()>>);

impl chain::Source for After {
    async fn next(&mut self) -> Option<Result<chain::Frame<Bytes>, Failure>> {
        self.0.take()?.await.ok()?;
        Some(Ok(chain::Frame::data(Bytes::from_static(b"done"))))
    }
}

#[tokio::test]
async fn an_upload_beside_the_chain_flows_on_when_the_response_has_begun() {
    let counted = Arc::default();
    let server = Server::start(vec![Arc::new(Uploads(Arc::clone(&counted)))]);
    let mut client = server.connect().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n").await;
    assert_eq!(client.head().await.0, 200);
    client.send(vec![b'x'; 1_000_000]).await;
    let rest = async {
        while !client.buffer.ends_with(b"0\r\n\r\n") {
            assert!(client.read().await);
        }
    };
    soon(rest).await;
    assert_eq!(client.buffer, b"4\r\ndone\r\n0\r\n\r\n");
    assert_eq!(counted.load(Ordering::SeqCst), 1_000_000);
    client.buffer.clear();
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi").await;
    assert_eq!(client.answer().await.text(), "done", "the connection is in step");
}

#[tokio::test]
async fn an_answer_before_the_body_has_come_arrives_whole_and_closes() {
    let server = Server::start(vec![says("early")]);
    let mut client = server.connect().await;
    let head = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5000000\r\n\r\n";
    let upload = client.send_beside([&head[..], &vec![b'x'; 5_000_000]].concat());
    let answer = client.answer().await;
    assert_eq!((answer.text(), answer.header("connection")), ("early", Some("close")));
    assert!(answer.whole);
    drop(upload.await.unwrap());
}

/// Keeps the body of its request beyond the exchange, in a task of its own.
struct KeepsBody(tokio::sync::mpsc::UnboundedSender<Option<Result<Bytes, String>>>);

#[async_trait]
impl Filter for KeepsBody {
    async fn handle(&self, mut request: Request, _: Next) -> Result<Response, Failure> {
        if request.head.uri.path() == "/keep" {
            let results = self.0.clone();
            tokio::spawn(async move {
                loop {
                    let frame = request.body.frame().await;
                    let over = !matches!(frame, Some(Ok(_)));
                    let frame = frame.map(|frame| frame.map(|frame| frame.into_data().unwrap()));
                    let _ = results.send(frame.map(|frame| frame.map_err(|failure| failure.to_string())));
                    if over {
                        return;
                    }
                    elsewhere().await;
                }
            });
            return Ok(Response::empty(StatusCode::OK));
        }
        let body = request.body.collect(100, || Failure::RequestTooLarge(100)).await?;
        Ok(Response::new(StatusCode::OK, Body::full(body)))
    }
}

#[tokio::test]
async fn a_body_that_outlives_its_exchange_gets_nothing_of_the_next_one() {
    let (sender, mut results) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::start(vec![Arc::new(KeepsBody(sender))]);
    let mut client = server.connect().await;
    client.send("POST /keep HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nkee").await;
    assert_eq!(client.answer().await.status, 200);
    client.send("pitPOST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nnext").await;
    assert_eq!(client.answer().await.text(), "next");
    let mut kept = Vec::new();
    while let Some(Some(Ok(data))) = soon(results.recv()).await {
        kept.extend_from_slice(&data);
    }
    assert!(b"keepit".starts_with(&kept), "{kept:?}");
}
