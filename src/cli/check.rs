//! `outrigger check`: everything that a start would do with a configuration, short of opening a port or asking a store.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use serde_json::json;
use tracing::level_filters::LevelFilter;
use wasm::{GuestMetrics, Process};

use super::arguments::Check;
use super::source::Source;
use super::{Failed, report, source};
use crate::config::{self, Config, Problems};
use crate::live::{Parts, Snapshot, check_functions};
use crate::server::cpus;
use crate::telemetry::{AccessLogs, LogFormat, Logs, Metrics};

/// Prints all problems: as text on stderr, or as JSON on stdout.
pub(super) fn check(arguments: &Check) -> ExitCode {
    let checked = source::read(&arguments.config).map_err(Failed::from).and_then(|source| examine(&source));
    match (&checked, arguments.json) {
        (Ok(()), false) => println!("{} is a valid configuration", arguments.config.display()),
        (Ok(()), true) => println!("{}", json!({"ok": true, "problems": []})),
        (Err(Failed::Problems(problems)), true) => println!("{}", problems.to_json()),
        (Err(failed), _) => report(failed),
    }
    if checked.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn examine(source: &Source) -> Result<(), Failed> {
    let config = config::read(&source.text, &source.name).map_err(Failed::Problems)?;
    // A guest that refuses its configuration says why in its log.
    let logs = Logs::start(LevelFilter::WARN, LogFormat::Text).context("cannot start the logs")?;
    let built = build(config);
    logs.flush(std::time::Duration::from_secs(1));
    built.map_err(|failed| match failed {
        Failed::Problems(problems) => Failed::Problems(problems.located(&source.text, &source.name)),
        other => other,
    })
}

/// Builds all that can be built without a port and a store. Access logs are not opened.
fn build(mut config: Config) -> Result<(), Failed> {
    config.access_log.path = config::AccessLogPath::None;
    for listener in &mut config.listeners {
        if let Some(log) = &mut listener.access_log {
            log.path = config::AccessLogPath::None;
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.context("cannot start a thread")?;
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION")));
    let guests = GuestMetrics::new(metrics.registry());
    let process = Process::new(guests, runtime.handle().clone(), config.wasm.vms as usize)
        .map_err(|error| anyhow::anyhow!("the WebAssembly engine cannot start: {error:#}"))?;
    let parts = Parts {
        dispatch_metrics: Arc::new(dispatch::Metrics::new(metrics.registry()).map_err(anyhow::Error::from)?),
        access_logs: AccessLogs::new(&metrics),
        registry: function::Registry::new(
            Arc::clone(&process),
            function::Metrics::new(metrics.registry()).map_err(anyhow::Error::from)?,
        ),
        metrics,
    };
    let mut problems = Problems::new();
    for found in [Snapshot::build(&config, &parts).map(|_| ()), check_functions(&config, &process, cpus())] {
        if let Err(found) = found {
            found.into_iter().for_each(|problem| problems.push(problem));
        }
    }
    runtime.shutdown_background();
    problems.into_result().map_err(Failed::Problems)
}
