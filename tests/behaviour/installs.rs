//! Functions come, go and grow while the sidecar serves.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::demo::{MEMORY, demo};
use crate::support::{Client, Sidecar, eventually, module, shell};

/// A function `id_1` that asks `id_2` for `book1` and answers what that says. It is loaded in a moment.
const ASKS: &str = r#"
(import "env" "proxy_invoke_service" (func $invoke (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
(import "env" "proxy_set_buffer_bytes" (func $set (param i32 i32 i32 i32 i32) (result i32)))
(data (i32.const 0) "id_1id_2book1")
(func (export "proxy_get_id")
    (drop (call $set (i32.const 8) (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 4))))
(func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
    (drop (call $invoke (i32.const 4) (i32.const 4) (i32.const 0) (i32.const 0)
        (i32.const 8) (i32.const 5) (i32.const 64) (i32.const 68)))
    (drop (call $set (i32.const 1) (i32.const 0) (i32.load (i32.const 68))
        (i32.load (i32.const 64)) (i32.load (i32.const 68))))
    i32.const 0)
"#;

const UNINSTALL: &str = r#"{"name":"id_1"}"#;

/// The command of the guide, as it stands there.
async fn curl(sidecar: &Sidecar, path: &str, body: &str) -> String {
    let headers = r#"-H "Accept: application/json" -H "Content-type: application/json""#;
    let ended = shell(&format!("curl {headers} -X POST -d '{body}' http://{}{path}", sidecar.admin())).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    ended.stdout
}

#[tokio::test]
async fn three_curl_commands_take_a_function_away_bring_it_back_and_scale_it() {
    let sidecar = Sidecar::start(&demo(MEMORY)).await;
    let answer = "There are 100 inventories for book1.";

    assert_eq!(curl(&sidecar, "/wasm/uninstall", UNINSTALL).await, "");
    let reply = sidecar.call("id_1", "/?name=book1").await;
    assert_eq!((reply.status, reply.field("content-type")), (404, Some("application/json")));
    assert_eq!(reply.text(), r#"{"error":"no function has the id `id_1`"}"#);
    let again = curl(&sidecar, "/wasm/uninstall", UNINSTALL).await;
    assert_eq!(again, r#"{"error":"no function has the id `id_1`"}"#);

    let path = "guest-examples/dist/function_1.wasm";
    let body = format!(r#"{{"name":"id_1","instance_num":1,"vm_config":{{"engine":"wasmtime","path":"{path}"}}}}"#);
    assert_eq!(curl(&sidecar, "/wasm/install", &body).await, "");
    assert_eq!(sidecar.call("id_1", "/?name=book1").await.text(), answer);
    assert_eq!(sidecar.function("id_1").await["installed_by"], "admin");

    assert_eq!(curl(&sidecar, "/wasm/update", r#"{"name":"id_1","instance_num":2}"#).await, "");
    let functions = sidecar.admin_get("/functions").await.json();
    let instances = |at: usize| functions["functions"][at]["instances"].clone();
    assert_eq!(instances(0), serde_json::json!({"min": 2, "max": 2, "live": 2, "busy": 0}));
    assert_eq!(instances(1)["live"], 1);
    assert_eq!(sidecar.call("id_1", "/?name=book1").await.text(), answer);
}

#[tokio::test]
async fn an_update_shrinks_and_an_equal_one_changes_nothing() {
    let sidecar = Sidecar::start(&demo(MEMORY)).await;
    for (instances, live) in [(5, 5), (5, 5), (1, 1), (1, 1)] {
        let body = format!(r#"{{"name":"id_2","instance_num":{instances}}}"#);
        assert_eq!(sidecar.admin_post("/wasm/update", &body).await.status, 200);
        assert_eq!(sidecar.function("id_2").await["instances"]["live"], live);
        assert_eq!(sidecar.call("id_1", "/?name=book1").await.text(), "There are 100 inventories for book1.");
    }
    let reply = sidecar.admin_post("/wasm/update", r#"{"name":"id_9","instance_num":1}"#).await;
    assert_eq!((reply.status, reply.error().as_str()), (404, "no function has the id `id_9`"));
}

/// What clients have seen: right answers, and that the function is not there.
#[derive(Default)]
struct Seen {
    answered: AtomicU64,
    absent: AtomicU64,
    over: AtomicBool,
}

impl Seen {
    /// Waits until another answer of this kind has come.
    async fn another(count: &AtomicU64) {
        let before = count.load(Ordering::Relaxed);
        eventually("another answer", || (count.load(Ordering::Relaxed) > before).then_some(())).await;
    }
}

async fn ask_until_over(address: std::net::SocketAddr, seen: Arc<Seen>) {
    while !seen.over.load(Ordering::Relaxed) {
        let mut client = Client::connect(address).await;
        for _ in 0..1000 {
            let reply = client.send("GET", "/?x", &[("id", "id_1")], b"").await;
            match (reply.status, reply.text().as_str()) {
                (200, "100") => seen.answered.fetch_add(1, Ordering::Relaxed),
                (404, r#"{"error":"no function has the id `id_1`"}"#) => seen.absent.fetch_add(1, Ordering::Relaxed),
                wrong => panic!("a wrong answer: {wrong:?}"),
            };
            if seen.over.load(Ordering::Relaxed) {
                return;
            }
        }
    }
}

#[tokio::test]
async fn a_function_comes_and_goes_a_hundred_times_under_load_and_every_answer_is_right() {
    // Vms that stay after their function would soon use up the fifteen.
    let sidecar = Sidecar::start(&format!("wasm: {{vms: 15}}\n{}", demo(MEMORY))).await;
    let path = sidecar.folder().join("asks.wasm");
    fs::write(&path, module(ASKS)).unwrap();
    let install = format!(r#"{{"name":"id_1","instance_num":4,"vm_config":{{"path":"{}"}}}}"#, path.display());
    assert_eq!(sidecar.admin_post("/wasm/uninstall", UNINSTALL).await.status, 200);

    let (address, seen) = (sidecar.listener("business").await, Arc::<Seen>::default());
    let clients: Vec<_> = (0..8).map(|_| tokio::spawn(ask_until_over(address, Arc::clone(&seen)))).collect();
    for _ in 0..100 {
        let reply = sidecar.admin_post("/wasm/install", &install).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, ""));
        Seen::another(&seen.answered).await;
        let reply = sidecar.admin_post("/wasm/uninstall", UNINSTALL).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, ""));
        Seen::another(&seen.absent).await;
    }
    seen.over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("every answer was right");
    }
    assert_eq!(sidecar.metric(r#"outrigger_function_traps_total{function="id_1",version="1"}"#).await, 0.0);
}

#[tokio::test]
async fn of_two_installs_of_one_id_at_once_exactly_one_is_refused() {
    let sidecar = Sidecar::start(&demo(MEMORY)).await;
    let path = crate::support::guest("function_1").display().to_string();
    let body = format!(r#"{{"name":"id_1","instance_num":1,"vm_config":{{"path":"{path}"}}}}"#);
    // The other name is found out when the guest says that its id is `id_1`.
    let disguised = body.replace(r#""name":"id_1""#, r#""name":"other""#);
    for second in [&body, &disguised] {
        assert_eq!(sidecar.admin_post("/wasm/uninstall", UNINSTALL).await.status, 200);
        let (one, other) =
            tokio::join!(sidecar.admin_post("/wasm/install", &body), sidecar.admin_post("/wasm/install", second));
        let mut statuses = [one.status, other.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "{} {}", one.text(), other.text());
        let refused = if one.status == 409 { one } else { other };
        assert!(refused.error().contains("the id `id_1` is in use"), "{}", refused.text());
        assert_eq!(sidecar.call("id_1", "/?name=book1").await.text(), "There are 100 inventories for book1.");
    }
}

#[tokio::test]
async fn a_function_is_found_by_the_id_that_its_guest_announces() {
    let sidecar = Sidecar::start(&demo(MEMORY)).await;
    assert_eq!(sidecar.admin_post("/wasm/uninstall", UNINSTALL).await.status, 200);
    let path = crate::support::guest("function_1").display().to_string();
    let body = format!(r#"{{"name":"inventories","vm_config":{{"engine":"wasmer","path":"{path}"}}}}"#);
    assert_eq!(sidecar.admin_post("/wasm/install", &body).await.status, 200);
    let function = sidecar.function("id_1").await;
    assert_eq!((&function["id"], &function["configured_name"]), (&"id_1".into(), &"inventories".into()));
    assert_eq!((&function["engine"], &function["requested_engine"]), (&"wasmtime".into(), &"wasmer".into()));
    assert!(sidecar.logged("the guest calls itself").await.contains("configured_name=inventories"));
    assert_eq!(sidecar.call("inventories", "/?name=book1").await.status, 404);
    assert_eq!(sidecar.call("id_1", "/?name=book1").await.text(), "There are 100 inventories for book1.");
}
