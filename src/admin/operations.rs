//! The seam to the rest of the proxy.

use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use tracing::level_filters::LevelFilter;

use super::AdminError;

/// A listener as `GET /listeners` shows it.
#[derive(Debug, Clone, Serialize)]
pub struct ListenerFacts {
    /// Its name.
    pub name: String,
    /// The address that it is bound to, with the port that the kernel chose.
    pub address: String,
}

/// A cluster as `GET /clusters` shows it.
#[derive(Debug, Clone, Serialize)]
pub struct ClusterFacts {
    /// Its name.
    pub name: String,
    /// Its endpoints, in the order of the configuration.
    pub endpoints: Vec<EndpointFacts>,
}

/// An endpoint of a cluster.
#[derive(Debug, Clone, Serialize)]
pub struct EndpointFacts {
    /// Its address.
    pub address: String,
    /// Whether requests are sent to it.
    pub healthy: bool,
}

/// What an operator can see and do. The admin server calls one change at a time; reading goes on beside it.
#[async_trait]
pub trait Operations: Send + Sync + 'static {
    /// Generation of the configuration in force.
    fn generation(&self) -> u64;

    /// The answer of `GET /config_dump`: `generation`, `path`, `loaded_at` and `config`, secrets redacted.
    fn config_dump(&self) -> Value;

    /// The listeners, in the order of the configuration.
    fn listeners(&self) -> Vec<ListenerFacts>;

    /// The clusters, in the order of the configuration.
    fn clusters(&self) -> Vec<ClusterFacts>;

    /// Every function as contract §5 describes F, sorted by id.
    fn functions(&self) -> Vec<Value>;

    /// One function, or `None` when none has the id.
    fn function(&self, id: &str) -> Option<Value>;

    /// Each function's id and the level of its guest's lines, sorted by id.
    fn function_log_levels(&self) -> Vec<(String, LevelFilter)>;

    /// Sets the level of a function's lines; `false` when none has the id.
    fn set_function_log_level(&self, id: &str, level: LevelFilter) -> bool;

    /// Installs the function that the JSON object `body` describes and begins to serve it. `body` is known to be JSON.
    ///
    /// # Errors
    ///
    /// 400 for missing, unknown or mistyped keys; 409 when the guest's id is in use; 422 with the step at which the
    /// module was refused. Nothing has changed then.
    async fn install(&self, body: Bytes) -> Result<(), AdminError>;

    /// Takes a function away. Exchanges that are in it end in it.
    ///
    /// # Errors
    ///
    /// 404 when none has the id.
    async fn uninstall(&self, id: &str) -> Result<(), AdminError>;

    /// Sets the number of a function's instances, 1 to 1024, both the least and the most.
    ///
    /// # Errors
    ///
    /// 404 when none has the id.
    async fn update(&self, id: &str, instances: u16) -> Result<(), AdminError>;
}
