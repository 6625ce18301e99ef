//! The main job: a request runs a function in the chain, and the function reaches its store.

use crate::support::{Redis, Sidecar, guest};

/// The demo's configuration with a store of the test's own.
pub(crate) fn demo(store: &str) -> String {
    format!(
        r#"
stores:
  - name: state_demo
    {store}
functions:
  - name: id_1
    instance_num: 1
    vm_config: {{engine: wasmtime, path: GUEST(function_1)}}
  - name: id_2
    instance_num: 1
    vm_config: {{engine: wasmtime, path: GUEST(function_2)}}
listeners:
  - name: business
    address: 127.0.0.1:0
    filters:
      - name: dispatch
        config: {{stores: [state_demo], functions: ["*"]}}
      - name: function_lookup
      - name: wasm
      - name: direct_response
        config: {{status: 200}}
"#
    )
}

/// A store that holds what the demo asks for.
pub(crate) const MEMORY: &str = r#"memory: {seed: {book1: "100"}}"#;

#[tokio::test]
async fn function_1_asks_function_2_which_reads_the_memory_store() {
    let sidecar = Sidecar::start(&demo(MEMORY)).await;
    let reply = sidecar.call("id_1", "/?name=book1").await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "There are 100 inventories for book1."));
}

#[tokio::test]
async fn a_new_value_in_redis_changes_the_next_answer() {
    let redis = Redis::start().await;
    redis.set("book1", "100").await;
    let sidecar = Sidecar::start(&demo(&format!("redis: {{url: {}}}", redis.url()))).await;
    assert_eq!(sidecar.call("id_1", "/?name=book1").await.text(), "There are 100 inventories for book1.");
    redis.set("book1", "7").await;
    assert_eq!(sidecar.call("id_1", "/?name=book1").await.text(), "There are 7 inventories for book1.");
}

#[tokio::test]
async fn a_function_is_uninstalled_installed_and_scaled_while_the_sidecar_runs() {
    let sidecar = Sidecar::start(&demo(MEMORY)).await;
    let path = guest("function_1").display().to_string();

    let reply = sidecar.admin_post("/wasm/uninstall", r#"{"name":"id_1"}"#).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, ""));
    let reply = sidecar.call("id_1", "/?name=book1").await;
    assert_eq!((reply.status, reply.error().as_str()), (404, "no function has the id `id_1`"));

    let body = format!(r#"{{"name":"id_1","instance_num":1,"vm_config":{{"engine":"wasmtime","path":"{path}"}}}}"#);
    let reply = sidecar.admin_post("/wasm/install", &body).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, ""));
    assert_eq!(sidecar.call("id_1", "/?name=book1").await.text(), "There are 100 inventories for book1.");

    let reply = sidecar.admin_post("/wasm/update", r#"{"name":"id_1","instance_num":2}"#).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, ""));
    assert_eq!(sidecar.function("id_1").await["instances"]["live"], 2);
    assert_eq!(sidecar.call("id_1", "/?name=book1").await.text(), "There are 100 inventories for book1.");
}
