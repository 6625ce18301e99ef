//! Keeps the import arrows pointing one way. ARCHITECTURE.md draws the same list.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the proxy, bottom first: a module imports only modules to its left.
const LAYERS: &[&str] = &["config", "telemetry", "upstream", "exchange", "listener", "live", "admin", "server", "cli"];

/// Modules that import no other.
const LEAVES: &[&str] = &["config", "telemetry"];

/// The crates of `filters/`, and what each may depend on of them.
const CRATES: &[(&str, &[&str])] = &[
    ("chain", &[]),
    ("dispatch", &["chain"]),
    ("wasm", &["chain", "dispatch"]),
    ("function", &["chain", "dispatch", "wasm"]),
];

/// Names of files that say nothing.
const EMPTY_WORDS: &[&str] = &["manager", "helper", "helpers", "util", "utils", "common", "types", "misc"];

/// A source file, and how deep its module lies: `src/live/mod.rs` is at 1, `src/live/chain.rs` at 2.
struct Source {
    path: PathBuf,
    text: String,
    depth: usize,
}

#[test]
fn imports_point_one_way() {
    let mut upward = Vec::new();
    for (rank, module) in LAYERS.iter().enumerate() {
        let sources = sources(&Path::new("src").join(module));
        assert!(!sources.is_empty(), "there is no module `{module}`");
        for source in sources {
            for imported in imports(&source) {
                let other = LAYERS.iter().position(|layer| *layer == imported);
                let other = other.unwrap_or_else(|| panic!("{}: `{imported}` is no layer", source.path.display()));
                if other > rank || (other < rank && LEAVES.contains(module)) {
                    upward.push(format!("{}: {module} -> {imported}", source.path.display()));
                }
            }
        }
    }
    assert!(upward.is_empty(), "imports against the layers:\n{}", upward.join("\n"));
}

#[test]
fn the_library_and_its_description_list_the_modules_in_their_order() {
    let library = fs::read_to_string("src/lib.rs").unwrap();
    let listed: Vec<_> = library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    assert_eq!(listed, LAYERS);
    let description = fs::read_to_string("ARCHITECTURE.md").unwrap();
    let line = LAYERS.join(" → ");
    assert!(description.contains(&line), "ARCHITECTURE.md does not have the line `{line}`");
}

#[test]
fn crates_point_one_way() {
    let folders: BTreeSet<_> = fs::read_dir("filters").unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(folders, CRATES.iter().map(|(name, _)| (*name).into()).collect(), "a crate without a row");
    for (name, allowed) in CRATES {
        for dependency in dependencies(&Path::new("filters").join(name).join("Cargo.toml")) {
            let is_ours = CRATES.iter().any(|(other, _)| *other == dependency);
            assert!(!is_ours || allowed.contains(&dependency.as_str()), "filters/{name} -> filters/{dependency}");
            assert_ne!(dependency, "outrigger", "filters/{name} depends on the proxy");
        }
    }
}

#[test]
fn no_filter_knows_pingora_or_yaml() {
    for (name, _) in CRATES {
        let folder = Path::new("filters").join(name);
        let dependencies = dependencies(&folder.join("Cargo.toml"));
        assert!(!dependencies.is_empty(), "nothing is read of filters/{name}");
        let unwanted = dependencies.iter().find(|name| name.contains("pingora") || name.contains("yaml"));
        assert_eq!(unwanted, None, "filters/{name}");
    }
}

#[test]
fn every_file_is_named_for_what_is_in_it() {
    for source in sources(Path::new("src")).into_iter().chain(sources(Path::new("filters"))) {
        let empty = source.path.iter().filter_map(|part| Path::new(part).file_stem()?.to_str());
        let empty: Vec<_> = empty.filter(|word| EMPTY_WORDS.contains(word)).collect();
        assert!(empty.is_empty(), "{} says nothing: {empty:?}", source.path.display());
    }
}

/// All Rust files in a folder.
fn sources(folder: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let parts = path.components().count() - 1; // without `src`
            let depth = if path.ends_with("mod.rs") { parts - 1 } else { parts };
            found.push(Source { text: fs::read_to_string(&path).unwrap(), path, depth });
        }
    }
    found
}

/// The modules at the top that a file names: by `crate::NAME`, or by as many `super::` as lead there.
fn imports(source: &Source) -> Vec<String> {
    let by_super = "super::".repeat(source.depth);
    let mut found = Vec::new();
    for line in source.text.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for (at, _) in line.match_indices("crate::") {
            let name = word(&line[at + "crate::".len()..]);
            assert!(!name.is_empty(), "{}: write `use crate::NAME`: {line}", source.path.display());
            found.push(name);
        }
        // In a module of tests within a file the same chain ends one lower, at names that are no layers.
        let chains = line.match_indices(&by_super).map(|(at, chain)| word(&line[at + chain.len()..]));
        found.extend(chains.filter(|name| LAYERS.contains(&name.as_str())));
    }
    found
}

/// The name that a text begins with.
fn word(text: &str) -> String {
    text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect()
}

/// Names of all dependencies of a manifest, those of tests included.
fn dependencies(manifest: &Path) -> Vec<String> {
    let text = fs::read_to_string(manifest).unwrap();
    let mut within = false;
    let mut names = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            within = line.trim_matches(['[', ']']).ends_with("dependencies");
        } else if within && let Some((name, _)) = line.split_once(['.', ' ', '=']) {
            names.push(name.to_owned());
        }
    }
    names
}
