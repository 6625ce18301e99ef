//! All clusters of one configuration.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chain::{Body, Failure, Response, Upstream, async_trait};
use http::request;

use super::send::Terms;
use super::{Cluster, ClusterSettings, Observer};

/// The clusters by name. Never changes once built.
#[derive(Debug, Default)]
pub struct Clusters(HashMap<Arc<str>, Arc<Cluster>>);

impl Clusters {
    /// Builds the clusters of a configuration. One that `previous` holds with equal settings is carried over with its
    /// connections; for the others `observe` is asked for an observer, by name.
    pub fn build(
        settings: impl IntoIterator<Item = ClusterSettings>,
        previous: Option<&Self>,
        observe: impl Fn(&str) -> Arc<dyn Observer>,
    ) -> Self {
        let cluster = |settings: ClusterSettings| {
            let carried = previous.and_then(|clusters| clusters.get(&settings.name));
            let carried = carried.filter(|cluster| *cluster.settings() == settings).cloned();
            let cluster = carried.unwrap_or_else(|| {
                let observer = observe(&settings.name);
                Cluster::new(settings, observer)
            });
            (Arc::clone(cluster.name()), cluster)
        };
        Self(settings.into_iter().map(cluster).collect())
    }

    /// The cluster of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Cluster>> {
        self.0.get(name)
    }

    /// All clusters, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Cluster>> {
        self.0.values()
    }
}

#[async_trait]
impl Upstream for Clusters {
    fn has_cluster(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    async fn send(
        &self,
        cluster: &str,
        head: request::Parts,
        body: Body,
        timeout: Duration,
    ) -> Result<Response, Failure> {
        let cluster = self.get(cluster).ok_or_else(|| Failure::UnknownCluster(cluster.to_owned()))?;
        // No deadline of its own for what comes after the head: the caller bounds that.
        let terms = Terms { timeout: None, per_try_timeout: None, retries: 1 };
        match tokio::time::timeout(timeout, cluster.send(&head, body, &terms, None)).await {
            Ok(answer) => answer.map(|answer| answer.response),
            Err(_) => {
                cluster.observer.timed_out();
                Err(Failure::UpstreamTimeout)
            }
        }
    }
}
