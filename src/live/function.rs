//! Functions of the configuration, one by one, and how a refusal of one is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use function::{InstallError, InstalledBy};
use wasm::{LoadError, Process};

use super::spec::{self, FunctionDefaults};
use crate::config::{Config, Place, Problem, Problems};

/// Loads and configures every function of the configuration, and keeps none.
///
/// # Errors
///
/// One problem for each function whose module is refused, and for each id that two guests announce.
pub fn check_functions(config: &Config, process: &Arc<Process>, threads: usize) -> Result<(), Problems> {
    let defaults = FunctionDefaults { threads, max_module: config.wasm.max_module.bytes() };
    let mut ids = BTreeMap::<Arc<str>, usize>::new();
    each_function(config, |function, index| {
        let spec = spec::function(function, &BTreeMap::new(), InstalledBy::Config, defaults);
        let name = Arc::clone(&spec.settings.name);
        let id = function::check(process, spec)?;
        match ids.insert(Arc::clone(&id), index) {
            Some(_) => Err(InstallError::InUse { name, id }),
            None => Ok(()),
        }
    })
}

/// Does something with each function; gives a problem for each that is refused.
pub(super) fn each_function(
    config: &Config,
    mut action: impl FnMut(&crate::config::Function, usize) -> Result<(), InstallError>,
) -> Result<(), Problems> {
    let mut problems = Problems::new();
    for (index, function) in config.functions.iter().enumerate() {
        if let Err(error) = action(function, index) {
            problems.push(refused(function, index, &error));
        }
    }
    problems.into_result()
}

fn refused(function: &crate::config::Function, index: usize, error: &InstallError) -> Problem {
    let place = Place::default().key("functions").index(index);
    match error {
        InstallError::Refused(refused) => {
            let message = format!("function `{}` was refused at step `{}`: {refused}", function.name, refused.step);
            Problem::new(place.key("vm_config").key("path"), message).hint(hint(refused))
        }
        InstallError::InUse { .. } => {
            let hint = "a function's id is what its guest announces; install each module under one name only";
            Problem::new(place.key("name"), error.to_string()).hint(hint)
        }
    }
}

fn hint(refused: &LoadError) -> &'static str {
    match refused.step {
        "source" => "relative paths start at the working directory of the process",
        "sha256" => "fetch the module again, or correct the digest",
        "abi" | "compile" | "exports" => "build the function for `wasm32-wasip1` with a Proxy-Wasm SDK",
        "imports" => "build the function against Proxy-Wasm ABI 0.2.1, or remove the calls",
        "configure" | "vm_start" => "correct the function's configuration; the guest's own log lines say more",
        "id" => "let `proxy_get_id` write the id to buffer 8",
        _ => "the function must start within `limits.start` and `limits.memory`",
    }
}
