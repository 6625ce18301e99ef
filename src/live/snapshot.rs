//! A snapshot: everything built from one configuration, immutable.

use std::sync::Arc;

use dispatch::Targets;
use function::Registry;

use super::chain::{Builder, route};
use super::observe::{ClusterObserver, ListenerObserver};
use super::reach::Reach;
use super::{problem, spec};
use crate::config::{self, AccessLogFormat, AccessLogPath, Config, Place, Problem, Problems};
use crate::exchange::Front;
use crate::telemetry::{AccessLog, AccessLogs, Destination, Format, Metrics};
use crate::upstream::Clusters;

/// What outlives snapshots.
pub struct Parts {
    /// Every metric of the process.
    pub metrics: Arc<Metrics>,
    /// Metrics of host calls.
    pub dispatch_metrics: Arc<dispatch::Metrics>,
    /// Open access logs.
    pub access_logs: AccessLogs,
    /// The installed functions.
    pub registry: Arc<Registry>,
}

/// Everything built from one configuration, its functions left out: they live in the registry.
pub struct Snapshot {
    /// The clusters.
    pub clusters: Arc<Clusters>,
    /// What each listener serves, in the order of the configuration.
    pub fronts: Vec<Arc<Front>>,
}

impl Snapshot {
    /// Builds stores, clusters and chains, and tells the functions what their root contexts may reach.
    ///
    /// # Errors
    ///
    /// What can only be seen by building: a key pattern, an access log that cannot be opened.
    pub fn build(config: &Config, parts: &Parts) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        let observe = |name: &str| Arc::new(ClusterObserver(parts.metrics.cluster(name))) as _;
        let clusters = Arc::new(Clusters::build(config.clusters.iter().map(spec::cluster), None, observe));
        let stores = stores(config, &mut problems);
        let targets = Arc::new(Targets::new(stores, Arc::clone(&clusters) as _, Arc::clone(&parts.registry) as _));
        let mut reach = Reach::default();
        let mut builder = Builder {
            targets: &targets,
            dispatch_metrics: &parts.dispatch_metrics,
            registry: &parts.registry,
            clusters: &clusters,
            reach: &mut reach,
        };
        let mut fronts = Vec::new();
        for (index, listener) in config.listeners.iter().enumerate() {
            let place = Place::default().key("listeners").index(index);
            match front(config, listener, &place, &mut builder, parts) {
                Ok(front) => fronts.push(Arc::new(front)),
                Err(problem) => problems.push(problem),
            }
        }
        problems.into_result()?;
        parts.registry.set_root_scope(move |function| reach.root_scope(function));
        Ok(Self { clusters, fronts })
    }
}

fn stores(config: &Config, problems: &mut Problems) -> Vec<Arc<dispatch::Store>> {
    let mut stores = Vec::new();
    for (index, store) in config.stores.iter().enumerate() {
        match spec::store(store) {
            Ok(store) => stores.push(Arc::new(store)),
            Err(error) => problems.push(problem("stores", index, error)),
        }
    }
    stores
}

fn front(
    config: &Config,
    listener: &config::Listener,
    place: &Place,
    builder: &mut Builder<'_>,
    parts: &Parts,
) -> Result<Front, Problem> {
    let own = listener.access_log.as_ref();
    let log_place = own.map_or(Place::default(), |_| place.clone()).key("access_log");
    let access_log = access_log(own.unwrap_or(&config.access_log), &parts.access_logs, &log_place)?;
    let telemetry = parts.metrics.listener(&listener.name, access_log);
    let mut front = Front::new(listener.name.as_str(), builder.chain(listener, place)?);
    front.limits = spec::limits(&listener.limits);
    front.timeouts = spec::timeouts(&listener.timeouts);
    front.trusted_hops = listener.trusted_hops;
    front.route = route(listener);
    front.observers = vec![Arc::new(ListenerObserver(telemetry))];
    Ok(front)
}

fn access_log(config: &config::AccessLog, logs: &AccessLogs, place: &Place) -> Result<AccessLog, Problem> {
    let destination = match &config.path {
        AccessLogPath::Stdout => Destination::Stdout,
        AccessLogPath::Stderr => Destination::Stderr,
        AccessLogPath::None => Destination::None,
        AccessLogPath::File(path) => Destination::File(path.clone()),
    };
    let format = match &config.format {
        AccessLogFormat::Default => "default",
        AccessLogFormat::Json => "json",
        AccessLogFormat::Operators(line) => line,
    };
    let format: Format = format.parse().map_err(|error| Problem::new(place.key("format"), format!("{error}")))?;
    logs.open(&destination, format).map_err(|error| {
        let hint = "check the folder and its permissions, or write `stdout`";
        Problem::new(place.key("path"), format!("{error}: {}", error.source)).hint(hint)
    })
}
