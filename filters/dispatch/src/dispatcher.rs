//! One dispatch filter's policy over the targets.

use std::sync::Arc;
use std::time::Duration;

use crate::budget::Spent;
use crate::metrics::{Kind, UNKNOWN};
use crate::policy::Rules;
use crate::store::{Command, Store};
use crate::{CallObserver, Error, Metrics, Policy, Scope, Targets};

/// What the guests behind one dispatch filter may reach, or what any of several lets them reach.
pub struct Dispatcher {
    /// Whatever one of these permits is permitted.
    rules: Vec<Arc<Rules>>,
    limits: Limits,
    targets: Arc<Targets>,
    metrics: Arc<Metrics>,
    observer: Option<Arc<dyn CallObserver>>,
}

/// The figures of a policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) calls: u32,
    pub(crate) in_flight: u32,
    pub(crate) function_timeout: Duration,
    pub(crate) max_call_time: Duration,
    pub(crate) depth: u32,
}

impl Dispatcher {
    /// A dispatcher for one filter.
    ///
    /// # Errors
    ///
    /// A key pattern that is not a glob, or a command that guests cannot be given.
    pub fn new(policy: Policy, targets: Arc<Targets>, metrics: Arc<Metrics>) -> Result<Self, Error> {
        let rules = vec![Arc::new(Rules::new(&policy)?)];
        let limits = Limits {
            calls: policy.budget.calls,
            in_flight: policy.budget.in_flight,
            function_timeout: policy.function_timeout,
            max_call_time: policy.max_call_time,
            depth: policy.depth,
        };
        Ok(Self { rules, limits, targets, metrics, observer: None })
    }

    /// With somebody who is told of each call.
    #[must_use]
    pub fn observed(self, observer: Arc<dyn CallObserver>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    /// What a root context may reach: whatever any of the dispatchers lets it reach, each with the largest of their
    /// limits. A command needs one dispatcher that permits the store, the command and all its keys. `None` for none.
    ///
    /// The dispatchers belong to one configuration; targets, metrics and observer are those of the first.
    #[must_use]
    pub fn union(dispatchers: &[Arc<Self>]) -> Option<Self> {
        let first = dispatchers.first()?;
        let limits = dispatchers.iter().map(|dispatcher| dispatcher.limits).reduce(Limits::larger)?;
        Some(Self {
            rules: dispatchers.iter().flat_map(|dispatcher| &dispatcher.rules).cloned().collect(),
            limits,
            targets: Arc::clone(&first.targets),
            metrics: Arc::clone(&first.metrics),
            observer: first.observer.clone(),
        })
    }

    /// Opens the scope of one exchange, with a budget of its own.
    #[must_use]
    pub fn open(self: &Arc<Self>) -> Arc<Scope> {
        Scope::new(self, Spent::new(Some(self.limits.calls), self.limits.in_flight))
    }

    /// Opens the scope of a root context: the number of calls is not limited, only those in flight are.
    #[must_use]
    pub fn open_root(self: &Arc<Self>) -> Arc<Scope> {
        Scope::new(self, Spent::new(None, self.limits.in_flight))
    }

    /// The store of that name, if there is one and it may be called.
    pub(crate) fn store(&self, name: &str) -> Option<&Arc<Store>> {
        self.targets.store(name).filter(|_| self.rules.iter().any(|rules| rules.store(name)))
    }

    /// Whether a cluster has that name and may be called.
    pub(crate) fn reaches_cluster(&self, name: &str) -> bool {
        self.rules.iter().any(|rules| rules.cluster(name)) && self.targets.upstream().has_cluster(name)
    }

    /// Whether a function has that id and may be called.
    pub(crate) fn reaches_function(&self, id: &str) -> bool {
        self.rules.iter().any(|rules| rules.function(id)) && self.targets.functions().contains(id)
    }

    /// Whether the command may run against the store with the keys that it names; if not, why.
    pub(crate) fn permits(&self, store: &str, command: &Command) -> Result<(), String> {
        let mut refusal = String::new();
        for rules in &self.rules {
            match rules.command(store, command) {
                Ok(()) => return Ok(()),
                Err(reason) => refusal = reason,
            }
        }
        Err(refusal)
    }

    /// What a name stands for; of a function and a cluster of one name the function where one is `invoked`.
    pub(crate) fn kind_of(&self, name: &str, invoked: bool) -> &'static str {
        match self.store(name) {
            Some(store) if !invoked => store.kind().label(),
            _ if invoked && self.reaches_function(name) => Kind::Function.label(),
            _ if self.reaches_cluster(name) => Kind::Http.label(),
            _ => UNKNOWN,
        }
    }

    pub(crate) fn observer(&self) -> Option<&Arc<dyn CallObserver>> {
        self.observer.as_ref()
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(crate) fn targets(&self) -> &Arc<Targets> {
        &self.targets
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }
}

impl Limits {
    fn larger(self, other: Self) -> Self {
        Self {
            calls: self.calls.max(other.calls),
            in_flight: self.in_flight.max(other.in_flight),
            function_timeout: self.function_timeout.max(other.function_timeout),
            max_call_time: self.max_call_time.max(other.max_call_time),
            depth: self.depth.max(other.depth),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use chain::{Body, Failure, Response, Upstream, async_trait};
    use http::request;
    use prometheus::Registry;
    use proptest::prelude::*;

    use super::*;
    use crate::{CallError, FunctionCall, Functions, MemorySettings, Names};

    /// Clusters and functions of every name.
    struct All;

    #[async_trait]
    impl Upstream for All {
        fn has_cluster(&self, _: &str) -> bool {
            true
        }

        async fn send(&self, _: &str, _: request::Parts, _: Body, _: Duration) -> Result<Response, Failure> {
            Err(Failure::UpstreamTimeout)
        }
    }

    #[async_trait]
    impl Functions for All {
        fn contains(&self, _: &str) -> bool {
            true
        }

        async fn call(&self, call: FunctionCall) -> Result<Bytes, CallError> {
            Err(CallError::Unknown(call.id))
        }
    }

    fn dispatchers(policies: Vec<Policy>) -> Vec<Arc<Dispatcher>> {
        let stores =
            ["a", "b", "c"].map(|name| Store::memory(name, "", MemorySettings::default()).map(Arc::new).unwrap());
        let targets = Arc::new(Targets::new(stores, Arc::new(All), Arc::new(All)));
        let metrics = Arc::new(Metrics::new(&Registry::new()).unwrap());
        let made = |policy| Dispatcher::new(policy, Arc::clone(&targets), Arc::clone(&metrics)).map(Arc::new);
        policies.into_iter().map(|policy| made(policy).unwrap()).collect()
    }

    fn names() -> impl Strategy<Value = Names> {
        let some = prop::collection::btree_set("[abc]", 0..3).prop_map(Names::Some);
        prop_oneof![Just(Names::None), Just(Names::All), some]
    }

    fn policy() -> impl Strategy<Value = Policy> {
        let commands = prop::option::of(prop::sample::subsequence(vec!["GET", "SET", "MGET"], 0..=3));
        let keys = prop::sample::subsequence(vec!["*", "a*", "b", "?"], 0..=4);
        (names(), names(), names(), commands, keys, 0u32..9).prop_map(
            |(stores, clusters, functions, commands, keys, depth)| {
                let words = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect::<Vec<_>>();
                let keys = words(keys);
                Policy { stores, clusters, functions, commands: commands.map(words), keys, depth, ..Policy::default() }
            },
        )
    }

    proptest! {
        #[test]
        fn a_union_reaches_what_any_of_its_dispatchers_reaches_and_nothing_else(
            policies in prop::collection::vec(policy(), 1..4),
            name in "[abcd]",
            command in prop::sample::select(vec!["GET", "SET", "MGET", "FLUSHALL"]),
            keys in prop::collection::vec("[abc]{1,2}", 1..3),
        ) {
            let all = dispatchers(policies);
            let union = Dispatcher::union(&all).unwrap();
            let command = Command::new(command, keys.into_iter().map(Bytes::from));
            let any = |reaches: &dyn Fn(&Dispatcher) -> bool| all.iter().any(|dispatcher| reaches(dispatcher));
            prop_assert_eq!(union.store(&name).is_some(), any(&|one| one.store(&name).is_some()));
            prop_assert_eq!(union.reaches_cluster(&name), any(&|one| one.reaches_cluster(&name)));
            prop_assert_eq!(union.reaches_function(&name), any(&|one| one.reaches_function(&name)));
            prop_assert_eq!(union.permits(&name, &command).is_ok(), any(&|one| one.permits(&name, &command).is_ok()));
            prop_assert_eq!(Some(union.limits.depth), all.iter().map(|one| one.limits.depth).max());
        }
    }
}
