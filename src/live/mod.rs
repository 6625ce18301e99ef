//! What is built from a configuration, and runs: stores, clusters, functions, chains.
//!
//! A [`Snapshot`] is built whole or not at all. Nothing here reads the file; that is `config`'s.

mod chain;
mod function;
mod observe;
mod reach;
mod running;
mod snapshot;
mod spec;

pub use function::check_functions;
pub use running::Live;
pub use snapshot::{Parts, Snapshot};
pub use spec::installable;

use crate::config::{Place, Problem};

/// A problem with one entry of a list of the configuration.
fn problem(list: &str, index: usize, message: impl ToString) -> Problem {
    Problem::new(Place::default().key(list).index(index), message.to_string())
}
