//! `outrigger try`: one request through a module, and the report of it.

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{guest, with_guests};

/// Runs `outrigger try` on a module of the examples.
fn attempt(module: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outrigger"));
    command.arg("try").arg(guest(module)).args(arguments).output().expect("the program runs")
}

/// As [`attempt`], with a configuration.
fn attempt_with(configuration: &str, module: &str, arguments: &[&str]) -> Output {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("outrigger.yaml");
    fs::write(&file, with_guests(configuration)).expect("a configuration");
    attempt(module, &[&["-c", file.to_str().expect("a path")], arguments].concat())
}

fn report(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// A configuration with a seeded store and one function, and a chain that is of no account.
fn configuration(functions: &str) -> String {
    format!(
        r#"
stores:
  - name: state_demo
    memory: {{seed: {{book1: "100"}}}}
functions:
{functions}
listeners:
  - name: business
    address: 127.0.0.1:0
    filters: [{{name: direct_response}}]
"#
    )
}

const ADD_HEADER: &str =
    r#"  - {name: add_header, vm_config: {path: GUEST(add_header)}, configuration: {name: x-outrigger, value: "1"}}"#;

#[test]
fn the_answer_and_what_the_upstream_received_are_shown() {
    let arguments = ["-X", "PUT", "-H", "accept: text/plain", "-d", "a book", "/books?name=b1"];
    let output = attempt_with(&configuration(ADD_HEADER), "add_header", &arguments);
    let text = stdout(&output);
    assert!(output.status.success(), "{output:?}");
    let (answer, upstream) = text.split_once("the stub upstream received: ").expect("both parts");
    assert!(answer.contains("answer: 200 OK\n") && answer.contains("  x-outrigger: 1\n"), "{text}");
    assert!(answer.contains("  hello from the stub upstream\n"), "{text}");
    for line in ["PUT /books?name=b1\n", "  x-outrigger: 1\n", "  accept: text/plain\n", "  a book\n"] {
        assert!(upstream.contains(line), "no `{line}` in {text}");
    }
    assert!(text.contains(" us of CPU, "), "{text}");
}

#[test]
fn the_report_as_json_has_every_key() {
    let output = attempt_with(&configuration(ADD_HEADER), "add_header", &["--json", "http://shop.test/books"]);
    let report = report(&output);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let keys: Vec<&String> = report.as_object().expect("an object").keys().collect();
    let expected = [
        "answer",
        "failure",
        "function",
        "guest_us",
        "host_calls",
        "log",
        "memory_bytes",
        "notes",
        "ok",
        "refused",
        "trap",
        "upstream",
    ];
    assert_eq!(keys, expected);
    assert_eq!((&report["ok"], &report["function"]["id"]), (&json!(true), &json!("add_header")));
    assert_eq!(report["answer"]["status"], 200);
    assert_eq!(report["upstream"]["method"], "GET");
    assert!(report["upstream"]["headers"].as_array().expect("a list").contains(&json!(["x-outrigger", "1"])));
    assert!(report["guest_us"].is_u64() && report["memory_bytes"].as_u64() > Some(0), "{report}");
    for nothing in ["trap", "refused", "failure"] {
        assert!(report[nothing].is_null(), "{report}");
    }
}

#[test]
fn a_function_reads_the_seed_of_a_store() {
    let functions = "  - {name: id_2, vm_config: {path: GUEST(function_2)}}";
    let report = report(&attempt_with(&configuration(functions), "function_2", &["-d", "book1", "--json"]));
    assert_eq!((&report["answer"]["status"], &report["answer"]["body"]), (&json!(200), &json!("100")));
    assert!(report["upstream"].is_null(), "a Layotto function that answers ends the chain: {report}");
    let call = &report["host_calls"][0];
    assert_eq!(
        (&call["call"], &call["target"], &call["kind"]),
        (&json!("proxy_get_state"), &json!("state_demo"), &json!("memory"))
    );
    assert_eq!((&call["arguments"], &call["result"]), (&json!({"key": "book1"}), &json!({"value": "100"})));
    assert!(call["us"].is_u64(), "{call}");
}

#[test]
fn a_function_calls_another_one_of_the_configuration() {
    let functions = "  - {name: id_1, vm_config: {path: GUEST(function_1)}}
  - {name: id_2, vm_config: {path: GUEST(function_2)}}";
    let output = attempt_with(&configuration(functions), "function_1", &["--json", "/?name=book1"]);
    let report = report(&output);
    assert_eq!(report["answer"]["body"], "There are 100 inventories for book1.");
    let calls: Vec<(&str, &str)> = report["host_calls"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|call| (call["function"].as_str().expect("a name"), call["call"].as_str().expect("a name")))
        .collect();
    assert_eq!(calls, [("id_1", "proxy_invoke_service"), ("id_2", "proxy_get_state")]);
}

#[test]
fn a_function_that_is_not_there_is_an_error_that_says_so() {
    let report = report(&attempt("function_1", &["--json", "/?name=book1"]));
    let call = &report["host_calls"][0];
    assert_eq!((&call["call"], &call["kind"]), (&json!("proxy_invoke_service"), &json!("function")));
    let error = call["result"]["error"].as_str().expect("an error");
    assert!(error.contains("function `id_2` failed: no such function is here"), "{error}");
}

#[test]
fn an_http_call_to_a_store_is_shown_with_its_answer() {
    let output = attempt_with(&configuration(" []"), "inventory", &["/?name=book1"]);
    let text = stdout(&output);
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains("There are 100 inventories for book1."), "{text}");
    assert!(text.contains("inventory: proxy_http_call to `state_demo` (memory): GET /book1\n"), "{text}");
    assert!(text.contains("    200 OK \"100\" ("), "{text}");
    assert!(text.contains("the stub upstream received nothing"), "{text}");
}

#[test]
fn without_a_configuration_there_is_an_empty_store() {
    let report = report(&attempt("inventory", &["--json", "/?name=book1"]));
    assert_eq!((&report["answer"]["status"], &report["host_calls"][0]["result"]["status"]), (&json!(404), &json!(404)));
}

#[test]
fn a_local_reply_is_an_answer() {
    let functions = "  - name: basic_auth
    vm_config: {path: GUEST(basic_auth)}
    configuration: {realm: books, users: {alice: secret}}";
    let configuration = configuration(functions);
    let refused = report(&attempt_with(&configuration, "basic_auth", &["--json"]));
    assert_eq!((&refused["ok"], &refused["answer"]["status"]), (&json!(true), &json!(401)));
    assert!(refused["upstream"].is_null(), "{refused}");
    let known = ["--json", "-H", "authorization: Basic YWxpY2U6c2VjcmV0"];
    assert_eq!(report(&attempt_with(&configuration, "basic_auth", &known))["answer"]["status"], 200);
}

#[test]
fn a_trap_is_told_with_its_callback_and_reason() {
    let output = attempt("traps", &["-H", "x-trap: response_headers"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = stderr(&output);
    assert!(told.contains("trapped in `proxy_on_response_headers`: unreachable"), "{told}");
    let text = stdout(&output);
    assert!(text.contains("answer: 503"), "{text}");
    assert!(text.contains("panics in response_headers, as it was asked to"), "the guest's own line: {text}");
    let report = report(&attempt("traps", &["--json"]));
    assert_eq!(
        (&report["ok"], &report["trap"]["callback"], &report["trap"]["reason"]),
        (&json!(false), &json!("proxy_on_request_headers"), &json!("unreachable"))
    );
}

#[test]
fn a_guest_that_refuses_its_configuration_says_why() {
    let output = attempt("add_header", &["--json"]);
    let report = report(&output);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(report["refused"]["step"], "configure");
    assert!(!report["log"].as_array().expect("a list").is_empty(), "{report}");
}

#[test]
fn a_file_that_is_no_module_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("notes.wasm");
    fs::write(&file, "not a module\n").expect("a file");
    let output = Command::new(env!("CARGO_BIN_EXE_outrigger")).arg("try").arg(&file).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = stderr(&output);
    assert!(told.contains("was refused at step `compile`") && told.contains("not a WebAssembly module"), "{told}");
    assert!(output.stdout.is_empty(), "{output:?}");
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [&["-H", "no colon"][..], &["-X", "NO METHOD"], &["books"], &["--unknown"]] {
        let output = attempt("add_header", arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    }
}
