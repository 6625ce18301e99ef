//! From the configuration's words to the settings of those who act.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dispatch::{BreakerSettings, MemorySettings, Policy, RedisSettings, Store};
use function::{InstalledBy, Spec};

use crate::config::{self, StoreKind};
use crate::exchange::{Limits, Timeouts};
use crate::upstream::{self, ClusterSettings};

/// The settings of a store.
pub(super) fn store(store: &config::Store) -> Result<Store, dispatch::Error> {
    let (name, prefix) = (store.name.as_str(), store.key_prefix.as_str());
    match store.kind() {
        Some(StoreKind::Redis(redis)) => Store::redis(name, prefix, redis_settings(redis)),
        Some(StoreKind::Memory(memory)) => {
            let settings = MemorySettings { seed: memory.seed.clone(), max_bytes: memory.max_bytes.bytes() };
            Store::memory(name, prefix, settings)
        }
        // Validation has refused this; an empty store is the harmless reading of it.
        None => Store::memory(name, prefix, MemorySettings::default()),
    }
}

fn redis_settings(redis: &config::Redis) -> RedisSettings {
    RedisSettings {
        url: redis.url.expose(),
        username: redis.username.clone(),
        password_file: redis.password_file.clone(),
        timeout: redis.timeout.into(),
        connect_timeout: redis.connect_timeout.into(),
        breaker: BreakerSettings { failures: redis.breaker.failures, retry: redis.breaker.retry.into() },
        max_reply: redis.max_reply.bytes(),
    }
}

/// The settings of a cluster.
pub(super) fn cluster(cluster: &config::Cluster) -> ClusterSettings {
    let endpoint = |endpoint: &config::Endpoint| upstream::Endpoint {
        address: endpoint.address.into(),
        weight: std::num::NonZeroU32::new(endpoint.weight).unwrap_or(std::num::NonZeroU32::MIN),
    };
    ClusterSettings {
        name: cluster.name.as_str().into(),
        endpoints: cluster.endpoints.iter().map(endpoint).collect(),
        connections: upstream::Connections {
            max: cluster.connections.max,
            pending: cluster.connections.pending,
            requests: cluster.connections.requests,
            idle: cluster.connections.idle.into(),
        },
        timeouts: upstream::Timeouts { connect: cluster.timeouts.connect.into() },
    }
}

/// The policy of a dispatch filter.
pub(super) fn policy(filter: &config::filter::Dispatch) -> Policy {
    let commands =
        |commands: &[config::value::Command]| commands.iter().map(|command| command.as_str().to_owned()).collect();
    Policy {
        stores: names(&filter.stores),
        clusters: names(&filter.clusters),
        functions: names(&filter.functions),
        commands: Some(commands(&filter.commands)),
        extra_commands: commands(&filter.extra_commands),
        keys: filter.keys.clone(),
        budget: dispatch::Budget { calls: filter.budget.calls, in_flight: filter.budget.in_flight },
        function_timeout: filter.function_timeout.into(),
        max_call_time: filter.max_call_time.into(),
        depth: filter.depth,
    }
}

/// A list of names.
pub(super) fn names(names: &config::Names) -> dispatch::Names {
    match names {
        config::Names::All => dispatch::Names::All,
        config::Names::Listed(names) if names.is_empty() => dispatch::Names::None,
        config::Names::Listed(names) => dispatch::Names::Some(names.iter().map(|name| name.to_string()).collect()),
    }
}

/// Limits of a listener.
pub(super) fn limits(limits: &config::ListenerLimits) -> Limits {
    Limits {
        connections: limits.connections as usize,
        header_bytes: limits.header_bytes.as_usize(),
        headers: limits.headers as usize,
        requests_per_connection: limits.requests_per_connection.into(),
    }
}

/// Timeouts of a listener.
pub(super) fn timeouts(timeouts: &config::ListenerTimeouts) -> Timeouts {
    Timeouts {
        header: timeouts.header.into(),
        idle: timeouts.idle.into(),
        stream_idle: timeouts.stream_idle.into(),
        write: timeouts.write.into(),
        request: timeouts.request.into(),
    }
}

/// What is the same for every function of the process.
#[derive(Debug, Clone, Copy)]
pub(super) struct FunctionDefaults {
    /// Data-plane workers.
    pub(super) threads: usize,
    /// Most bytes of a module.
    pub(super) max_module: u64,
}

/// What is installed for a function of the configuration in a process with so many data-plane workers. `max_module` is in
/// bytes.
#[must_use]
pub fn installable(entry: &config::Function, threads: usize, max_module: u64) -> Spec {
    function(entry, &BTreeMap::new(), InstalledBy::Config, FunctionDefaults { threads, max_module })
}

/// What is installed for a function of the configuration, or of an install body with pairs of its own.
pub(super) fn function(
    function: &config::Function,
    pairs: &BTreeMap<String, String>,
    installed_by: InstalledBy,
    defaults: FunctionDefaults,
) -> Spec {
    let vm = &function.vm_config;
    let text = |settings: &config::GuestSettings| settings.text().map(Bytes::from);
    let (vm_configuration, configuration) = (text(&vm.configuration), text(&function.configuration));
    let settings = wasm::Settings {
        name: function.name.as_str().into(),
        version: 1,
        root_id: function.root_id.clone(),
        vm_id: vm.vm_id.clone(),
        layotto: wasm::Layotto {
            vm_configuration: vm_configuration.is_none().then(|| layotto_vm_pairs(vm)),
            configuration: configuration.is_none().then(|| layotto_pairs(function, pairs)),
        },
        vm_configuration: vm_configuration.unwrap_or_default(),
        configuration: configuration.unwrap_or_default(),
        environment: environment(&vm.environment_variables),
        failure_policy: match function.failure_policy {
            config::FailurePolicy::FailOpen => wasm::FailurePolicy::Open,
            config::FailurePolicy::FailClosed | config::FailurePolicy::FailReload => wasm::FailurePolicy::Closed,
        },
        backoff: wasm::Backoff {
            base: function.reload_config.backoff.base_interval.into(),
            max: function.reload_config.backoff.max_interval.into(),
        },
        limits: wasm::Limits {
            cpu: function.limits.cpu.into(),
            start: function.limits.start.into(),
            memory: function.limits.memory.as_usize(),
            body: function.limits.body.as_usize(),
        },
        instances: instances(&function.instances, defaults.threads),
        queue: wasm::Queue { length: function.queue.length as usize, wait: Duration::from(function.queue.wait) },
        log_level: level(function.log_level),
    };
    Spec {
        settings,
        path: vm.path.clone(),
        requested_engine: vm.engine.as_str().to_owned(),
        sha256: vm.sha256.as_ref().map(|digest| wasm::hex(digest.bytes())),
        md5: None,
        max_module: defaults.max_module,
        installed_by,
    }
}

/// `auto` is eight vms for each worker; both bounds lie in 1 to 1024.
pub(super) fn instances(instances: &config::Instances, threads: usize) -> wasm::Instances {
    let min = instances.min as usize;
    let auto = u32::try_from(threads * 8).unwrap_or(1024).min(1024);
    let max = instances.max.unwrap_or_else(|| auto) as usize;
    wasm::Instances { min, max: max.max(min) }
}

pub(super) fn level(level: config::LogLevel) -> wasm::Level {
    match level {
        config::LogLevel::Trace => wasm::Level::Trace,
        config::LogLevel::Debug => wasm::Level::Debug,
        config::LogLevel::Info => wasm::Level::Info,
        config::LogLevel::Warn => wasm::Level::Warn,
        config::LogLevel::Error => wasm::Level::Error,
    }
}

/// Variables of this process that the guest may see, then those that are written for it.
fn environment(variables: &config::EnvironmentVariables) -> Vec<(String, String)> {
    let inherited = variables.host_env_keys.iter();
    let inherited = inherited.filter_map(|key| Some((key.clone(), std::env::var(key).ok()?)));
    let written = variables.key_values.0.iter().map(|(key, value)| (key.clone(), value.clone()));
    inherited.chain(written).collect()
}

/// What Layotto's host gives as the vm's configuration: the fields of its `vm_config`.
fn layotto_vm_pairs(vm: &config::VmConfig) -> Bytes {
    let path = vm.path.display().to_string();
    wasm::encode_pairs(&[("engine", vm.engine.as_str()), ("path", path.as_str())]).into()
}

/// What Layotto's host gives as the plugin's configuration: the string values of the entry, `name` among them.
fn layotto_pairs(function: &config::Function, pairs: &BTreeMap<String, String>) -> Bytes {
    let mut all = vec![("name", function.name.as_str())];
    all.extend(pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    wasm::encode_pairs(&all).into()
}

/// A name, shared.
pub(super) fn shared(name: &config::Name) -> Arc<str> {
    name.as_str().into()
}
