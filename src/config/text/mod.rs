//! From a text to typed values: YAML or JSON into a tree that knows its lines, then the tree into types.
//!
//! The tree is read with a `Deserializer` of our own, because only that can say for every problem where it lies, go on
//! after the first one, and read a number out of a replaced `"${NAME}"`.

mod tree;

mod access;
mod braces;
mod environment;
mod events;
mod fault;
mod read;
mod salvage;
mod scalar;

pub(super) use environment::{Variables, process_environment, replace};
pub(super) use events::tree_of;
pub(super) use fault::refuse;
pub(super) use read::{Refused, WORD_OR_NUMBER};
pub(super) use salvage::{Gaps, Salvaged, salvage};
pub(super) use tree::{Entry, Kind, Node};
