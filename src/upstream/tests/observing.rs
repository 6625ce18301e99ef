//! What an observer hears, and what a new configuration carries over.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use parking_lot::Mutex;
use tokio::net::TcpListener;

use super::super::{Cluster, ClusterSettings, Clusters, Observer, Router, Unobserved};
use super::backend::{Backend, HELLO};
use super::caller::get;

#[derive(Default)]
struct Listening(Mutex<Vec<String>>);

impl Listening {
    fn note(&self, event: impl Into<String>) {
        self.0.lock().push(event.into());
    }
}

impl Observer for Listening {
    fn request_started(&self) {
        self.note("started");
    }
    fn request_ended(&self, status: Option<StatusCode>) {
        self.note(format!("ended {}", status.map_or(0, |status| status.as_u16())));
    }
    fn retried(&self) {
        self.note("retried");
    }
    fn timed_out(&self) {
        self.note("timed out");
    }
    fn connection_opened(&self) {
        self.note("opened");
    }
    fn connection_closed(&self) {
        self.note("closed");
    }
    fn connect_failed(&self) {
        self.note("connect failed");
    }
}

async fn heard(address: std::net::SocketAddr, requests: usize) -> Vec<String> {
    let observer = Arc::new(Listening::default());
    let cluster = Cluster::new(ClusterSettings::new("app", [address]), Arc::clone(&observer) as _);
    let router = Router::new(cluster).timeout(Duration::from_millis(100));
    for _ in 0..requests {
        get(&router, "/").await;
    }
    observer.0.lock().clone()
}

#[tokio::test]
async fn an_observer_hears_of_everything_once() {
    let backend = Backend::answering(HELLO).await;
    let two = heard(backend.address, 2).await;
    assert_eq!(two, ["started", "opened", "ended 200", "started", "ended 200"]);
    let backend = Backend::answering_once("HTTP/1.1 500 Oops\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(heard(backend.address, 1).await, ["started", "opened", "closed", "ended 500"]);
    let backend = Backend::start(|_, mut peer| async move {
        peer.head().await;
        peer.stall().await;
    })
    .await;
    assert_eq!(heard(backend.address, 1).await, ["started", "opened", "timed out", "closed", "ended 504"]);
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert_eq!(heard(nobody, 1).await, ["started", "connect failed", "retried", "connect failed", "ended 503"]);
}

#[tokio::test]
async fn an_unchanged_cluster_takes_its_connections_into_the_next_configuration() {
    let backend = Backend::answering(HELLO).await;
    let settings = |name: &str, idle| {
        let mut settings = ClusterSettings::new(name, [backend.address]);
        settings.connections.idle = Duration::from_secs(idle);
        settings
    };
    let observe = |_: &str| Arc::new(Unobserved) as Arc<dyn Observer>;
    let old = Clusters::build([settings("same", 60), settings("changed", 60)], None, observe);
    for cluster in old.iter() {
        get(&Router::new(Arc::clone(cluster)), "/").await;
    }
    let new = Clusters::build([settings("same", 60), settings("changed", 30)], Some(&old), observe);
    assert_eq!(new.get("same").unwrap().pool.counts(), (1, 1));
    assert_eq!(new.get("changed").unwrap().pool.counts(), (0, 0));
    assert!(new.get("gone").is_none());
}
