//! One exchange's share of a dispatcher: its budget, its deadline, how deep its functions are nested.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::time::timeout;

use crate::budget::{Slot, Spent};
use crate::function_call::{cluster_answer, cluster_request};
use crate::metrics::{Kind, Outcome, UNKNOWN};
use crate::store::{Command, Reason, Reply, Store, StoreError};
use crate::{CallError, Dispatcher, FunctionCall, HttpAnswer, HttpCall, Refusal, http_call, store};

/// What the guests of one exchange, or one root context, call through.
pub struct Scope {
    dispatcher: Arc<Dispatcher>,
    spent: Arc<Spent>,
    deadline: Option<Instant>,
    depth: u32,
}

impl Scope {
    pub(crate) fn new(dispatcher: &Arc<Dispatcher>, spent: Arc<Spent>) -> Arc<Self> {
        Arc::new(Self { dispatcher: Arc::clone(dispatcher), spent, deadline: None, depth: 0 })
    }

    /// When every call of this scope must be over; set for a function that was called by another.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How many calls of functions lie between the exchange and this scope.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// Admits an HTTP call, and gives back the future of its answer.
    pub(crate) fn admit_http_call(
        self: &Arc<Self>,
        caller: &Arc<str>,
        call: HttpCall,
    ) -> Result<BoxFuture<'static, HttpAnswer>, Refusal> {
        if let Some(store) = self.dispatcher.store(&call.target) {
            let store = Arc::clone(store);
            let ongoing = self.begin(caller, Arc::clone(store.name()), store.kind()).ok_or(Refusal::Budget)?;
            return Ok(Box::pin(self.http_call_to_store(ongoing, store, call)));
        }
        if self.dispatcher.reaches_cluster(&call.target) {
            let target = Arc::from(call.target.as_str());
            let ongoing = self.begin(caller, target, Kind::Http).ok_or(Refusal::Budget)?;
            return Ok(Box::pin(self.http_call_to_cluster(ongoing, call)));
        }
        self.dispatcher.metrics().count(caller, UNKNOWN, Kind::Http, Outcome::Denied);
        Err(Refusal::Unknown)
    }

    pub(crate) async fn read_state(&self, caller: &Arc<str>, store: &str, key: &[u8]) -> Result<Bytes, CallError> {
        let Some(store) = self.dispatcher.store(store).map(Arc::clone) else {
            self.dispatcher.metrics().count(caller, UNKNOWN, Kind::Redis, Outcome::Denied);
            return Err(CallError::Unknown(store.to_owned()));
        };
        let Some(mut ongoing) = self.begin(caller, Arc::clone(store.name()), store.kind()) else {
            return Err(CallError::Budget);
        };
        let command = Command::new("GET", [Bytes::copy_from_slice(key)]);
        let left = self.left(self.dispatcher.limits().max_call_time);
        let result = within(left, run(&self.dispatcher, &store, command)).await;
        let result = result.unwrap_or_else(|| Err(store::timed_out(store.name(), left)));
        ongoing.ended(store_outcome(&result));
        Ok(result?.into_bytes())
    }

    pub(crate) async fn call_service(
        &self,
        caller: &Arc<str>,
        id: &str,
        method: &str,
        param: Bytes,
    ) -> Result<Bytes, CallError> {
        if self.dispatcher.reaches_function(id) {
            let mut ongoing = self.begin(caller, Arc::from(id), Kind::Function).ok_or(CallError::Budget)?;
            let result = self.call_function(id, method, param).await;
            ongoing.ended(call_outcome(&result));
            return result;
        }
        if self.dispatcher.reaches_cluster(id) {
            let mut ongoing = self.begin(caller, Arc::from(id), Kind::Http).ok_or(CallError::Budget)?;
            let limit = self.left(self.dispatcher.limits().function_timeout);
            let upstream = self.dispatcher.targets().upstream();
            let head = cluster_request(id, method);
            let (answer, outcome) = http_call::send(&**upstream, id, head, param, None, limit).await;
            ongoing.ended(outcome);
            return cluster_answer(id, answer);
        }
        self.dispatcher.metrics().count(caller, UNKNOWN, Kind::Function, Outcome::Denied);
        Err(CallError::Unknown(id.to_owned()))
    }

    pub(crate) fn dispatcher(&self) -> &Dispatcher {
        &self.dispatcher
    }

    async fn call_function(&self, id: &str, method: &str, param: Bytes) -> Result<Bytes, CallError> {
        let limits = self.dispatcher.limits();
        let depth = self.depth + 1;
        if depth > limits.depth {
            return Err(CallError::Depth { id: id.to_owned(), depth: limits.depth });
        }
        let now = Instant::now();
        let latest = now + limits.function_timeout;
        let deadline = self.deadline.map_or(latest, |deadline| deadline.min(latest));
        let left = deadline.saturating_duration_since(now);
        let scope = Arc::new(Self {
            dispatcher: Arc::clone(&self.dispatcher),
            spent: Arc::clone(&self.spent),
            deadline: Some(deadline),
            depth,
        });
        let call = FunctionCall { id: id.to_owned(), method: method.to_owned(), param, scope };
        let answer = within(left, self.dispatcher.targets().functions().call(call)).await;
        answer.unwrap_or_else(|| Err(CallError::Timeout { target: id.to_owned(), timeout: left }))
    }

    fn http_call_to_store(
        self: &Arc<Self>,
        mut ongoing: Ongoing,
        store: Arc<Store>,
        call: HttpCall,
    ) -> impl Future<Output = HttpAnswer> + Send + 'static {
        let limit = self.http_limit(call.timeout);
        async move {
            let dispatcher = Arc::clone(&ongoing.dispatcher);
            let answered = async {
                let (command, shape) = store::command(&call.head, call.body)?;
                Ok((run(&dispatcher, &store, command).await?, shape))
            };
            let result = within(limit, answered).await;
            let result = result.unwrap_or_else(|| Err(store::timed_out(store.name(), limit)));
            ongoing.ended(store_outcome(&result));
            let (head, body) = store::response(result);
            HttpAnswer::Response { head, body, trailers: Default::default() }
        }
    }

    fn http_call_to_cluster(
        self: &Arc<Self>,
        mut ongoing: Ongoing,
        call: HttpCall,
    ) -> impl Future<Output = HttpAnswer> + Send + 'static {
        let limit = self.http_limit(call.timeout);
        async move {
            let upstream = Arc::clone(ongoing.dispatcher.targets().upstream());
            let trailers = Some(call.trailers).filter(|trailers| !trailers.is_empty());
            let (answer, outcome) =
                http_call::send(&*upstream, &call.target, call.head, call.body, trailers, limit).await;
            ongoing.ended(outcome);
            answer
        }
    }

    /// Takes a slot of the budget for a call; `None` when it is used up, which is counted.
    fn begin(&self, caller: &Arc<str>, target: Arc<str>, kind: Kind) -> Option<Ongoing> {
        let Some(slot) = self.spent.take() else {
            self.dispatcher.metrics().count(caller, &target, kind, Outcome::Budget);
            return None;
        };
        Some(Ongoing {
            dispatcher: Arc::clone(&self.dispatcher),
            caller: Arc::clone(caller),
            target,
            kind,
            outcome: Outcome::Error,
            began: Instant::now(),
            _slot: slot,
        })
    }

    /// The time for an HTTP call that asked for `timeout`; zero asks for the longest one.
    fn http_limit(&self, timeout: Duration) -> Duration {
        let longest = self.dispatcher.limits().max_call_time;
        self.left(if timeout.is_zero() { longest } else { timeout.min(longest) })
    }

    /// `limit`, or what is left until the deadline if that is less.
    fn left(&self, limit: Duration) -> Duration {
        self.deadline.map_or(limit, |deadline| deadline.saturating_duration_since(Instant::now()).min(limit))
    }
}

/// A call that was let out. Its slot of the budget is freed, and its metrics are written, when this is dropped: a call
/// that is dropped half-way counts as an error.
struct Ongoing {
    dispatcher: Arc<Dispatcher>,
    caller: Arc<str>,
    target: Arc<str>,
    kind: Kind,
    outcome: Outcome,
    began: Instant,
    _slot: Slot,
}

impl Ongoing {
    fn ended(&mut self, outcome: Outcome) {
        self.outcome = outcome;
    }
}

impl Drop for Ongoing {
    fn drop(&mut self) {
        self.dispatcher.metrics().observe(&self.caller, &self.target, self.kind, self.outcome, self.began);
    }
}

/// Runs a command that the policy permits.
async fn run(dispatcher: &Dispatcher, store: &Store, command: Command) -> Result<Reply, StoreError> {
    dispatcher.permits(store.name(), &command).map_err(|why| StoreError::new(Reason::Denied, why))?;
    store.run(command).await
}

/// `None` when the work was not done in time. No time at all: the work does not begin.
async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    if limit.is_zero() {
        return None;
    }
    timeout(limit, work).await.ok()
}

fn store_outcome<T>(result: &Result<T, StoreError>) -> Outcome {
    result.as_ref().map_or_else(|error| error.reason.into(), |_| Outcome::Ok)
}

fn call_outcome(result: &Result<Bytes, CallError>) -> Outcome {
    match result {
        Ok(_) => Outcome::Ok,
        Err(CallError::Timeout { .. }) => Outcome::Timeout,
        Err(CallError::Store(error)) => error.reason.into(),
        Err(_) => Outcome::Error,
    }
}
