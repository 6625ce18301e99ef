//! `outrigger run`.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tracing::level_filters::LevelFilter;

use super::arguments::{Format, Level, Run};
use super::{Failed, source};
use crate::config::{self, Auto, Config};
use crate::server::{self, Options};
use crate::telemetry::{LogFormat, Logs};

/// Serves until a signal.
pub(super) fn run(arguments: &Run) -> Result<(), Failed> {
    let source = source::read(&arguments.config)?;
    let mut config = config::read(&source.text, &source.name).map_err(Failed::Problems)?;
    apply(arguments, &mut config)?;
    let logs = Logs::start(level(arguments, &config), format(arguments, &config)).context("cannot start the logs")?;
    let options = Options { path: source.path(), admin_address_path: arguments.admin_address_path.clone() };
    let served = server::run(config, &options, logs.levels().clone());
    logs.flush(Duration::from_secs(1));
    served.map_err(|error| match error {
        server::Error::Problems(problems) => Failed::Problems(problems.located(&source.text, &source.name)),
        error => Failed::Other(error.into()),
    })
}

/// What the command line says instead of the file.
fn apply(arguments: &Run, config: &mut Config) -> anyhow::Result<()> {
    if let Some(threads) = arguments.threads {
        config.threads = Auto::Count(threads);
    }
    if let Some(address) = arguments.admin {
        if !address.ip().is_loopback() && config.admin.token_file.is_none() {
            return Err(anyhow!(
                "`--admin {address}` is not a loopback address; set `admin.token_file` in the configuration"
            ));
        }
        config.admin.address = address.into();
    }
    Ok(())
}

fn level(arguments: &Run, config: &Config) -> LevelFilter {
    match (arguments.log_level, config.log.level) {
        (Some(Level::Trace), _) | (None, config::LogLevel::Trace) => LevelFilter::TRACE,
        (Some(Level::Debug), _) | (None, config::LogLevel::Debug) => LevelFilter::DEBUG,
        (Some(Level::Info), _) | (None, config::LogLevel::Info) => LevelFilter::INFO,
        (Some(Level::Warn), _) | (None, config::LogLevel::Warn) => LevelFilter::WARN,
        (Some(Level::Error), _) | (None, config::LogLevel::Error) => LevelFilter::ERROR,
    }
}

fn format(arguments: &Run, config: &Config) -> LogFormat {
    match (arguments.log_format, config.log.format) {
        (Some(Format::Json), _) | (None, config::LogFormat::Json) => LogFormat::Json,
        (Some(Format::Text), _) | (None, config::LogFormat::Text) => LogFormat::Text,
    }
}
