//! The admin server over real sockets, with a proxy behind it that only remembers.

mod access;
mod bodies;
mod changes;
mod reading;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tracing::level_filters::LevelFilter;

use super::*;
use crate::telemetry::AccessLog;

/// A proxy that remembers what it was told.
struct Remembering {
    functions: Mutex<BTreeMap<String, u16>>,
    levels: Mutex<BTreeMap<String, LevelFilter>>,
    installed: Mutex<Vec<Bytes>>,
    /// Changes that are under way, and the most that ever were.
    changing: AtomicUsize,
    most: AtomicUsize,
    /// A change needs a permit to end.
    permits: Semaphore,
}

impl Remembering {
    fn new() -> Arc<Self> {
        let names = ["id_1", "a/b"].map(str::to_owned);
        Arc::new(Self {
            functions: Mutex::new(names.clone().map(|name| (name, 1)).into()),
            levels: Mutex::new(names.map(|name| (name, LevelFilter::INFO)).into()),
            installed: Mutex::default(),
            changing: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            permits: Semaphore::new(100),
        })
    }

    async fn change(&self) {
        let now = self.changing.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.permits.acquire().await.unwrap().forget();
        self.changing.fetch_sub(1, Ordering::SeqCst);
    }

    fn unknown(id: &str) -> AdminError {
        AdminError::not_found(format!("no function has the id `{id}`"))
    }
}

#[async_trait]
impl Operations for Remembering {
    fn generation(&self) -> u64 {
        7
    }

    fn config_dump(&self) -> Value {
        json!({ "generation": 7, "path": "/etc/outrigger.yaml", "config": { "threads": 2 } })
    }

    fn listeners(&self) -> Vec<ListenerFacts> {
        vec![ListenerFacts { name: "business".to_owned(), address: "127.0.0.1:2045".to_owned() }]
    }

    fn clusters(&self) -> Vec<ClusterFacts> {
        let endpoints = vec![EndpointFacts { address: "127.0.0.1:8080".to_owned(), healthy: true }];
        vec![ClusterFacts { name: "app".to_owned(), endpoints }]
    }

    fn functions(&self) -> Vec<Value> {
        self.functions.lock().keys().map(|id| json!({ "id": id })).collect()
    }

    fn function(&self, id: &str) -> Option<Value> {
        self.functions.lock().get(id).map(|instances| json!({ "id": id, "instances": instances }))
    }

    fn function_log_levels(&self) -> Vec<(String, LevelFilter)> {
        self.levels.lock().clone().into_iter().collect()
    }

    fn set_function_log_level(&self, id: &str, level: LevelFilter) -> bool {
        self.levels.lock().get_mut(id).map(|known| *known = level).is_some()
    }

    async fn install(&self, body: Bytes) -> Result<(), AdminError> {
        self.change().await;
        let Ok(function) = serde_json::from_slice::<Value>(&body) else { panic!("only JSON gets here") };
        match function["vm_config"]["path"].as_str() {
            Some("refused.wasm") => Err(AdminError::refused("compile", "module `refused.wasm` does not compile")),
            Some("taken.wasm") => Err(AdminError::conflict("the id `id_1` is in use")),
            Some(_) => {
                self.installed.lock().push(body);
                Ok(())
            }
            None => Err(AdminError::bad_request("`vm_config.path` is missing")),
        }
    }

    async fn uninstall(&self, id: &str) -> Result<(), AdminError> {
        self.change().await;
        self.functions.lock().remove(id).map(drop).ok_or_else(|| Self::unknown(id))
    }

    async fn update(&self, id: &str, instances: u16) -> Result<(), AdminError> {
        self.change().await;
        let mut functions = self.functions.lock();
        functions.get_mut(id).map(|known| *known = instances).ok_or_else(|| Self::unknown(id))
    }
}

/// A running server; it stops with the value.
struct Running {
    address: SocketAddr,
    proxy: Arc<Remembering>,
    readiness: Readiness,
    task: AbortHandle,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn admin_with(access: impl FnOnce(SocketAddr) -> Access) -> Running {
    let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, proxy, readiness) = (server.address(), Remembering::new(), Readiness::new());
    let metrics = Metrics::new("1.2.3");
    metrics.listener("business", AccessLog::none()).exchange_started();
    let admin = Admin {
        access: access(address),
        version: "1.2.3",
        threads: 2,
        started: Instant::now(),
        readiness: readiness.clone(),
        metrics: Arc::new(metrics),
        log_levels: crate::telemetry::logs::levels_for_tests(),
        operations: proxy.clone(),
    };
    let task = tokio::spawn(server.admin(admin)).abort_handle();
    Running { address, proxy, readiness, task }
}

async fn admin() -> Running {
    admin_with(Access::loopback).await
}

async fn probes() -> Running {
    let server = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (address, proxy, readiness) = (server.address(), Remembering::new(), Readiness::new());
    let probes = Probes { readiness: readiness.clone(), metrics: Arc::new(Metrics::new("1.2.3")) };
    let task = tokio::spawn(server.probes(probes)).abort_handle();
    Running { address, proxy, readiness, task }
}

/// An answer as it came over the socket.
#[derive(Debug, PartialEq)]
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        assert!(self.has("content-type: application/json"), "{}", self.head);
        serde_json::from_str(&self.body).unwrap()
    }

    /// The text of a refusal, which is always JSON.
    fn error(&self) -> String {
        self.json()["error"].as_str().unwrap().to_owned()
    }

    /// Whether the head has this line.
    fn has(&self, line: &str) -> bool {
        self.head.to_ascii_lowercase().split("\r\n").any(|there| there == line.to_ascii_lowercase())
    }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes as they are on a connection of their own and reads one answer.
    async fn raw(&self, bytes: impl AsRef<[u8]>) -> Reply {
        let mut connection = self.connect().await;
        connection.write_all(bytes.as_ref()).await.unwrap();
        read_reply(&mut connection).await
    }

    async fn ask(&self, method: &str, path: &str, body: &str) -> Reply {
        let length = body.len();
        self.raw(format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n{body}")).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.raw(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await
    }

    async fn post(&self, path: &str, body: &str) -> Reply {
        self.ask("POST", path, body).await
    }
}

/// Reads a head and as many bytes as its `content-length` says.
async fn read_reply(connection: &mut TcpStream) -> Reply {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let length = head
        .to_ascii_lowercase()
        .split("content-length: ")
        .nth(1)
        .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse().unwrap());
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head, body: String::from_utf8(body).unwrap() }
}
