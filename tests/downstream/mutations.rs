//! Requests with random damage: every one is answered or its connection closed, and nothing damaged reaches the chain.

use std::sync::Arc;

use chain::{Body, Failure, Filter, Next, Request, Response, async_trait};
use http::{StatusCode, Version};
use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::support::Server;

const REQUESTS: &[&str] = &[
    "GET /a/b?c=d&e=%20f HTTP/1.1\r\nhost: example.com:8080\r\nuser-agent: u/1.0\r\naccept: */*\r\n\r\n",
    "POST /form HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ncontent-length: 11\r\n\r\nhello world",
    "POST /c HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nt: 1\r\n\r\n",
    "PUT http://b.example/x HTTP/1.1\r\nhost: a\r\nconnection: close, x-hop\r\nx-hop: 1\r\ncontent-length: 0\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nhost: [::1]:80\r\nte: trailers\r\nupgrade: h2c\r\n\r\n",
    "HEAD / HTTP/1.0\r\nconnection: keep-alive\r\n\r\nGET /next HTTP/1.0\r\n\r\n",
    "POST /e HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\nhiGET /next HTTP/1.1\r\nhost: a\r\n\r\n",
];

const ODD: &[&[u8]] = &[
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\0",
    b" ",
    b"\t",
    b":",
    b",",
    b";",
    b"\xff",
    b"\xc3\xa4",
    b"#",
    b"@",
    b"%",
    b"\x7f",
    b"-",
    b"0",
    b"99999999999999999999",
    b"content-length: 3\r\n",
    b"transfer-encoding: chunked\r\n",
    b"host: b\r\n",
    b"HTTP/1.1",
];

fn damaged(random: &mut StdRng) -> Vec<u8> {
    let mut bytes = REQUESTS[random.random_range(0..REQUESTS.len())].as_bytes().to_vec();
    for _ in 0..random.random_range(1..4) {
        let at = random.random_range(0..bytes.len());
        let until = (at + random.random_range(1..12)).min(bytes.len());
        match random.random_range(0..4) {
            0 => bytes[at] = random.random(),
            1 => drop(bytes.splice(at..at, ODD[random.random_range(0..ODD.len())].iter().copied())),
            2 if bytes.len() > 20 => drop(bytes.drain(at..until)),
            _ => {
                let copy = bytes[at..until].to_vec();
                drop(bytes.splice(at..at, copy));
            }
        }
    }
    bytes
}

/// Notes what should not have come through, and answers with the request's body.
#[derive(Default)]
struct Inspects(Mutex<Vec<String>>);

#[async_trait]
impl Filter for Inspects {
    async fn handle(&self, request: Request, _: Next) -> Result<Response, Failure> {
        let head = &request.head;
        let hop_by_hop = ["connection", "transfer-encoding", "te", "trailer", "upgrade", "keep-alive", "host"];
        let length = head.headers.get_all("content-length").iter().count();
        let sound = head.uri.path().starts_with(['/', '*'])
            && (head.version == Version::HTTP_10
                || head.uri.authority().is_some_and(|host| !host.as_str().contains('@')))
            && !hop_by_hop.iter().any(|name| head.headers.contains_key(*name))
            && length <= 1
            && (length == 0 || request.body.length().is_some());
        if !sound {
            self.0.lock().push(format!("{head:?}"));
        }
        match request.body.collect(1 << 20, || Failure::RequestTooLarge(1 << 20)).await {
            Ok(body) => Ok(Response::new(StatusCode::OK, Body::full(body))),
            Err(failure) => Err(failure),
        }
    }
}

#[tokio::test]
async fn damaged_requests_are_answered_or_cut_and_never_reach_the_chain_unsound() {
    let inspects = Arc::new(Inspects::default());
    let server = Server::start(vec![Arc::clone(&inspects) as Arc<dyn Filter>]);
    let (mut served, mut refused, mut cut) = (0, 0, 0);
    for seed in 0..3_000 {
        let request = damaged(&mut StdRng::seed_from_u64(seed));
        let mut client = server.connect().await;
        client.send(&request).await;
        client.finish().await;
        let answer = client.rest().await;
        let shown = request.escape_ascii();
        match answer.strip_prefix(b"HTTP/1.1 ").map(|rest| &rest[..3]) {
            Some(b"200" | b"100") => served += 1,
            Some(b"400" | b"431") => refused += 1,
            Some(_) => panic!("seed {seed}: {shown} is answered with {}", answer.escape_ascii()),
            None if answer.is_empty() => cut += 1,
            None => panic!("seed {seed}: {shown} is answered with {}", answer.escape_ascii()),
        }
    }
    assert_eq!(inspects.0.lock()[..], [""; 0]);
    assert!(served > 100 && refused > 100 && cut > 100, "{served} served, {refused} refused, {cut} cut");
    assert_eq!(server.answer(REQUESTS[0]).await.status, 200);
}
