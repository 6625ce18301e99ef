//! `outrigger try`: one request through a module, and everything that came of it.
//!
//! The chain is that of a sidecar with the module in it: a dispatch filter that lets everything through, the module, and a
//! stub upstream that answers 200. Stores are in memory whatever the configuration says, and no port is opened.

mod exchange;
mod guest_log;
mod report;
mod stub;
mod text;
mod world;

use std::process::ExitCode;

use anyhow::Context as _;

use super::arguments::Try;
use super::{Failed, report as report_failed, source};
use crate::config::{self, Config};
use guest_log::GuestLog;
use report::Report;
use world::World;

pub(super) use exchange::{header, url};

/// Prints the report; exit code 1 when the module was refused, trapped or did not answer.
pub(super) fn attempt(arguments: &Try) -> ExitCode {
    match run(arguments) {
        Ok(report) if arguments.json => {
            println!("{:#}", report.to_json());
            exit(&report)
        }
        Ok(report) => {
            print!("{report}");
            if let Some(problem) = report.problem(&arguments.module) {
                eprintln!("error: {problem}");
            }
            exit(&report)
        }
        Err(failed) => {
            report_failed(&failed);
            ExitCode::FAILURE
        }
    }
}

fn exit(report: &Report) -> ExitCode {
    if report.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(arguments: &Try) -> Result<Report, Failed> {
    let config = configuration(arguments)?;
    let log = GuestLog::start().context("cannot start the logs")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.context("cannot start a thread")?;
    let world = World::new(config.as_ref(), &runtime)?;
    let mut report = match world.install(&arguments.module, config.as_ref()) {
        Ok(tried) => {
            let ended = runtime.block_on(exchange::run(&world, &tried, arguments));
            Report::of(&world, &tried, ended)
        }
        Err(refused) => Report::refused(refused),
    };
    report.log = log.lines();
    report.host_calls = world.calls.take();
    runtime.shutdown_background();
    Ok(report)
}

fn configuration(arguments: &Try) -> Result<Option<Config>, Failed> {
    let Some(path) = &arguments.config else { return Ok(None) };
    let source = source::read(path)?;
    config::read(&source.text, &source.name).map(Some).map_err(Failed::Problems)
}
