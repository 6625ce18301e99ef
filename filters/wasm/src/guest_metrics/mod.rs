//! The metrics that guests define, exported with the label `function`.
//!
//! A metric keeps its name, characters outside `[a-zA-Z0-9_]` replaced by `_`; names that differ in nothing else are one
//! metric. All vms and versions of a function that define a metric share its value, and it goes with the last of them.

mod names;
mod series;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use prometheus::Registry;

use crate::abi::Status;

use names::Names;
pub(crate) use series::{Kind, Series};

/// Metrics that one version of a function may define.
const MAX_METRICS: usize = 256;
/// Bytes of a metric's name. Istio's names carry their labels and reach a kilobyte.
const MAX_NAME: usize = 2048;

/// The guests' metrics of a process. Clones are the same ones.
#[derive(Clone)]
pub struct GuestMetrics(Arc<Exported>);

struct Exported {
    registry: Registry,
    metrics: Mutex<Metrics>,
}

#[derive(Default)]
struct Metrics {
    names: Names,
    shared: HashMap<Key, Shared>,
}

/// What a metric is known by: the same name with another kind is another metric.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    function: Arc<str>,
    kind: Kind,
    name: Arc<str>,
}

/// A metric, and how many handles have defined it.
struct Shared {
    series: Series,
    exported_as: String,
    users: usize,
}

/// The metrics that one version of a function has defined; dropping it ends them.
pub(crate) struct GuestMetricsHandle {
    exported: Arc<Exported>,
    function: Arc<str>,
    defined: RwLock<Vec<(Key, Series)>>,
}

impl GuestMetrics {
    /// Guests' metrics become part of `registry`.
    #[must_use]
    pub fn new(registry: &Registry) -> Self {
        Self(Arc::new(Exported { registry: registry.clone(), metrics: Mutex::default() }))
    }

    /// A handle for one version of a function.
    pub(crate) fn open(&self, function: &Arc<str>) -> GuestMetricsHandle {
        GuestMetricsHandle { exported: Arc::clone(&self.0), function: Arc::clone(function), defined: RwLock::default() }
    }
}

impl GuestMetricsHandle {
    /// Defines a metric and gives its id; asked for again, the id is the same.
    ///
    /// Status 2 for a name that is empty, too long, or Outrigger's own; 10 for one metric too many.
    pub(crate) fn define(&self, kind: Kind, name: &[u8]) -> Result<u32, Status> {
        let name = exported_name(name).ok_or(Status::BadArgument)?;
        let key = Key { function: Arc::clone(&self.function), kind, name: name.into() };
        let mut defined = self.defined.write();
        let known = defined.iter().position(|(known, _)| *known == key);
        let at = match known {
            Some(at) => at,
            None if defined.len() == MAX_METRICS => return Err(Status::InternalFailure),
            None => {
                let series = self.exported.join(&key)?;
                defined.push((key, series));
                defined.len() - 1
            }
        };
        u32::try_from(at + 1).map_err(|_| Status::InternalFailure)
    }

    /// The metric with an id; status 1 when there is none.
    pub(crate) fn series(&self, id: u32) -> Result<Series, Status> {
        let at = (id as usize).checked_sub(1).ok_or(Status::NotFound)?;
        let defined = self.defined.read();
        defined.get(at).map(|(_, series)| series.clone()).ok_or(Status::NotFound)
    }
}

impl Drop for GuestMetricsHandle {
    fn drop(&mut self) {
        for (key, _) in self.defined.get_mut().drain(..) {
            self.exported.leave(&key);
        }
    }
}

impl Exported {
    fn join(&self, key: &Key) -> Result<Series, Status> {
        let mut metrics = self.metrics.lock();
        let Metrics { names, shared } = &mut *metrics;
        if let Some(known) = shared.get_mut(key) {
            known.users += 1;
            return Ok(known.series.clone());
        }
        let exported_as = names.free(key.kind, &key.name, &key.function);
        let series = Series::new(key.kind, &exported_as, &key.function).map_err(|_| Status::InternalFailure)?;
        self.registry.register(series.collector()).map_err(|_| Status::InternalFailure)?;
        names.take(key.kind, &exported_as, &key.function);
        shared.insert(key.clone(), Shared { series: series.clone(), exported_as, users: 1 });
        Ok(series)
    }

    fn leave(&self, key: &Key) {
        let mut metrics = self.metrics.lock();
        let Metrics { names, shared } = &mut *metrics;
        let Some(known) = shared.get_mut(key) else { return };
        known.users -= 1;
        if known.users > 0 {
            return;
        }
        if let Some(gone) = shared.remove(key) {
            // It was registered when it was made, so there is nothing to fail.
            let _ = self.registry.unregister(gone.series.collector());
            names.release(key.kind, &gone.exported_as, &key.function);
        }
    }
}

/// A name that Prometheus takes; `None` for one that guests may not have.
fn exported_name(name: &[u8]) -> Option<String> {
    if name.is_empty() || name.len() > MAX_NAME {
        return None;
    }
    let valid = |char: char| if char.is_ascii_alphanumeric() { char } else { '_' };
    let mut name: String = String::from_utf8_lossy(name).chars().map(valid).collect();
    if name.starts_with(|char: char| char.is_ascii_digit()) {
        name.insert(0, '_');
    }
    let ours = ["outrigger_", "envoy_", "process_"];
    (!ours.iter().any(|prefix| name.starts_with(prefix))).then_some(name)
}

#[cfg(test)]
mod tests;
