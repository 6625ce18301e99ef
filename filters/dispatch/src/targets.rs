//! Everything that exists to be called, permitted or not.

use std::collections::HashMap;
use std::sync::Arc;

use chain::Upstream;

use crate::{Functions, Store};

/// The stores, clusters and functions that dispatch filters choose from.
pub struct Targets {
    stores: HashMap<Arc<str>, Arc<Store>>,
    upstream: Arc<dyn Upstream>,
    functions: Arc<dyn Functions>,
}

impl Targets {
    /// Gathers the targets. Of two stores with one name the later one stays.
    ///
    /// A store is shared: handing the same one to the targets of a new configuration keeps its connection, or its
    /// content if it is a memory store.
    #[must_use]
    pub fn new(
        stores: impl IntoIterator<Item = Arc<Store>>,
        upstream: Arc<dyn Upstream>,
        functions: Arc<dyn Functions>,
    ) -> Self {
        let stores = stores.into_iter().map(|store| (Arc::clone(store.name()), store)).collect();
        Self { stores, upstream, functions }
    }

    pub(crate) fn store(&self, name: &str) -> Option<&Arc<Store>> {
        self.stores.get(name)
    }

    pub(crate) fn upstream(&self) -> &Arc<dyn Upstream> {
        &self.upstream
    }

    pub(crate) fn functions(&self) -> &Arc<dyn Functions> {
        &self.functions
    }
}
