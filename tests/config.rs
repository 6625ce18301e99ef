//! The configuration from outside: every file in `config/` is right, and every mistake is told as its golden file says.
//!
//! `UPDATE=1 cargo test --test config` rewrites the golden files; read the diff before committing it.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use outrigger::config;

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|found| found == ending))
        .collect();
    files.sort();
    files
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).expect("the files have plain names")
}

/// No variable is set, whatever the machine has.
fn no_variables(_: &str) -> Option<String> {
    None
}

fn problems(path: &Path) -> config::Problems {
    match config::read_with(fs::read(path).expect("a readable file"), file_name(path), &no_variables) {
        Ok(_) => panic!("{} has no problem", path.display()),
        Err(problems) => problems,
    }
}

#[test]
fn every_shipped_configuration_is_right() {
    let files = files("config", "yaml");
    assert!(files.len() >= 3, "only {files:?}");
    for path in files {
        if let Err(problems) = config::read_with(fs::read(&path).unwrap(), file_name(&path), &no_variables) {
            panic!("{problems}");
        }
    }
}

/// The reader is our own for the sake of its messages: what it reads must be what a YAML library reads.
#[test]
fn every_shipped_configuration_is_read_as_a_yaml_library_reads_it() {
    for path in files("config", "yaml") {
        let text = fs::read_to_string(&path).unwrap();
        let theirs: config::Config = serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(config::parse(&text, file_name(&path)).unwrap(), theirs, "{}", path.display());
    }
}

#[test]
fn every_mistake_is_told_as_its_golden_file_says() {
    let files = files("tests/config/invalid", "yaml");
    assert!(files.len() >= 40, "only {} files", files.len());
    let update = std::env::var_os("UPDATE").is_some();
    let mut differ = Vec::new();
    for path in files {
        let told = format!("{}\n", problems(&path));
        let golden = path.with_extension("err");
        if update {
            fs::write(&golden, told).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != told {
            differ.push(format!("{} should say\n{told}", golden.display()));
        }
    }
    assert!(differ.is_empty(), "{}\nrun again with UPDATE=1 and read the diff", differ.join("\n"));
}

#[test]
fn every_golden_file_has_its_configuration() {
    let configurations: BTreeSet<PathBuf> = files("tests/config/invalid", "yaml").into_iter().collect();
    for golden in files("tests/config/invalid", "err") {
        assert!(configurations.contains(&golden.with_extension("yaml")), "{} is left over", golden.display());
    }
}

fn read(path: &str) -> config::Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    config::read_with(fs::read(&path).expect("a readable file"), file_name(&path), &no_variables)
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_key_that_is_left_out_has_its_default() {
    assert_eq!(read("tests/config/every_key.yaml"), read("tests/config/no_key.yaml"));
}

/// What `/config_dump` shows can be used as a configuration, secrets apart.
#[test]
fn a_configuration_that_was_read_can_be_written_and_read_again() {
    let first = read("tests/config/no_key.yaml");
    let dump = serde_json::to_string_pretty(&first).unwrap();
    match config::read_with(&dump, "dump", &no_variables) {
        Ok(second) => assert_eq!(first, second),
        Err(problems) => panic!("{problems}"),
    }
}

/// A file that is read while somebody writes it, or that was damaged.
#[test]
fn a_damaged_file_is_refused_and_never_a_panic() {
    for path in ["config/quickstart.yaml", "tests/config/every_key.yaml"] {
        let text = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        for end in (0..text.len()).step_by(11) {
            let _ = config::read_with(&text[..end], "cut", &no_variables).map_err(|problems| problems.to_string());
        }
        for at in (0..text.len()).step_by(61) {
            for byte in *b"{[\"':- \t\n&*!%\x00\xff" {
                let mut text = text.clone();
                text[at] = byte;
                let _ = config::read_with(&text, "bent", &no_variables).map_err(|problems| problems.to_string());
            }
        }
    }
}
