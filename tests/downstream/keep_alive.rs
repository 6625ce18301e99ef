//! Several requests on one connection.

use std::sync::Arc;

use chain::Response;
use http::StatusCode;

use crate::filters::{Answers, Repeats, describes, echoes, says};
use crate::support::Server;

const GET: &str = "GET /a HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn requests_follow_each_other_on_one_connection() {
    let server = Server::start(vec![says("hello")]);
    let mut client = server.connect().await;
    for _ in 0..3 {
        client.send(GET).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.text()), (200, "hello"));
        assert_eq!(answer.header("connection"), None);
        assert_eq!(answer.header("content-length"), Some("5"));
        assert!(answer.header("date").is_some());
    }
    assert_eq!(server.listener.connections(), 1);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_whatever_their_bodies() {
    let server = Server::start(vec![Arc::new(Repeats)]);
    let mut client = server.connect().await;
    client
        .send(concat!(
            "POST /1 HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nfirst",
            "POST /2 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n6\r\nsecond\r\n0\r\nx: y\r\n\r\n",
            "GET /3 HTTP/1.1\r\nhost: a\r\n\r\n",
            "\r\nPOST /4 HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 6\r\n\r\nfourth",
        ))
        .await;
    for body in ["first", "second", "", "fourth"] {
        assert_eq!(client.answer().await.text(), body);
    }
    assert!(client.closes().await);
}

#[tokio::test]
async fn a_body_that_no_filter_reads_is_skipped_when_it_came_with_its_request() {
    let server = Server::start(vec![describes()]);
    let mut client = server.connect().await;
    client
        .send("POST /1 HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nfirstGET /2 HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    assert!(client.answer().await.text().starts_with("POST http://a/1 "));
    assert!(client.answer().await.text().starts_with("GET http://a/2 "));
}

#[tokio::test]
async fn http_1_0_closes_unless_the_client_asks_otherwise() {
    let server = Server::start(vec![says("hello")]);
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").await;
    assert_eq!(client.answer().await.header("connection"), Some("keep-alive"));
    client.send("GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(client.answer().await.header("connection"), Some("close"));
    assert!(client.closes().await);
}

#[tokio::test]
async fn http_1_0_gets_a_body_of_unknown_length_up_to_the_close() {
    let server = Server::start(vec![echoes()]);
    let answer = server.answer("GET / HTTP/1.0\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nhi").await;
    assert_eq!((answer.text(), answer.header("content-length")), ("hi", Some("2")));
    let server = Server::start(vec![Arc::new(Answers(|_: chain::Request| {
        Response::new(StatusCode::OK, crate::filters::Pieces::body(&["a", "b"], crate::filters::Last::End))
    }))]);
    let answer = server.answer("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").await;
    assert_eq!((answer.text(), answer.header("connection")), ("ab", Some("close")));
    assert_eq!(answer.header("transfer-encoding"), None);
}

#[tokio::test]
async fn the_last_request_of_a_connection_is_answered_with_close() {
    let server = Server::start_with(vec![says("hello")], |front| front.limits.requests_per_connection = 2);
    let mut client = server.connect().await;
    client.send([GET, GET, GET].concat()).await;
    assert_eq!(client.answer().await.header("connection"), None);
    assert_eq!(client.answer().await.header("connection"), Some("close"));
    assert!(client.closes().await);
}

#[tokio::test]
async fn a_swapped_chain_serves_the_next_request_of_an_open_connection() {
    let server = Server::start(vec![says("old")]);
    let mut client = server.connect().await;
    client.send(GET).await;
    assert_eq!(client.answer().await.text(), "old");
    server.listener.front().swap_chain(crate::support::chain(vec![says("new")]));
    client.send(GET).await;
    assert_eq!(client.answer().await.text(), "new");
}

#[tokio::test]
async fn an_empty_chain_answers_404() {
    let answer = Server::start(Vec::new()).answer(GET).await;
    assert_eq!((answer.status, answer.header("content-type")), (404, Some("application/json")));
}
