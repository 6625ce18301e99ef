//! A guest's side of dispatch, and what stands behind it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chain::{Body, Failure, Response, Upstream, async_trait};
use http::{HeaderMap, Request, StatusCode, request};
use outrigger_dispatch::{
    CallError, Dispatcher, FunctionCall, Functions, HttpAnswer, HttpCall, MemorySettings, Metrics, Names, Policy,
    RedisSettings, Scope, Store, Targets,
};
use parking_lot::Mutex;
use prometheus::{Registry, TextEncoder};

/// Everything that exists in a test, with metrics of its own.
pub(crate) struct World {
    pub(crate) targets: Arc<Targets>,
    pub(crate) metrics: Arc<Metrics>,
    registry: Registry,
}

impl World {
    pub(crate) fn new(stores: Vec<Store>, upstream: Arc<dyn Upstream>, functions: Arc<dyn Functions>) -> Self {
        let registry = Registry::new();
        let metrics = Arc::new(Metrics::new(&registry).unwrap());
        let targets = Arc::new(Targets::new(stores.into_iter().map(Arc::new), upstream, functions));
        Self { targets, metrics, registry }
    }

    /// Nothing but one store.
    pub(crate) fn of_store(store: Store) -> Self {
        Self::new(vec![store], Arc::new(Nothing), Arc::new(Nothing))
    }

    pub(crate) fn dispatcher(&self, policy: Policy) -> Arc<Dispatcher> {
        Arc::new(Dispatcher::new(policy, Arc::clone(&self.targets), Arc::clone(&self.metrics)).unwrap())
    }

    pub(crate) fn guest(&self, policy: Policy) -> Guest {
        Guest(self.dispatcher(policy).open())
    }

    /// A guest that may call everything, as often as it likes.
    pub(crate) fn trusted_guest(&self) -> Guest {
        Guest(self.dispatcher(everything()).open_root())
    }

    /// The value of a counter, or the number of samples of a histogram. `name` is how its line begins.
    pub(crate) fn metric(&self, name: &str) -> Option<u64> {
        let text = TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        line.map(|value| value.trim().parse().unwrap())
    }
}

/// Permits all names, the default commands and `ECHO`, and more calls in flight than any test makes.
pub(crate) fn everything() -> Policy {
    let mut policy = Policy {
        stores: Names::All,
        clusters: Names::All,
        functions: Names::All,
        extra_commands: vec!["echo".to_owned()],
        ..Policy::default()
    };
    policy.budget.in_flight = 1000;
    policy
}

pub(crate) fn names<const N: usize>(names: [&str; N]) -> Names {
    Names::Some(BTreeSet::from(names.map(str::to_owned)))
}

pub(crate) fn memory(name: &str, seed: &[(&str, &str)]) -> Store {
    let seed = seed.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    Store::memory(name, "", MemorySettings { seed, ..MemorySettings::default() }).unwrap()
}

/// A redis store with more time for a call than a busy machine needs: for tests of anything else than time.
pub(crate) fn redis(url: String) -> Store {
    Store::redis("redis", "", patient(url)).unwrap()
}

pub(crate) fn patient(url: String) -> RedisSettings {
    RedisSettings {
        timeout: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(5),
        ..RedisSettings::new(url)
    }
}

/// A redis store with the default times.
pub(crate) fn prompt(url: String) -> Store {
    Store::redis("redis", "", RedisSettings::new(url)).unwrap()
}

/// What a guest is told, in a form that is easy to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) body: Bytes,
}

pub(crate) fn told(status: u16, reason: &str, body: impl Into<Bytes>) -> Told {
    Told { status, reason: reason.to_owned(), body: body.into() }
}

/// One guest of one exchange.
#[derive(Clone)]
pub(crate) struct Guest(pub(crate) Arc<Scope>);

impl Guest {
    pub(crate) async fn http(&self, target: &str, method: &str, path: &str, body: impl Into<Bytes>) -> Told {
        let call = http_call(target, method, path, body.into());
        let answer = self.0.http_call(&caller(), call).expect("the call is let out").await;
        let HttpAnswer::Response { head, body, .. } = answer else { return told(0, "", "") };
        let reason = head.headers.get("x-outrigger-reason").map(|reason| reason.to_str().unwrap().to_owned());
        // The text of an error is for people.
        let body = if reason.is_some() { Bytes::new() } else { body };
        Told { status: head.status.as_u16(), reason: reason.unwrap_or_default(), body }
    }

    /// Runs a command in the store `redis`.
    pub(crate) async fn command(&self, words: &[&str]) -> Told {
        self.http("redis", "POST", "/", serde_json::to_vec(words).unwrap()).await
    }

    pub(crate) async fn state(&self, store: &str, key: &str) -> Result<Bytes, CallError> {
        self.0.get_state(&caller(), store, key.as_bytes()).await
    }

    pub(crate) async fn invoke(&self, id: &str, method: &str, param: &'static str) -> Result<Bytes, CallError> {
        self.0.invoke_service(&caller(), id, method, Bytes::from_static(param.as_bytes())).await
    }
}

pub(crate) fn caller() -> Arc<str> {
    Arc::from("tester")
}

pub(crate) fn http_call(target: &str, method: &str, path: &str, body: Bytes) -> HttpCall {
    let request = Request::builder().method(method).uri(format!("http://any{path}")).body(()).unwrap();
    HttpCall {
        target: target.to_owned(),
        head: request.into_parts().0,
        body,
        trailers: HeaderMap::new(),
        timeout: Duration::ZERO,
    }
}

/// A world without clusters and functions.
pub(crate) struct Nothing;

#[async_trait]
impl Upstream for Nothing {
    fn has_cluster(&self, _: &str) -> bool {
        false
    }

    async fn send(&self, cluster: &str, _: request::Parts, _: Body, _: Duration) -> Result<Response, Failure> {
        Err(Failure::UnknownCluster(cluster.to_owned()))
    }
}

#[async_trait]
impl Functions for Nothing {
    fn contains(&self, _: &str) -> bool {
        false
    }

    async fn call(&self, call: FunctionCall) -> Result<Bytes, CallError> {
        Err(CallError::Unknown(call.id))
    }
}

/// What a cluster was sent.
pub(crate) struct Sent {
    pub(crate) head: request::Parts,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

/// One cluster, `app`, which answers each request with what the test made.
pub(crate) struct App {
    answer: Box<dyn Fn() -> Result<Response, Failure> + Send + Sync>,
    pub(crate) sent: Mutex<Vec<Sent>>,
}

impl App {
    pub(crate) fn answering(answer: impl Fn() -> Result<Response, Failure> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { answer: Box::new(answer), sent: Mutex::default() })
    }

    pub(crate) fn saying(status: u16, body: &'static str) -> Arc<Self> {
        Self::answering(move || Ok(Response::new(StatusCode::from_u16(status).unwrap(), Body::full(body))))
    }
}

#[async_trait]
impl Upstream for App {
    fn has_cluster(&self, name: &str) -> bool {
        name == "app"
    }

    async fn send(&self, _: &str, head: request::Parts, mut body: Body, _: Duration) -> Result<Response, Failure> {
        let (mut whole, mut trailers) = (Vec::new(), HeaderMap::new());
        while let Some(frame) = body.frame().await {
            match frame?.into_data() {
                Ok(data) => whole.extend_from_slice(&data),
                Err(frame) => trailers = frame.into_trailers().unwrap(),
            }
        }
        self.sent.lock().push(Sent { head, body: whole.into(), trailers });
        (self.answer)()
    }
}

/// How late this machine runs its timers. What a test allows for a call is more by the worst of it.
pub(crate) struct Lateness(Arc<Mutex<Duration>>, tokio::task::JoinHandle<()>);

impl Lateness {
    /// Measures until it is asked.
    pub(crate) fn measure() -> Self {
        let worst = Arc::new(Mutex::new(Duration::ZERO));
        let seen = Arc::clone(&worst);
        let task = tokio::spawn(async move {
            loop {
                let (began, pause) = (Instant::now(), Duration::from_millis(5));
                tokio::time::sleep(pause).await;
                let late = began.elapsed() - pause;
                let mut worst = seen.lock();
                *worst = late.max(*worst);
            }
        });
        Self(worst, task)
    }

    pub(crate) fn worst(self) -> Duration {
        self.1.abort();
        *self.0.lock()
    }
}

pub(crate) fn write_password(folder: &Path, password: &str) -> std::path::PathBuf {
    let path = folder.join("password");
    std::fs::write(&path, format!("{password}\n")).unwrap();
    path
}
