//! What reading cannot see: names that point nowhere or are used twice, chains that cannot answer, limits out of range.
//!
//! Pure: looks at the whole configuration, opens nothing, collects everything.

mod checks;

mod backends;
mod chain;
mod function;
mod names;
mod process;

use super::place::Place;
use super::problem::{Problem, Problems};
use super::text::Gaps;
use super::{Config, Function};

use checks::Checks;
pub(super) use names::Known;

/// Everything that is wrong with a configuration whose values are right each by itself.
///
/// The problems have places but no lines; [`Problems::located`] gives them those.
#[must_use]
pub fn validate(config: &Config) -> Problems {
    validate_salvaged(config, &Known::default(), &Gaps::default()).into_iter().collect()
}

/// What is wrong with one function by itself, as it comes with an install.
#[must_use]
pub fn validate_function(function: &Function) -> Problems {
    let gaps = Gaps::default();
    let mut checks = Checks::new(&gaps);
    function::check(&mut checks, &Place::default(), function);
    checks.into_problems().into_iter().collect()
}

/// As [`validate`], of a configuration that lacks what could not be read: what that may have caused is not reported.
pub(super) fn validate_salvaged(config: &Config, known: &Known, gaps: &Gaps) -> Vec<Problem> {
    let mut checks = Checks::new(gaps);
    process::check(&mut checks, config);
    names::check(&mut checks, config);
    for (nth, store) in config.stores.iter().enumerate() {
        backends::check_store(&mut checks, &Place::from("stores").index(nth), store);
    }
    for (nth, cluster) in config.clusters.iter().enumerate() {
        backends::check_cluster(&mut checks, &Place::from("clusters").index(nth), cluster);
    }
    for (nth, function) in config.functions.iter().enumerate() {
        function::check(&mut checks, &Place::from("functions").index(nth), function);
    }
    let known = known.with(config);
    for (nth, listener) in config.listeners.iter().enumerate() {
        chain::check_listener(&mut checks, &Place::from("listeners").index(nth), listener, &known);
    }
    checks.into_problems()
}
