//! Names: used once, and pointing at something.

use std::collections::HashMap;

use super::checks::Checks;
use crate::config::Config;
use crate::config::nearest::{listed, nearest};
use crate::config::place::Place;
use crate::config::text::Node;
use crate::config::value::{Name, Names};

/// What things are called, also those that could not be read whole: names of these do not point nowhere.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct Known {
    stores: Vec<String>,
    clusters: Vec<String>,
    functions: Vec<String>,
}

/// What a name is the name of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thing {
    Store,
    Cluster,
    Function,
}

impl Thing {
    const fn word(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Cluster => "cluster",
            Self::Function => "function",
        }
    }
}

impl Known {
    /// The names that stand in a document, whatever else is wrong with it.
    pub(in crate::config) fn in_tree(tree: &Node) -> Self {
        let names = |list: &str| {
            let elements = tree.get(list).map_or(&[][..], Node::elements);
            elements.iter().filter_map(|element| element.get("name")?.text()).map(str::to_owned).collect()
        };
        Self { stores: names("stores"), clusters: names("clusters"), functions: names("functions") }
    }

    /// These and the names of a configuration.
    pub(super) fn with(&self, config: &Config) -> Self {
        let mut all = self.clone();
        all.stores.extend(config.stores.iter().map(|store| store.name.to_string()));
        all.clusters.extend(config.clusters.iter().map(|cluster| cluster.name.to_string()));
        all.functions.extend(config.functions.iter().map(|function| function.name.to_string()));
        for names in [&mut all.stores, &mut all.clusters, &mut all.functions] {
            names.sort_unstable();
            names.dedup();
        }
        all
    }

    fn names(&self, thing: Thing) -> Vec<&str> {
        let names = match thing {
            Thing::Store => &self.stores,
            Thing::Cluster => &self.clusters,
            Thing::Function => &self.functions,
        };
        names.iter().map(String::as_str).collect()
    }

    /// Refuses a name that points nowhere.
    pub(super) fn check(&self, checks: &mut Checks, place: Place, thing: Thing, name: &Name) {
        let (word, names) = (thing.word(), self.names(thing));
        if names.contains(&name.as_str()) {
            return;
        }
        let elsewhere = [Thing::Store, Thing::Cluster, Thing::Function]
            .into_iter()
            .find(|other| *other != thing && self.names(*other).contains(&name.as_str()));
        let hint = match (nearest(name, names.iter().copied()), elsewhere) {
            (_, Some(other)) => format!("`{name}` is a {}", other.word()),
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, _) if names.is_empty() => format!("no {word} is configured; add it to `{word}s`"),
            (None, _) => format!("the {word}s are {}", listed(&names)),
        };
        checks.refuse(place, format!("no {word} is named `{name}`"), hint);
    }

    /// Refuses those of the names that point nowhere.
    pub(super) fn check_all(&self, checks: &mut Checks, place: &Place, thing: Thing, names: &Names) {
        for (nth, name) in names.listed().iter().enumerate() {
            self.check(checks, place.index(nth), thing, name);
        }
    }
}

/// Refuses names that are used twice. Stores and clusters share one space: a guest calls both by name alone.
pub(super) fn check(checks: &mut Checks, config: &Config) {
    let stores = config.stores.iter().enumerate().map(|(nth, store)| (Place::from("stores").index(nth), &store.name));
    let clusters = config.clusters.iter().enumerate();
    let clusters = clusters.map(|(nth, cluster)| (Place::from("clusters").index(nth), &cluster.name));
    let shared = "stores and clusters share their names, because guests call both by name alone";
    once(checks, stores.chain(clusters), shared);
    let functions = config.functions.iter().enumerate();
    once(checks, functions.map(|(nth, function)| (Place::from("functions").index(nth), &function.name)), OWN);
    let listeners = config.listeners.iter().enumerate();
    once(checks, listeners.map(|(nth, listener)| (Place::from("listeners").index(nth), &listener.name)), OWN);
}

const OWN: &str = "give each its own name";

fn once<'c>(checks: &mut Checks, named: impl Iterator<Item = (Place, &'c Name)>, hint: &str) {
    let mut first: HashMap<&Name, Place> = HashMap::new();
    for (place, name) in named {
        match first.get(name) {
            Some(other) => {
                let message = format!("`{name}` is already the name of `{}`", checks.in_source(other));
                checks.refuse(place.key("name"), message, hint);
            }
            None => {
                first.insert(name, place);
            }
        }
    }
}
