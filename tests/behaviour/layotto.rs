//! Functions in the manner of Layotto: what they get, what becomes of what they do not answer, and what they are called.

use serde_json::{Value, json};

use crate::support::{Backend, Sidecar, guest};

fn configuration(functions: &str, app: &Backend) -> String {
    format!(
        r#"
stores:
  - name: state_demo
    memory: {{seed: {{book1: "100", "a=b&c": "query", body: "body"}}}}
clusters:
  - name: app
    endpoints: [{{address: {}}}]
functions:
{functions}
listeners:
  - name: business
    address: 127.0.0.1:0
    filters:
      - name: dispatch
        config: {{stores: [state_demo], functions: ["*"]}}
      - name: function_lookup
      - name: wasm
      - name: router
        config: {{cluster: app}}
"#,
        app.address()
    )
}

/// One function of the same name as its guest.
async fn start(guest: &str, app: &Backend) -> Sidecar {
    let function = format!("  - {{name: {guest}, instance_num: 1, vm_config: {{path: GUEST({guest})}}}}");
    Sidecar::start(&configuration(&function, app)).await
}

#[tokio::test]
async fn the_query_is_the_input_unless_there_is_a_body() {
    let app = Backend::echo().await;
    let sidecar = start("state_reader", &app).await;
    let asked = async |method: &str, target: &str, body: &[u8]| {
        let reply = sidecar.send(method, target, &[("id", "state_reader")], body).await;
        assert_eq!(reply.status, 200);
        reply.text()
    };
    assert_eq!(asked("GET", "/path?book1", b"").await, "book1=100");
    assert_eq!(asked("GET", "/?a=b&c", b"").await, "a=b&c=query", "the raw query, whole");
    assert_eq!(asked("POST", "/?book1", b"body").await, "body=body");
    assert_eq!(asked("POST", "/", b"book1").await, "book1=100");
    assert_eq!(asked("POST", "/?book1", b"").await, "book1=100");
    assert!(app.seen().is_empty(), "who was answered goes nowhere else");
}

#[tokio::test]
async fn a_request_without_an_input_is_not_answered_and_goes_on() {
    let app = Backend::start(|seen| crate::support::Answer::ok(seen.target.clone())).await;
    let sidecar = start("state_reader", &app).await;
    for target in ["/path", "/path?"] {
        let reply = sidecar.call("state_reader", target).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, target));
    }
    let function = sidecar.function("state_reader").await;
    assert_eq!((&function["traps"], &function["exchanges"]["total"]), (&0.into(), &2.into()));
}

#[tokio::test]
async fn a_function_that_pauses_with_no_call_outstanding_is_answered_for_with_500() {
    let app = Backend::echo().await;
    let sidecar = start("pauses", &app).await;
    let paused = json!({"error": "function `pauses` paused and has no call outstanding that could resume it"});
    for (target, fields) in [("/?alone", &[("id", "pauses")][..]), ("/", &[("id", "pauses"), ("x-pause", "1")])] {
        let reply = sidecar.send("GET", target, fields, b"").await;
        assert_eq!((reply.status, reply.json()), (500, paused.clone()), "{target}");
        assert_eq!(reply.field("content-type"), Some("application/json"));
        let line = sidecar.access_logged(&format!("\"GET {target} HTTP/1.1\"")).await;
        assert!(line.contains(" 500 WP ") && line.contains("\"wasm_paused\""), "{line}");
    }
    // With a call outstanding it is waited for.
    let reply = sidecar.call("pauses", "/?call").await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "100"));
    assert!(app.seen().is_empty());
}

#[tokio::test]
async fn a_function_is_known_by_the_id_that_its_guest_announces() {
    let app = Backend::echo().await;
    let functions = "  - {name: function1, instance_num: 1, vm_config: {path: GUEST(function_1)}}\n  \
                     - {name: id_2, instance_num: 1, vm_config: {path: GUEST(function_2)}}";
    let sidecar = Sidecar::start(&configuration(functions, &app)).await;
    let line = sidecar.logged("the guest calls itself `id_1`").await;
    assert!(line.contains("WARN") && line.contains("configured_name=function1"), "{line}");
    assert_eq!(sidecar.call("id_1", "/?name=book1").await.text(), "There are 100 inventories for book1.");
    assert_eq!(sidecar.call("function1", "/?name=book1").await.status, 404);
    let functions = sidecar.admin_get("/functions").await.json();
    let listed: Vec<_> = functions["functions"].as_array().expect("a list").iter().map(names).collect();
    assert_eq!(listed, [("id_1", "function1"), ("id_2", "id_2")]);

    let reply = sidecar.admin_post("/wasm/uninstall", r#"{"name":"function1"}"#).await;
    assert_eq!((reply.status, reply.error().as_str()), (404, "no function has the id `function1`"));
    assert_eq!(sidecar.admin_post("/wasm/uninstall", r#"{"name":"id_1"}"#).await.status, 200);
    assert_eq!(sidecar.call("id_1", "/?name=book1").await.status, 404);
}

fn names(function: &Value) -> (&str, &str) {
    (function["id"].as_str().expect("an id"), function["configured_name"].as_str().expect("a name"))
}

#[tokio::test]
async fn an_id_is_in_use_by_what_the_guest_announces() {
    let app = Backend::echo().await;
    let sidecar = start("function_2", &app).await;
    let install = async |name: &str, module: &str| {
        let path = guest(module).display().to_string();
        let body = json!({"name": name, "instance_num": 1, "vm_config": {"path": path}}).to_string();
        sidecar.admin_post("/wasm/install", &body).await
    };
    let reply = install("another_name", "function_2").await;
    assert_eq!(reply.status, 409);
    assert_eq!(reply.error(), "cannot install `another_name`: the id `id_2` is in use; uninstall it first");
    // The name of one function is no id of another: this guest calls itself `id_1`.
    assert_eq!(install("id_2", "function_1").await.status, 200);
    assert_eq!(sidecar.call("id_1", "/?name=book1").await.text(), "There are 100 inventories for book1.");
}

#[tokio::test]
async fn a_function_without_a_configuration_gets_pairs() {
    let app = Backend::echo().await;
    let sidecar = start("tells_configuration", &app).await;
    let path = guest("tells_configuration").display().to_string();
    let told = async || sidecar.call("tells_configuration", "/?x").await.text();
    assert_eq!(told().await, format!("plugin: name=tells_configuration; vm: engine=wasmtime path={path}"));

    assert_eq!(sidecar.admin_post("/wasm/uninstall", r#"{"name":"tells_configuration"}"#).await.status, 200);
    let vm_config = json!({"engine": "wasmer", "path": path});
    let body = json!({"name": "a", "instance_num": 1, "vm_config": vm_config, "root_context_id": "", "colour": "blue"});
    let reply = sidecar.admin_post("/wasm/install", &body.to_string()).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(told().await, format!("plugin: name=a colour=blue; vm: engine=wasmer path={path}"));
}

#[tokio::test]
async fn a_function_that_asks_for_wasmer_runs_on_wasmtime_and_that_is_told() {
    let app = Backend::echo().await;
    let function = "  - {name: id_2, instance_num: 1, vm_config: {engine: wasmer, path: GUEST(function_2)}}";
    let sidecar = Sidecar::start(&configuration(function, &app)).await;
    let line = sidecar.logged("it runs on wasmtime").await;
    assert!(line.contains("WARN") && line.contains("wasmer") && line.contains("id_2"), "{line}");
    assert_eq!(sidecar.call("id_2", "/?book1").await.text(), "100");
    let function = sidecar.function("id_2").await;
    assert_eq!((&function["engine"], &function["requested_engine"]), (&"wasmtime".into(), &"wasmer".into()));
}

#[tokio::test]
async fn the_access_log_names_the_chosen_function_though_another_one_ran_after_it() {
    let app = Backend::echo().await;
    let functions = "  - {name: chunky, instance_num: 1, vm_config: {path: GUEST(chunky)}}\n  \
                     - {name: traps, instance_num: 1, vm_config: {path: GUEST(traps)}}";
    let more = "      - name: wasm\n        label: second\n        config: {function: chunky}\n      - name: router";
    let lookup = "function_lookup\n        config: {missing: next}";
    let configuration = configuration(functions, &app).replace("      - name: router", more);
    let sidecar = Sidecar::start(&configuration.replace("function_lookup", lookup)).await;
    for (target, fields, function) in [
        ("/chosen", &[("id", "traps"), ("x-trap", "nowhere")][..], "\"traps\" 1 "),
        ("/unchosen", &[], "\"chunky\" 1 "),
    ] {
        let reply = sidecar.send("GET", target, fields, b"").await;
        assert_eq!((reply.status, reply.field("x-seen").is_some()), (200, true));
        let line = sidecar.access_logged(target).await;
        assert!(line.contains(function), "{line}");
    }
}
