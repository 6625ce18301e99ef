//! What is wrong with a configuration, as values. How they are printed is in `render`.

use std::sync::Arc;

use serde::Serialize;

use super::place::Place;

/// One thing that is wrong, where it is, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Place in the configuration, `listeners[0].name`; empty when the document as a whole is meant.
    #[serde(serialize_with = "as_text")]
    pub path: Place,
    /// Line in the source, from 1; `None` when the problem has no place in a text.
    pub line: Option<usize>,
    /// Column in the line, in characters, from 1.
    pub column: Option<usize>,
    /// What is wrong: lower case, names in backticks, no full stop.
    pub message: String,
    /// What to do, where that can be said.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem at a place; a line and a column come with [`Problems::located`].
    pub fn new(path: impl Into<Place>, message: impl Into<String>) -> Self {
        Self { path: path.into(), line: None, column: None, message: shortened(message.into()), hint: None }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(super) fn at(mut self, line: usize, column: usize) -> Self {
        (self.line, self.column) = (Some(line), Some(column));
        self
    }
}

/// All that is wrong with one configuration; may be empty.
///
/// `Display` prints them for people, with excerpts of the source where it is known; [`Problems::to_json`] for machines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    pub(super) list: Vec<Problem>,
    pub(super) source: Option<Arc<Source>>,
}

/// Most problems that are told at once: more than anybody reads, few enough to be found in no time.
pub(super) const MAX_PROBLEMS: usize = 50;

/// Longest message, in characters.
const MAX_MESSAGE: usize = 400;

/// The text that problems lie in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    /// The file's name as the operator gave it.
    pub(super) name: String,
    pub(super) text: String,
}

/// Messages repeat what was written, which may be anything.
fn shortened(message: String) -> String {
    match message.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message,
    }
}

impl Problems {
    /// No problems yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.list.push(problem);
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Visits them in their order: that of the source where it is known.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.list.iter()
    }

    /// `Ok` when nothing is wrong.
    ///
    /// # Errors
    /// Itself, when there is at least one problem.
    pub fn into_result(self) -> Result<(), Self> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }

    pub(super) fn in_source(mut list: Vec<Problem>, source: Arc<Source>) -> Self {
        list.sort_by_key(|problem| (problem.line.is_none(), problem.line, problem.column));
        if list.len() > MAX_PROBLEMS {
            let more = Problem::new("", format!("{} more problems are not shown", list.len() - MAX_PROBLEMS));
            list.truncate(MAX_PROBLEMS);
            list.push(more);
        }
        Self { list, source: Some(source) }
    }
}

impl std::error::Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self { list: vec![problem], source: None }
    }
}

impl FromIterator<Problem> for Problems {
    fn from_iter<I: IntoIterator<Item = Problem>>(problems: I) -> Self {
        Self { list: problems.into_iter().collect(), source: None }
    }
}

impl Extend<Problem> for Problems {
    fn extend<I: IntoIterator<Item = Problem>>(&mut self, problems: I) {
        self.list.extend(problems);
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

fn as_text<S: serde::Serializer>(place: &Place, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(place)
}
