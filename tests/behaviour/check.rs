//! `outrigger check`: what is wrong with a configuration, before anything is started.

use std::fs;
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::demo::{MEMORY, demo};
use crate::support::{Program, with_guests};

/// A configuration with two mistakes.
const WRONG: &str = r#"stores:
  - name: state_demo
    memory: {}
functions:
  - name: id_1
    vm_config: {path: a.wasm}
listeners:
  - name: business
    address: 127.0.0.1:0
    filters:
      - name: router
        config: {cluster: ap}
clusters:
  - name: app
    endpoints: [{address: 127.0.0.1:1}]
    protocl: http1
"#;

#[tokio::test]
async fn a_valid_configuration_is_said_to_be_one_while_its_ports_are_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    // Neither a port nor a store is tried, and the access log is not begun.
    let log = folder.path().join("access.log");
    let configuration = demo("redis: {url: \"redis://127.0.0.1:1\"}").replace("127.0.0.1:0", &address);
    let configuration = format!("access_log: {{path: {}}}\n{configuration}", log.display());
    fs::write(&file, with_guests(&configuration)).unwrap();
    let path = file.to_str().unwrap();
    let ended = Program::new(&["check", "-c", path]).end().await;
    let valid = format!("{path} is a valid configuration\n");
    assert_eq!((ended.code, ended.stdout, ended.stderr.as_str()), (Some(0), valid, ""));
    let ended = Program::new(&["check", "--json", "-c", path]).end().await;
    let answer: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!((ended.code, answer), (Some(0), json!({"ok": true, "problems": []})));
    assert!(!log.exists());
}

#[tokio::test]
async fn problems_come_with_their_place_an_excerpt_and_what_to_do() {
    let ended = Program::new(&["check", "-c", "-"]).stdin(WRONG).end().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    for part in [
        "<stdin>:16:5: unknown key `protocl`",
        "<stdin>:12:27: no cluster is named `ap`",
        "config: {cluster: ap}",
        "hint: did you mean `app`?",
    ] {
        assert!(ended.stderr.contains(part), "no {part} in {}", ended.stderr);
    }
}

#[tokio::test]
async fn problems_as_json_have_a_path_a_line_and_a_column() {
    let ended = Program::new(&["check", "--json", "-c", "-"]).stdin(WRONG).end().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), ""));
    let answer: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(answer["ok"], false);
    let problems = answer["problems"].as_array().unwrap();
    let cluster = problems.iter().find(|problem| problem["line"] == 12).expect("the cluster");
    let expected = json!({
        "path": "listeners[0].filters[0].config.cluster",
        "line": 12,
        "column": 27,
        "message": "no cluster is named `ap`",
        "hint": "did you mean `app`?",
    });
    assert_eq!(*cluster, expected);
}

#[tokio::test]
async fn every_module_is_loaded_and_every_refusal_told() {
    let configuration = demo(MEMORY)
        .replace("GUEST(function_1)", "nowhere.wasm")
        // It refuses to be configured without its settings, and says why in its log.
        .replace("GUEST(function_2)", "GUEST(add_header)");
    let ended = Program::new(&["check", "-c", "-"]).stdin(with_guests(&configuration)).end().await;
    assert_eq!(ended.code, Some(1));
    for part in [
        "<stdin>:8:41: function `id_1` was refused at step `source`",
        "<stdin>:11:41: function `id_2` was refused at step `configure`",
        "the configuration is refused",
    ] {
        assert!(ended.stderr.contains(part), "no {part} in {}", ended.stderr);
    }
}

#[tokio::test]
async fn two_functions_with_one_id_are_a_problem() {
    let configuration = demo(MEMORY).replace("GUEST(function_2)", "GUEST(function_1)");
    let ended = Program::new(&["check", "-c", "-"]).stdin(with_guests(&configuration)).end().await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("the id `id_1` is in use"), "{}", ended.stderr);
}

#[tokio::test]
async fn the_configurations_of_the_repository_are_valid() {
    let mut names: Vec<_> = fs::read_dir("config").unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    assert!(names.len() >= 3, "{names:?}");
    for path in names {
        let ended = Program::new(&["check", "-c", path.to_str().unwrap()]).end().await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }
}
