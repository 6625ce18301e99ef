//! Which exported name belongs to which kind of metric.
//!
//! A Prometheus name has one type, whoever exports it, and a histogram takes three names more for its samples. The first
//! kind to use a name keeps it while any function has such a metric; a metric of another kind gets its kind as a suffix
//! (`x`, `x_gauge`).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::series::Kind;

/// What an exported name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    Metric(Kind),
    /// `x_bucket`, `x_sum` or `x_count` of a histogram `x`.
    Sample,
}

/// The exported names in use, and the functions that use each.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<String, (Use, HashSet<Arc<str>>)>);

impl Names {
    /// The name to export a new metric of `function` by.
    pub(super) fn free(&self, kind: Kind, name: &str, function: &str) -> String {
        let mut name = name.to_owned();
        while !uses(kind, &name).into_iter().all(|(name, r#use)| self.is_free(&name, r#use, function)) {
            name.push_str(kind.suffix());
        }
        name
    }

    fn is_free(&self, name: &str, r#use: Use, function: &str) -> bool {
        match self.0.get(name) {
            Some((taken_as, functions)) => *taken_as == r#use && !functions.contains(function),
            None => true,
        }
    }

    pub(super) fn take(&mut self, kind: Kind, name: &str, function: &Arc<str>) {
        for (name, r#use) in uses(kind, name) {
            let (_, functions) = self.0.entry(name).or_insert_with(|| (r#use, HashSet::new()));
            functions.insert(Arc::clone(function));
        }
    }

    pub(super) fn release(&mut self, kind: Kind, name: &str, function: &str) {
        for (name, _) in uses(kind, name) {
            let Some((_, functions)) = self.0.get_mut(&name) else { continue };
            functions.remove(function);
            if functions.is_empty() {
                self.0.remove(&name);
            }
        }
    }
}

fn uses(kind: Kind, name: &str) -> Vec<(String, Use)> {
    let mut uses = vec![(name.to_owned(), Use::Metric(kind))];
    if kind == Kind::Histogram {
        uses.extend(["_bucket", "_sum", "_count"].map(|sample| (format!("{name}{sample}"), Use::Sample)));
    }
    uses
}
