//! Wiring: runtimes, what outlives a configuration, signals, the end.

mod drain;
mod operations;
mod signals;
mod threads;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use function::Registry;
use tokio::runtime::Runtime;
use tracing::info;
use wasm::{GuestMetrics, Process};

use crate::admin::{self, Access, Admin, BindError, Probes, Readiness, Server, TokenError};
use crate::config::{Config, Problems};
use crate::listener::{self, Bound, Gate, Listener};
use crate::live::{Live, Parts};
use crate::telemetry::{AccessLogs, LogLevels, Metrics};

pub use threads::cpus;

use operations::Operator;

/// What the command line adds to the configuration.
#[derive(Debug, Default)]
pub struct Options {
    /// Where the configuration was read, for `/config_dump`.
    pub path: PathBuf,
    /// A file that gets the admin server's bound address.
    pub admin_address_path: Option<PathBuf>,
}

/// Why the process cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something of the configuration cannot be built.
    #[error("the configuration cannot be built")]
    Problems(Problems),
    /// A listener's address cannot be had.
    #[error("listener `{name}` cannot be started")]
    Listener {
        /// Name of the listener.
        name: String,
        /// Why.
        source: listener::Error,
    },
    /// The admin server's or the probes' address cannot be had.
    #[error(transparent)]
    Admin(#[from] BindError),
    /// The admin server's token cannot be read.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The machine refuses a thread, a signal handler or a file.
    #[error("{doing}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why not.
        source: std::io::Error,
    },
    /// wasmtime cannot run on this machine.
    #[error("the WebAssembly engine cannot start: {0}")]
    Engine(String),
    /// A metric cannot be registered.
    #[error("a metric cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// Serves until a signal, and returns when the last exchange is over.
///
/// # Errors
///
/// Whatever keeps it from serving. Nothing is left running then.
pub fn run(config: Config, options: &Options, log_levels: LogLevels) -> Result<(), Error> {
    let started = Instant::now();
    let workers = config.threads.unwrap_or_else(|| u32::try_from(cpus()).unwrap_or(1)) as usize;
    let data_plane = data_plane(workers)?;
    let background = admin::runtime().map_err(|source| io("cannot start the admin server's thread", source))?;
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION")));
    let readiness = Readiness::new();
    let bound = bind(&config)?;
    let admin_server = background.block_on(Server::bind(config.admin.address.into()))?;
    serve_probes(&config, &background, &readiness, &metrics)?;

    let parts = parts(&config, &metrics, &data_plane)?;
    let (path, drain) = (options.path.clone(), config.drain.clone());
    let access = access(&config, admin_server.address())?;
    let gate = Arc::new(Gate::new(threads::connections(&config.limits)));
    let live = Live::build(config, path, &parts, workers).map_err(Error::Problems)?;
    let operator = Arc::new(Operator::new(Arc::new(live)));
    let admin_address = admin_server.address();
    let state = Admin {
        access,
        version: env!("CARGO_PKG_VERSION"),
        threads: workers,
        started,
        readiness: readiness.clone(),
        metrics,
        log_levels,
        operations: Arc::clone(&operator) as _,
    };
    background.spawn(admin_server.admin(state));
    let listeners = start(bound, &operator.live, &gate, &data_plane);
    operator.bound(&listeners);
    let mut signals = background
        .block_on(async { signals::Signals::new() })
        .map_err(|source| io("cannot listen for signals", source))?;
    write_address(options, admin_address)?;
    readiness.set_live();
    info!(admin = %admin_address, listeners = %addresses(&listeners), "ready");

    background.block_on(async {
        signals.next().await;
        drain::drain(&listeners, &readiness, &drain, &mut signals).await;
    });
    parts.access_logs.flush(drain::FLUSH);
    data_plane.shutdown_background();
    background.shutdown_background();
    Ok(())
}

fn data_plane(workers: usize) -> Result<Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .thread_name("worker")
        .enable_all()
        .build()
        .map_err(|source| io("cannot start the worker threads", source))
}

fn bind(config: &Config) -> Result<Vec<Bound>, Error> {
    let listener = |listener: &crate::config::Listener| {
        Bound::new(listener.address.into())
            .map_err(|source| Error::Listener { name: listener.name.to_string(), source })
    };
    config.listeners.iter().map(listener).collect()
}

fn serve_probes(
    config: &Config,
    background: &Runtime,
    readiness: &Readiness,
    metrics: &Arc<Metrics>,
) -> Result<(), Error> {
    let Some(address) = config.probes.address else { return Ok(()) };
    let server = background.block_on(Server::bind(address.into()))?;
    background.spawn(server.probes(Probes { readiness: readiness.clone(), metrics: Arc::clone(metrics) }));
    Ok(())
}

fn parts(config: &Config, metrics: &Arc<Metrics>, data_plane: &Runtime) -> Result<Parts, Error> {
    let guests = GuestMetrics::new(metrics.registry());
    let process = Process::new(guests, data_plane.handle().clone(), config.wasm.vms as usize)
        .map_err(|error| Error::Engine(format!("{error:#}")))?;
    Ok(Parts {
        dispatch_metrics: Arc::new(dispatch::Metrics::new(metrics.registry())?),
        access_logs: AccessLogs::new(metrics),
        registry: Registry::new(process, function::Metrics::new(metrics.registry())?),
        metrics: Arc::clone(metrics),
    })
}

fn access(config: &Config, bound: SocketAddr) -> Result<Access, Error> {
    match &config.admin.token_file {
        Some(path) => Ok(Access::token_file(path)?),
        None => Ok(Access::loopback(bound)),
    }
}

fn start(bound: Vec<Bound>, live: &Live, gate: &Arc<Gate>, data_plane: &Runtime) -> Vec<Listener> {
    let _inside = data_plane.enter();
    let fronts = live.snapshot.fronts.iter();
    bound
        .into_iter()
        .zip(fronts)
        .map(|(bound, front)| Listener::start(bound, Arc::clone(front), Some(Arc::clone(gate))))
        .collect()
}

fn write_address(options: &Options, address: SocketAddr) -> Result<(), Error> {
    let Some(path) = &options.admin_address_path else { return Ok(()) };
    admin::write_address(path, address)
        .map_err(|source| io(format!("cannot write the admin server's address to `{}`", path.display()), source))
}

fn addresses(listeners: &[Listener]) -> String {
    let address = |listener: &Listener| format!("{}={}", listener.front().name, listener.address());
    listeners.iter().map(address).collect::<Vec<_>>().join(",")
}

fn io(doing: impl Into<String>, source: std::io::Error) -> Error {
    Error::Io { doing: doing.into(), source }
}
