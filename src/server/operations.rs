//! What an operator sees and does at run time.

use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use function::{InstallError, InstalledBy, Version};
use serde_json::{Value, json};
use tracing::level_filters::LevelFilter;

use crate::admin::{AdminError, ClusterFacts, EndpointFacts, ListenerFacts, Operations};
use crate::config::{InstallBody, Problem, Problems};
use crate::listener::Listener;
use crate::live::Live;
use crate::telemetry::rfc3339;

/// What the admin server works on.
pub(super) struct Operator {
    pub(super) live: Arc<Live>,
    listeners: OnceLock<Vec<ListenerFacts>>,
}

impl Operator {
    pub(super) fn new(live: Arc<Live>) -> Self {
        Self { live, listeners: OnceLock::new() }
    }

    /// Tells where the listeners are bound.
    pub(super) fn bound(&self, listeners: &[Listener]) {
        let _ = self.listeners.set(listeners.iter().map(facts).collect());
    }
}

fn facts(listener: &Listener) -> ListenerFacts {
    ListenerFacts { name: listener.front().name.to_string(), address: listener.address().to_string() }
}

#[async_trait]
impl Operations for Operator {
    fn generation(&self) -> u64 {
        self.live.generation()
    }

    fn config_dump(&self) -> Value {
        json!({
            "generation": self.live.generation(),
            "path": self.live.path.display().to_string(),
            "loaded_at": rfc3339(self.live.loaded_at),
            "config": self.live.config,
        })
    }

    fn listeners(&self) -> Vec<ListenerFacts> {
        self.listeners.get().cloned().unwrap_or_default()
    }

    fn clusters(&self) -> Vec<ClusterFacts> {
        self.live.config.clusters.iter().map(cluster).collect()
    }

    fn functions(&self) -> Vec<Value> {
        self.live.registry.list().iter().map(|version| describe(version)).collect()
    }

    fn function(&self, id: &str) -> Option<Value> {
        self.live.registry.get(id).map(|version| describe(&version))
    }

    fn function_log_levels(&self) -> Vec<(String, LevelFilter)> {
        let level = |version: &Arc<Version>| (version.id().to_string(), filter_of(version.pool.log_level()));
        self.live.registry.list().iter().map(level).collect()
    }

    fn set_function_log_level(&self, id: &str, level: LevelFilter) -> bool {
        let version = self.live.registry.get(id);
        if let Some(version) = &version {
            version.pool.set_log_level(level_of(level));
        }
        version.is_some()
    }

    async fn install(&self, body: Bytes) -> Result<(), AdminError> {
        let body = InstallBody::parse(&body).map_err(|problems| bad_body(&problems))?;
        let live = Arc::clone(&self.live);
        blocking(move || live.install(&body)).await?.map(|_| ()).map_err(|error| match error {
            InstallError::Refused(refused) => AdminError::refused(refused.step, refused.to_string()),
            InstallError::InUse { .. } => AdminError::conflict(error.to_string()),
        })
    }

    async fn uninstall(&self, id: &str) -> Result<(), AdminError> {
        self.live.registry.uninstall(id).map_err(|unknown| AdminError::not_found(unknown.to_string()))
    }

    async fn update(&self, id: &str, instances: u16) -> Result<(), AdminError> {
        let (live, id) = (Arc::clone(&self.live), id.to_owned());
        let resized = blocking(move || live.resize(&id, instances.into())).await?;
        resized
            .map_err(|unknown| AdminError::not_found(unknown.to_string()))?
            .map_err(|refused| AdminError::refused(refused.step, refused.to_string()))
    }
}

/// Runs work that compiles or starts guests beside the admin server's own thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, AdminError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| {
        AdminError::new(http::StatusCode::INTERNAL_SERVER_ERROR, format!("the change failed: {error}"))
    })
}

fn bad_body(problems: &Problems) -> AdminError {
    let say = |problem: &Problem| match problem.path.is_root() {
        true => problem.message.clone(),
        false => format!("{}: {}", problem.path, problem.message),
    };
    let mut error = AdminError::bad_request(problems.iter().map(say).collect::<Vec<_>>().join("; "));
    error.problems = Some(problems.to_json()["problems"].clone());
    error
}

fn cluster(cluster: &crate::config::Cluster) -> ClusterFacts {
    let endpoint =
        |endpoint: &crate::config::Endpoint| EndpointFacts { address: endpoint.address.to_string(), healthy: true };
    ClusterFacts { name: cluster.name.to_string(), endpoints: cluster.endpoints.iter().map(endpoint).collect() }
}

/// F of contract §5.
fn describe(version: &Version) -> Value {
    let pool = &version.pool;
    let (stats, facts) = (pool.stats(), pool.facts());
    let last_error = stats.last_trap.as_ref().map(|trap| {
        json!({"at": rfc3339(trap.at), "callback": trap.callback, "reason": trap.reason, "message": trap.message})
    });
    json!({
        "id": &**version.id(),
        "configured_name": &**pool.name(),
        "state": if stats.live > 0 { "ready" } else { "failed" },
        "version": version.number,
        "sha256": facts.sha256,
        "abi": facts.abi,
        "engine": "wasmtime",
        "requested_engine": version.requested_engine,
        "source": version.source.display().to_string(),
        "failure_policy": match pool.settings().failure_policy {
            wasm::FailurePolicy::Open => "fail_open",
            wasm::FailurePolicy::Closed => "fail_closed",
        },
        "instances": {
            "min": stats.instances.min, "max": stats.instances.max, "live": stats.live, "busy": stats.busy,
        },
        "exchanges": {"live": stats.exchanges_live, "total": stats.exchanges_total},
        "traps": stats.traps,
        "last_error": last_error,
        "memory_bytes": stats.memory_bytes,
        "installed_at": rfc3339(version.installed_at),
        "installed_by": match version.installed_by {
            InstalledBy::Config => "config",
            InstalledBy::Admin => "admin",
        },
    })
}

fn level_of(level: LevelFilter) -> wasm::Level {
    match level {
        LevelFilter::TRACE => wasm::Level::Trace,
        LevelFilter::DEBUG => wasm::Level::Debug,
        LevelFilter::INFO => wasm::Level::Info,
        LevelFilter::WARN => wasm::Level::Warn,
        LevelFilter::ERROR => wasm::Level::Error,
        _ => wasm::Level::Critical,
    }
}

fn filter_of(level: wasm::Level) -> LevelFilter {
    match level {
        wasm::Level::Trace => LevelFilter::TRACE,
        wasm::Level::Debug => LevelFilter::DEBUG,
        wasm::Level::Info => LevelFilter::INFO,
        wasm::Level::Warn => LevelFilter::WARN,
        wasm::Level::Error | wasm::Level::Critical => LevelFilter::ERROR,
    }
}
