//! How responses are framed, and that a short body is never passed off as a whole one.

use std::sync::Arc;

use bytes::Bytes;
use chain::{Body, Failure, Filter, Request, Response, async_trait};
use http::{HeaderValue, StatusCode};

use crate::filters::{Answers, Fails, Last, Pieces, Repeats, echoes, elsewhere};
use crate::support::{Answer, Server};

/// A filter that answers with a status, fields and a body.
fn answers(status: u16, fields: &'static [(&'static str, &'static str)], body: fn() -> Body) -> Vec<Arc<dyn Filter>> {
    vec![Arc::new(Answers(move |_: Request| {
        let mut response = Response::new(StatusCode::from_u16(status).unwrap(), body());
        for (name, value) in fields {
            response.head.headers.append(*name, HeaderValue::from_static(value));
        }
        response
    }))]
}

/// The answer to a request of `method`, and a second one that shows that the connection is still in step.
async fn answer_to(method: &str, filters: Vec<Arc<dyn Filter>>) -> Answer {
    let server = Server::start(filters);
    let mut client = server.connect().await;
    client.send(format!("{method} / HTTP/1.1\r\nhost: a\r\n\r\n").repeat(2)).await;
    let answer = client.answer_to(method).await;
    assert_eq!(client.answer_to(method).await.status, answer.status);
    answer
}

async fn get(filters: Vec<Arc<dyn Filter>>) -> Answer {
    answer_to("GET", filters).await
}

#[tokio::test]
async fn a_body_that_knows_its_length_says_so_and_one_that_does_not_is_chunked() {
    let answer = get(answers(200, &[], || Body::full("hello"))).await;
    assert_eq!((answer.text(), answer.header("content-length")), ("hello", Some("5")));
    let answer = get(answers(200, &[], || Pieces::body(&["a", "", "bc"], Last::End))).await;
    assert_eq!((answer.text(), answer.header("transfer-encoding")), ("abc", Some("chunked")));
    let answer = get(answers(200, &[], Body::empty)).await;
    assert_eq!((answer.text(), answer.header("content-length")), ("", Some("0")));
}

#[tokio::test]
async fn a_body_that_knows_its_length_is_right_against_its_head() {
    let answer = get(answers(200, &[("content-length", "3")], || Body::full("hello"))).await;
    assert_eq!((answer.text(), answer.header("content-length")), ("hello", Some("5")));
    let answer = get(answers(200, &[("content-length", "1"), ("content-length", "2")], || Body::full("hello"))).await;
    assert_eq!((answer.text(), answer.header("content-length")), ("hello", Some("5")));
}

#[tokio::test]
async fn an_announced_length_frames_a_body_that_does_not_know_its_own() {
    let answer = get(answers(200, &[("content-length", "3")], || Pieces::body(&["a", "bc"], Last::End))).await;
    assert_eq!((answer.text(), answer.header("content-length")), ("abc", Some("3")));
    let answer = get(answers(200, &[("content-length", "no")], || Pieces::body(&["a", "bc"], Last::End))).await;
    assert_eq!((answer.text(), answer.header("content-length")), ("abc", None));
}

#[tokio::test]
async fn head_keeps_its_content_length_and_has_no_body() {
    let length = |answer: &Answer| answer.header("content-length").map(str::to_owned);
    let answer = answer_to("HEAD", answers(200, &[("content-length", "9")], Body::empty)).await;
    assert_eq!(length(&answer).as_deref(), Some("9"));
    let answer = answer_to("HEAD", answers(200, &[], || Body::full("hello"))).await;
    assert_eq!(length(&answer).as_deref(), Some("5"));
    let answer = answer_to("HEAD", answers(200, &[], || Pieces::body(&["a"], Last::Never))).await;
    assert_eq!((length(&answer), answer.header("transfer-encoding")), (None, None));
}

#[tokio::test]
async fn responses_without_a_body_have_none_whatever_the_chain_gave() {
    let answer = get(answers(204, &[("content-length", "5")], || Body::full("hello"))).await;
    assert_eq!((answer.header("content-length"), answer.header("transfer-encoding")), (None, None));
    let answer = get(answers(304, &[("content-length", "5")], || Pieces::body(&["x"], Last::Never))).await;
    assert_eq!((answer.header("content-length"), answer.header("transfer-encoding")), (Some("5"), None));
}

#[tokio::test]
async fn hop_by_hop_fields_of_a_response_are_left_out() {
    let fields = &[
        ("connection", "close, x-secret"),
        ("x-secret", "1"),
        ("keep-alive", "timeout=5"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("trailer", "x"),
        ("x-kept", "1"),
    ];
    let answer = get(answers(200, fields, || Body::full("hello"))).await;
    let mut names: Vec<_> = answer.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-length", "date", "x-kept"]);
}

#[tokio::test]
async fn a_date_of_the_response_stays() {
    let answer = get(answers(200, &[("date", "Thu, 01 Jan 1970 00:00:01 GMT")], Body::empty)).await;
    assert_eq!(answer.headers.get_all("date").iter().collect::<Vec<_>>(), ["Thu, 01 Jan 1970 00:00:01 GMT"]);
}

/// What a client gets whose response breaks off, and the flags and details that the log gets.
async fn broken(
    body: fn() -> Body,
    fields: &'static [(&'static str, &'static str)],
) -> (Answer, Vec<&'static str>, String) {
    let server = Server::start(answers(200, fields, body));
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let answer = client.answer().await;
    assert!(!answer.whole, "a broken body looks whole: {answer:?}");
    assert!(client.closes().await);
    let seen = server.watcher.ended(1).await.remove(0);
    (answer, seen.flags, seen.details.unwrap())
}

fn fails() -> Failure {
    Failure::UpstreamReset("in the middle".to_owned())
}

#[tokio::test]
async fn a_body_that_fails_is_cut_without_an_end() {
    let (answer, flags, _) = broken(|| Pieces::body(&["abc"], Last::Fails(fails)), &[]).await;
    assert!(answer.text().len() <= 3);
    assert_eq!(flags, ["UC"]);
    let (_, flags, _) = broken(|| Pieces::body(&["abc"], Last::Fails(fails)), &[("content-length", "6")]).await;
    assert_eq!(flags, ["UC"]);
}

#[tokio::test]
async fn a_body_shorter_than_announced_is_cut_and_a_longer_one_not_written_beyond() {
    let (_, flags, details) = broken(|| Pieces::body(&["abc"], Last::End), &[("content-length", "6")]).await;
    assert_eq!((&flags[..], &details[..]), (&["LR"][..], "response_body_shorter_than_announced"));
    let (answer, _, details) = broken(|| Pieces::body(&["abc", "defg"], Last::End), &[("content-length", "6")]).await;
    assert!(answer.body.len() <= 3);
    assert_eq!(details, "response_body_longer_than_announced");
}

#[tokio::test]
async fn a_response_that_ends_with_the_connection_is_reset_when_it_is_cut() {
    let server = Server::start(answers(200, &[], || Pieces::body(&["abc"], Last::Fails(fails))));
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.0\r\n\r\n").await;
    assert!(client.resets().await);
}

#[tokio::test]
async fn a_body_that_fails_before_its_first_byte_is_answered_for() {
    let server =
        Server::start(answers(200, &[], || Body::source(Pieces { pieces: Vec::new(), last: Last::Fails(fails) })));
    assert!(!server.answer("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.whole, "its head left before it failed");
    let server = Server::start(answers(200, &[], || Body::stream(FailsAtOnce)));
    let answer = server.answer("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!((answer.status, answer.whole), (403, true));
}

/// Fails at the first poll, with a reply of its own.
struct FailsAtOnce;

impl http_body::Body for FailsAtOnce {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<chain::Frame<Bytes>, Failure>>> {
        let reply = Response::new(StatusCode::FORBIDDEN, Body::full("no"));
        std::task::Poll::Ready(Some(Err(Failure::Reply(Box::new(reply)))))
    }
}

#[tokio::test]
async fn failures_of_the_chain_are_answered_by_their_table_and_replies_as_they_are() {
    let server = Server::start(vec![Arc::new(Fails(|| Failure::UpstreamTimeout))]);
    let answer = server.answer("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!((answer.status, answer.text()), (504, r#"{"error":"the upstream did not answer in time"}"#));
    assert_eq!(server.watcher.ended(1).await[0].flags, ["UT"]);
    let reply = || Failure::Reply(Box::new(Response::new(StatusCode::IM_A_TEAPOT, Body::full("tea"))));
    let answer = Server::start(vec![Arc::new(Fails(reply))]).answer("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!((answer.status, answer.text()), (418, "tea"));
}

#[tokio::test]
async fn a_final_response_with_a_1xx_status_is_a_bad_gateway() {
    let answer = get(answers(101, &[], Body::empty)).await;
    assert_eq!(answer.status, 502);
}

const EXPECTS: &str = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\nexpect: 100-continue\r\n\r\n";

#[tokio::test]
async fn a_client_that_expects_it_is_told_to_continue_when_the_body_is_asked_for() {
    let server = Server::start(vec![Arc::new(Repeats)]);
    let mut client = server.connect().await;
    client.send(EXPECTS).await;
    assert_eq!(client.head().await.0, 100);
    client.send("hello").await;
    let answer = client.answer().await;
    assert_eq!((answer.text(), answer.header("connection")), ("hello", None));
}

#[tokio::test]
async fn a_client_is_not_told_to_continue_when_the_answer_comes_first_or_the_body_is_there() {
    let server = Server::start(answers(403, &[], || Body::full("no")));
    let mut client = server.connect().await;
    client.send(EXPECTS).await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (403, Some("close")));
    assert!(client.closes().await);
    let server = Server::start(vec![Arc::new(Repeats)]);
    let mut client = server.connect().await;
    client.send([EXPECTS, "hello"].concat()).await;
    assert_eq!(client.answer().await.status, 200);
}

/// Sends `103 Early Hints`, waits, sends another 1xx head, and answers.
struct Hints;

#[async_trait]
impl Filter for Hints {
    async fn handle(&self, request: Request, next: chain::Next) -> Result<Response, Failure> {
        for link in ["<a>", "<b>"] {
            let mut hint = Response::empty(StatusCode::from_u16(103).unwrap()).head;
            hint.headers.insert("link", HeaderValue::from_static(link));
            request.exchange.informational(hint);
            elsewhere().await;
        }
        next.run(request).await
    }
}

#[tokio::test]
async fn informational_heads_reach_http_1_1_clients_before_the_response() {
    let server = Server::start(vec![Arc::new(Hints), echoes()]);
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    for link in ["<a>", "<b>"] {
        let (status, headers) = client.head().await;
        assert_eq!((status, headers["link"].to_str().unwrap()), (103, link));
    }
    assert_eq!(client.answer().await.status, 200);
    assert_eq!(server.answer("GET / HTTP/1.0\r\n\r\n").await.status, 200);
}

#[tokio::test]
async fn an_error_in_a_chunked_request_body_is_answered_and_ends_the_connection() {
    let server = Server::start(vec![Arc::new(Repeats)]);
    let mut client = server.connect().await;
    client.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\nzz\r\n").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.header("connection")), (400, Some("close")));
    assert!(client.closes().await);
    assert_eq!(server.watcher.ended(1).await[0].flags, ["DPE"]);
}

#[tokio::test]
async fn a_request_body_that_ends_early_is_no_whole_body() {
    for request in [
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhello",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ] {
        let server = Server::start(vec![Arc::new(Repeats)]);
        let mut client = server.connect().await;
        client.send(request).await;
        client.finish().await;
        let rest = client.rest().await;
        assert!(!String::from_utf8_lossy(&rest).contains("200 OK"), "{request:?}");
        assert_eq!(server.watcher.ended(1).await[0].flags, ["DC"]);
    }
}

/// Data, then trailers.
struct WithTrailers(u32);

impl chain::Source for WithTrailers {
    async fn next(&mut self) -> Option<Result<chain::Frame<Bytes>, Failure>> {
        self.0 += 1;
        match self.0 {
            1 => Some(Ok(chain::Frame::data(Bytes::from_static(b"data")))),
            2 => {
                let field = ("grpc-status".parse().unwrap(), HeaderValue::from_static("0"));
                Some(Ok(chain::Frame::trailers([field].into_iter().collect())))
            }
            _ => None,
        }
    }
}

#[tokio::test]
async fn trailers_are_kept_for_the_log_and_not_sent() {
    let server = Server::start(answers(200, &[], || Body::source(WithTrailers(0))));
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    client.head().await;
    assert_eq!(client.rest().await, b"4\r\ndata\r\n0\r\n\r\n");
    assert_eq!(server.watcher.ended(1).await[0].trailers["grpc-status"], "0");
}
