//! The calls of a scope as guests make them: let out by the scope, and told to the dispatcher's observer if it has one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::observer::{Asked, Told};
use crate::{CallError, CallObserver, Dispatcher, EndedCall, HttpAnswer, HttpCall, Refusal, Scope};

impl Scope {
    /// Admits an HTTP call to a store or a cluster at once, and gives back the future of its answer.
    ///
    /// The call takes its slot of the budget now and gives it back when the future ends or is dropped. `caller` is the
    /// id of the calling function, for the metrics.
    ///
    /// # Errors
    ///
    /// A refusal; nothing was sent then. Whatever goes wrong later is an answer.
    pub fn http_call(
        self: &Arc<Self>,
        caller: &Arc<str>,
        call: HttpCall,
    ) -> Result<BoxFuture<'static, HttpAnswer>, Refusal> {
        let watched = Watched::begin(self.dispatcher(), caller, &call.target, || Asked::http(&call));
        let admitted = self.admit_http_call(caller, call);
        let Some(watched) = watched else { return admitted };
        match admitted {
            Ok(answer) => Ok(Box::pin(async move {
                let answer = answer.await;
                watched.ended(Told::from(&answer));
                answer
            })),
            Err(refusal) => {
                watched.ended(Told::from(&refusal));
                Err(refusal)
            }
        }
    }

    /// The value of a key in a store; empty for a key that is missing.
    ///
    /// # Errors
    ///
    /// The store or the key may not be read from here, the budget is used up, or the store's own error: the key holds
    /// no string, there is no connection, no answer came in time.
    pub async fn get_state(self: &Arc<Self>, caller: &Arc<str>, store: &str, key: &[u8]) -> Result<Bytes, CallError> {
        let asked = || Asked::GetState { key: Bytes::copy_from_slice(key) };
        let watched = Watched::begin(self.dispatcher(), caller, store, asked);
        told(watched, self.read_state(caller, store, key).await)
    }

    /// Calls the function of that id, or else the cluster of that name with `POST /METHOD`, and returns the answer.
    ///
    /// # Errors
    ///
    /// Neither may be called from here, the budget is used up, functions would nest too deep, no answer came within
    /// the policy's `function_timeout` or this scope's deadline, or the callee failed.
    pub async fn invoke_service(
        self: &Arc<Self>,
        caller: &Arc<str>,
        id: &str,
        method: &str,
        param: Bytes,
    ) -> Result<Bytes, CallError> {
        let asked = || Asked::Invoke { method: method.to_owned(), param: param.clone() };
        let watched = Watched::begin(self.dispatcher(), caller, id, asked);
        told(watched, self.call_service(caller, id, method, param).await)
    }
}

fn told(watched: Option<Watched>, result: Result<Bytes, CallError>) -> Result<Bytes, CallError> {
    if let Some(watched) = watched {
        watched.ended(Told::from(&result));
    }
    result
}

/// A call that somebody wants to be told of. That is done when this is dropped, so of a call that is given up as well.
struct Watched {
    observer: Arc<dyn CallObserver>,
    began: Instant,
    /// Taken out when it is told.
    call: Option<EndedCall>,
}

impl Watched {
    /// `None` when the dispatcher has no observer.
    fn begin(dispatcher: &Dispatcher, caller: &Arc<str>, target: &str, asked: impl FnOnce() -> Asked) -> Option<Self> {
        let observer = Arc::clone(dispatcher.observer()?);
        let asked = asked();
        let call = EndedCall {
            caller: Arc::clone(caller),
            target: target.to_owned(),
            kind: dispatcher.kind_of(target, matches!(asked, Asked::Invoke { .. })),
            asked,
            told: Told::Failed("the call was given up before an answer came".to_owned()),
            took: Duration::ZERO,
        };
        Some(Self { observer, began: Instant::now(), call: Some(call) })
    }

    fn ended(mut self, told: Told) {
        if let Some(call) = &mut self.call {
            call.told = told;
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            self.observer.ended(EndedCall { took: self.began.elapsed(), ..call });
        }
    }
}
