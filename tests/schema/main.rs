//! The JSON Schema of the configuration: it is the one that is committed, it takes what the program takes, and it refuses
//! the mistakes that an editor can see.
//!
//! `UPDATE=1 cargo test --test schema` writes `config/schema.json` anew; read the diff before committing it.

mod check;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use check::Checker;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn printed() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_outrigger")).arg("schema").output().expect("the program runs");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

fn checker() -> Checker {
    let schema: Value = serde_json::from_str(&printed()).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    Checker::new(schema)
}

fn yaml(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn shipped() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("config")).expect("the folder");
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    paths.filter(|path| path.extension().is_some_and(|found| found == "yaml")).collect()
}

#[test]
fn the_committed_schema_is_the_one_that_is_printed() {
    let path = root().join("config/schema.json");
    let printed = printed();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &printed).expect("it is written");
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == printed, "{} is old; run again with UPDATE=1 and read the diff", path.display());
}

#[test]
fn every_configuration_that_is_right_satisfies_it() {
    let checker = checker();
    let mut paths = shipped();
    assert!(paths.len() >= 3, "only {paths:?}");
    paths.extend(["every_key", "no_key"].map(|name| root().join(format!("tests/config/{name}.yaml"))));
    for path in paths {
        assert_eq!(checker.complaints(&yaml(&path)), [""; 0], "{}", path.display());
    }
}

#[test]
fn references_to_the_environment_may_stand_for_any_value() {
    let text = r#"
threads: ${THREADS:-2}
log: {level: "${LEVEL}"}
admin: {address: "127.0.0.1:${PORT:-0}"}
drain: {timeout: "${DRAIN}"}
wasm: {vms: "${VMS}", max_module: "${MAX}"}
listeners:
  - {name: a, address: "${ADDRESS}", filters: [{name: direct_response, disabled: "${OFF}"}]}
"#;
    let configuration: Value = serde_yaml::from_str(text).expect("YAML");
    assert_eq!(checker().complaints(&configuration), [""; 0]);
}

/// The mistakes that are about one place alone.
#[test]
fn it_refuses_mistakes_that_an_editor_can_see() {
    let checker = checker();
    for name in [
        "address_host_name",
        "address_without_port",
        "duration_unit",
        "duration_without_unit",
        "instance_num_zero",
        "instances_and_instance_num",
        "later_filter",
        "list_expected",
        "mapping_expected",
        "missing_name",
        "missing_path",
        "missing_vm_config",
        "name_with_slash",
        "names_star_beside_names",
        "no_filter",
        "router_without_cluster",
        "sha256",
        "size_unit",
        "store_of_no_kind",
        "store_of_two_kinds",
        "store_url_scheme",
        "threads_zero",
        "unknown_engine",
        "unknown_filter",
        "unknown_key",
        "word_expected",
    ] {
        let path = root().join(format!("tests/config/invalid/{name}.yaml"));
        assert!(!checker.complaints(&yaml(&path)).is_empty(), "the schema takes {}", path.display());
    }
}

#[test]
fn each_key_has_a_description() {
    let schema: Value = serde_json::from_str(&printed()).expect("JSON");
    let mut bare = Vec::new();
    let definitions = schema["$defs"].as_object().expect("definitions").iter();
    for (name, definition) in definitions.map(|(name, value)| (name.as_str(), value)).chain([("Config", &schema)]) {
        let Some(properties) = definition["properties"].as_object() else { continue };
        let without =
            properties.iter().filter(|(_, property)| property["description"].as_str().is_none_or(str::is_empty));
        bare.extend(without.map(|(key, _)| format!("{name}.{key}")));
    }
    assert!(bare.is_empty(), "{bare:?}");
}
