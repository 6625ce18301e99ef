//! The tree of a document, each node with its place in the text.

use crate::config::place::{Place, Step};

/// A position in the source: line and column in characters, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) struct Mark {
    pub(in crate::config) line: usize,
    pub(in crate::config) column: usize,
}

/// One value of a document.
#[derive(Debug, Clone)]
pub(in crate::config) struct Node {
    /// `None` in a body that is JSON.
    pub(in crate::config) mark: Option<Mark>,
    pub(in crate::config) kind: Kind,
    pub(in crate::config) written: Written,
}

#[derive(Debug, Clone)]
pub(in crate::config) enum Kind {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// An element of a list that was refused; reading passes over it, so that the others keep their places.
    Hole,
}

/// One key of a mapping and its value.
#[derive(Debug, Clone)]
pub(in crate::config) struct Entry {
    pub(in crate::config) key: String,
    pub(in crate::config) mark: Option<Mark>,
    pub(in crate::config) value: Node,
}

/// How a scalar stood in the text: what else it may be read as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) enum Written {
    /// As its kind and nothing else: quoted YAML, JSON, a list or a mapping.
    Strictly,
    /// Without quotes in YAML: a number or truth value may be read as this text where a string is asked for.
    Plainly(String),
    /// With a `${NAME}` in it: the text may be read as a number or truth value where one is asked for.
    Replaced,
}

impl Node {
    /// The tree of a JSON body.
    pub(in crate::config) fn from_json(value: serde_json::Value) -> Self {
        use serde_json::Value;
        let kind = match value {
            Value::Null => Kind::Null,
            Value::Bool(value) => Kind::Bool(value),
            Value::Number(number) => Kind::Number(number),
            Value::String(text) => Kind::Text(text),
            Value::Array(list) => Kind::List(list.into_iter().map(Self::from_json).collect()),
            Value::Object(map) => Kind::Map(
                map.into_iter().map(|(key, value)| Entry { key, mark: None, value: Self::from_json(value) }).collect(),
            ),
        };
        Self { mark: None, kind, written: Written::Strictly }
    }

    /// The value of a key, if this is a mapping that has it.
    pub(in crate::config) fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The elements, if this is a list.
    pub(in crate::config) fn elements(&self) -> &[Self] {
        if let Kind::List(list) = &self.kind { list } else { &[] }
    }

    /// The text, if this is a string or may be read as one.
    pub(in crate::config) fn text(&self) -> Option<&str> {
        match (&self.kind, &self.written) {
            (Kind::Text(text), _) => Some(text),
            (Kind::Bool(_) | Kind::Number(_), Written::Plainly(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether the place is there.
    pub(in crate::config) fn has(&self, place: &Place) -> bool {
        let mut node = self;
        place.steps().iter().all(|step| node.step(step).map(|inner| node = inner).is_some())
    }

    /// Where a place lies in the text; for a place that is not there, the innermost one around it that is.
    pub(in crate::config) fn locate(&self, place: &Place) -> Option<Mark> {
        let (mut node, mut mark) = (self, self.mark);
        for step in place.steps() {
            let Some(inner) = node.step(step) else { break };
            (node, mark) = (inner, inner.mark);
        }
        mark
    }

    /// Takes a place out of the tree: a mapping loses the key, a list gets a hole. `false` if it is not there.
    pub(in crate::config) fn remove(&mut self, place: &Place) -> bool {
        let Some((last, way)) = place.steps().split_last() else { return false };
        let mut node = self;
        for step in way {
            let inner = match (step, &mut node.kind) {
                (Step::Key(key), Kind::Map(map)) => {
                    map.iter_mut().find(|entry| entry.key == *key).map(|e| &mut e.value)
                }
                (Step::Index(index), Kind::List(list)) => list.get_mut(*index),
                _ => None,
            };
            let Some(inner) = inner else { return false };
            node = inner;
        }
        match (last, &mut node.kind) {
            (Step::Key(key), Kind::Map(map)) => {
                let before = map.len();
                map.retain(|entry| entry.key != *key);
                map.len() < before
            }
            (Step::Index(index), Kind::List(list)) => match list.get_mut(*index) {
                Some(element) => !matches!(std::mem::replace(&mut element.kind, Kind::Hole), Kind::Hole),
                None => false,
            },
            _ => false,
        }
    }

    fn step(&self, step: &Step) -> Option<&Self> {
        match step {
            Step::Key(key) => self.get(key),
            Step::Index(index) => self.elements().get(*index),
        }
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        let Kind::Map(map) = &self.kind else { return None };
        map.iter().find(|entry| entry.key == key)
    }
}
