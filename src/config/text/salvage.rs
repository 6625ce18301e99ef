//! All refusals of a tree, not only the first: what was refused is taken out, and the rest is read again.

use serde::de::DeserializeOwned;

use super::fault::Fault;
use super::read::Reader;
use super::tree::Node;
use crate::config::nearest::nearest;
use crate::config::place::{Place, Step};
use crate::config::problem::{MAX_PROBLEMS, Problem};

/// What was refused of a tree, by its place in the source.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct Gaps(Vec<Place>);

/// What could be read of a tree.
pub(in crate::config) struct Salvaged<T> {
    /// `None` if nothing could.
    pub(in crate::config) value: Option<T>,
    pub(in crate::config) gaps: Gaps,
    pub(in crate::config) problems: Vec<Problem>,
}

/// Reads a type from a tree, passing over what it refuses. The tree loses what was refused.
///
/// Each refusal costs one more reading of the tree, so only so many are looked for.
pub(in crate::config) fn salvage<T: DeserializeOwned>(tree: &mut Node, mut gaps: Gaps) -> Salvaged<T> {
    let mut problems = Vec::new();
    loop {
        let fault = match T::deserialize(Reader(tree)) {
            Ok(value) => return Salvaged { value: Some(value), gaps, problems },
            Err(fault) => fault.within(tree.mark),
        };
        let place = fault.place();
        if !gaps.explain(&fault) {
            problems.push(fault.into_problem());
        }
        if problems.len() >= MAX_PROBLEMS || !tree.remove(&place) {
            return Salvaged { value: None, gaps, problems };
        }
        gaps.add(place);
    }
}

impl Gaps {
    /// Adds what was refused.
    pub(in crate::config) fn add(&mut self, place: Place) {
        self.0.push(place);
    }

    /// Whether nothing was refused.
    pub(in crate::config) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the place, or something inside it, was refused: what is said about it then may be a consequence.
    pub(in crate::config) fn touch(&self, place: &Place) -> bool {
        self.0.iter().any(|gap| place.holds(gap))
    }

    /// The place in the source of a place in what was salvaged, where lists are shorter by what was refused.
    pub(in crate::config) fn in_source(&self, place: &Place) -> Place {
        if self.is_empty() {
            return place.clone();
        }
        let mut source = Place::default();
        for step in place.steps() {
            source = match step {
                Step::Key(key) => source.key(key),
                Step::Index(index) => self.nth_left(&source, *index),
            };
        }
        source
    }

    fn nth_left(&self, list: &Place, index: usize) -> Place {
        let depth = list.steps().len();
        let inside = self.0.iter().filter(|gap| gap.steps().len() == depth + 1 && list.holds(gap));
        let mut refused: Vec<usize> = inside
            .filter_map(|gap| match gap.steps()[depth] {
                Step::Index(index) => Some(index),
                Step::Key(_) => None,
            })
            .collect();
        refused.sort_unstable();
        let nth = refused.into_iter().fold(index, |nth, refused| if refused <= nth { nth + 1 } else { nth });
        list.index(nth)
    }

    /// Whether a key is missing because it was refused before: itself, or in the shape of a slip that was told.
    fn explain(&self, fault: &Fault) -> bool {
        let Some(missing) = fault.missing else { return false };
        let place = fault.place();
        self.0.iter().filter(|gap| place.holds(gap)).any(|gap| match gap.steps().last() {
            Some(Step::Key(key)) => key == missing || nearest(key, [missing]).is_some(),
            _ => false,
        })
    }
}
