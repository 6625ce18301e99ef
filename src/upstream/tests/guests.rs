//! Requests that come from guests: no exchange, so nobody drives an upload but the response's body.

use std::sync::Arc;
use std::time::Duration;

use chain::{Body, Failure, Upstream};
use http::StatusCode;

use super::super::{ClusterSettings, Clusters, Unobserved};
use super::backend::{Backend, HELLO};
use super::caller::{Told, pieces, request};

const SECOND: Duration = Duration::from_secs(1);

fn clusters(backend: &Backend) -> Clusters {
    Clusters::build([ClusterSettings::new("app", [backend.address])], None, |_| Arc::new(Unobserved))
}

#[tokio::test]
async fn a_guest_reaches_a_cluster_by_name() {
    let backend = Backend::answering(HELLO).await;
    let clusters = clusters(&backend);
    assert!(clusters.has_cluster("app") && !clusters.has_cluster("none"));
    let head = request("GET http://app.test/", Body::empty()).head;
    let response = clusters.send("app", head.clone(), Body::empty(), SECOND).await.unwrap();
    assert_eq!(response.head.status, StatusCode::OK);
    let body = response.body.collect(10, || Failure::ResponseTooLarge(10)).await.unwrap();
    assert_eq!(&*body, b"hello");
    let unknown = clusters.send("none", head, Body::empty(), SECOND).await;
    assert!(matches!(unknown, Err(Failure::UnknownCluster(_))));
}

#[tokio::test]
async fn a_guest_does_not_wait_longer_than_it_said() {
    let backend = Backend::start(|_, mut peer| async move {
        peer.head().await;
        peer.stall().await;
    })
    .await;
    let head = request("GET http://app.test/", Body::empty()).head;
    let response = clusters(&backend).send("app", head, Body::empty(), Duration::from_millis(50)).await;
    assert!(matches!(response, Err(Failure::UpstreamTimeout)));
}

#[tokio::test]
async fn an_upload_that_outlasts_the_head_flows_while_the_response_is_read() {
    let backend = Backend::start(|_, mut peer| async move {
        peer.head().await;
        peer.say("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n").await;
        let (content, _) = peer.chunked_content().await;
        peer.say(content.len().to_string()).await;
    })
    .await;
    let head = request("POST http://app.test/", Body::empty()).head;
    let body = pieces(vec![b'x'; 50_000].into(), 100, Told::Nothing);
    let response = clusters(&backend).send("app", head, body, SECOND).await.unwrap();
    let body = response.body.collect(10, || Failure::ResponseTooLarge(10)).await.unwrap();
    assert_eq!(&*body, b"5000000");
}
