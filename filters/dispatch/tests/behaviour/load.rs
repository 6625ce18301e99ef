//! Many callers at once, and what each of their calls came to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::support::{Guest, Told};

/// One call of a load.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) caller: usize,
    pub(crate) began: Instant,
    pub(crate) took: Duration,
    pub(crate) told: Told,
    /// Whether the answer is the one to this very call.
    pub(crate) right: bool,
}

impl Call {
    pub(crate) fn ended(&self) -> Instant {
        self.began + self.took
    }
}

/// Callers that call as long as this lives, a millisecond apart.
pub(crate) struct Load {
    calls: Arc<Mutex<Vec<Call>>>,
    over: Arc<AtomicBool>,
    callers: JoinSet<()>,
}

impl Load {
    /// `words` makes the command for a caller and the number of its call; `right` judges the answer of a 200.
    pub(crate) fn start(
        guest: &Guest,
        callers: usize,
        words: fn(usize, usize) -> Vec<String>,
        right: fn(usize, usize, &str) -> bool,
    ) -> Self {
        let (calls, over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let mut set = JoinSet::new();
        for caller in 0..callers {
            let (guest, calls, over) = (guest.clone(), Arc::clone(&calls), Arc::clone(&over));
            set.spawn(async move {
                for number in 0.. {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let words = words(caller, number);
                    let words: Vec<&str> = words.iter().map(String::as_str).collect();
                    let began = Instant::now();
                    let told = guest.command(&words).await;
                    let took = began.elapsed();
                    let right = told.status != 200 || right(caller, number, std::str::from_utf8(&told.body).unwrap());
                    calls.lock().push(Call { caller, began, took, told, right });
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            });
        }
        Self { calls, over, callers: set }
    }

    /// Each caller echoes words of its own, another one with each call.
    pub(crate) fn of_echoes(guest: &Guest, callers: usize) -> Self {
        Self::start(
            guest,
            callers,
            |caller, number| vec!["ECHO".to_owned(), format!("{caller}/{number}")],
            |caller, number, body| body == format!(r#"{{"result":"{caller}/{number}"}}"#),
        )
    }

    /// Waits until this many calls that began after `since` were answered so.
    pub(crate) async fn until(&self, since: Instant, many: usize, what: impl Fn(&Told) -> bool) {
        wait_for(|| self.calls.lock().iter().filter(|call| call.began >= since && what(&call.told)).count() >= many)
            .await;
    }

    /// Stops the callers and gives all their calls, in the order of their ends.
    pub(crate) async fn end(mut self) -> Vec<Call> {
        self.over.store(true, Ordering::Relaxed);
        while let Some(caller) = self.callers.join_next().await {
            caller.unwrap();
        }
        let mut calls = std::mem::take(&mut *self.calls.lock());
        calls.sort_by_key(Call::ended);
        calls
    }
}

async fn wait_for(what: impl Fn() -> bool) {
    let wait = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("what is waited for happens");
}

pub(crate) fn answered(told: &Told) -> bool {
    told.status == 200
}

pub(crate) fn breaker_open(told: &Told) -> bool {
    told.status == 503 && told.reason == "breaker_open"
}

pub(crate) fn slowest<'a>(calls: impl Iterator<Item = &'a Call>) -> Duration {
    calls.map(|call| call.took).max().unwrap_or_default()
}
