//! The functions: which are installed, their versions, and the filters that choose one for an exchange.
//!
//! The [`Registry`] is one immutable map behind an atomic swap. An exchange keeps the version that it started with; an
//! old version goes when its last exchange does.

mod calls;
mod choose;
mod lookup;
mod metrics;
mod registry;
mod version;

pub use choose::{ChosenFunction, NamedFunction};
pub use lookup::{FunctionLookup, Missing};
pub use metrics::Metrics;
pub use registry::{InstallError, Registry, UnknownFunction, check};
pub use version::{InstalledBy, Spec, Version};
