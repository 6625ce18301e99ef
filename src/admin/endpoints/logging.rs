//! `/logging`: how much is logged, while the process runs.

use tracing::Level;
use tracing::level_filters::LevelFilter;

use super::{Admin, AdminError, AdminRequest, AdminResponse, Answer};
use crate::telemetry::logs::{Logger, UnknownLogger};

/// One pair of the query.
enum Setting<'a> {
    All(LevelFilter),
    Logger(Logger, LevelFilter),
    Function(&'a str, LevelFilter),
}

/// Lists the levels.
pub(super) async fn list(admin: &Admin, request: &AdminRequest) -> Answer {
    if !request.query.is_empty() {
        return Err(AdminError::bad_request("`GET` only lists the levels; `POST` changes them"));
    }
    Ok(levels(admin))
}

/// Changes the levels that the query names, all of them or none, and lists what is in force.
pub(super) async fn set(admin: &Admin, request: &AdminRequest) -> Answer {
    if request.query.is_empty() {
        return Err(AdminError::bad_request("no level is given; `?level=debug` sets all levels, `?admin=debug` one"));
    }
    let settings = request.query.iter().map(|(key, value)| setting(admin, key, value));
    for setting in settings.collect::<Result<Vec<_>, _>>()? {
        match setting {
            Setting::All(level) => admin.log_levels.set_all(level),
            Setting::Logger(logger, level) => admin.log_levels.set(logger, level),
            // It was there a moment ago; one that is being taken away needs no level.
            Setting::Function(id, level) => drop(admin.operations.set_function_log_level(id, level)),
        }
    }
    Ok(levels(admin))
}

fn setting<'a>(admin: &Admin, key: &'a str, value: &str) -> Result<Setting<'a>, AdminError> {
    let level = level(value)?;
    if let Some(id) = key.strip_prefix("function.") {
        let known = admin.operations.function_log_levels().iter().any(|(known, _)| known == id);
        let unknown = || AdminError::not_found(format!("no function has the id `{id}`"));
        return known.then_some(Setting::Function(id, level)).ok_or_else(unknown);
    }
    match key {
        "level" => Ok(Setting::All(level)),
        name => name
            .parse()
            .map(|logger| Setting::Logger(logger, level))
            .map_err(|error: UnknownLogger| AdminError::bad_request(error.to_string())),
    }
}

/// The words of the configuration's `log.level`.
fn level(word: &str) -> Result<LevelFilter, AdminError> {
    let known = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR];
    let found = known.iter().find(|level| level.as_str().eq_ignore_ascii_case(word));
    found.map(|level| LevelFilter::from_level(*level)).ok_or_else(|| {
        AdminError::bad_request(format!("`{word}` is not a level; there are trace debug info warn error"))
    })
}

fn levels(admin: &Admin) -> AdminResponse {
    let loggers = admin.log_levels.list().into_iter().map(|(name, level)| format!("{name}: {level}\n"));
    let functions = admin.operations.function_log_levels().into_iter();
    let functions = functions.map(|(id, level)| format!("function.{id}: {level}\n"));
    AdminResponse::text(loggers.chain(functions).collect::<String>())
}
