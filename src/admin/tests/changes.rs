//! Changes: what they take, what they refuse, and that there is one at a time.

use super::*;

#[tokio::test]
async fn a_function_is_installed_with_the_body_as_it_came() {
    let admin = admin().await;
    let body = r#" {"name":"id_3", "instance_num":1,"vm_config":{"engine":"wasmtime","path":"f.wasm"}}"#;
    let reply = admin.post("/wasm/install", body).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    assert_eq!(admin.proxy.installed.lock()[0], body);
}

#[tokio::test]
async fn a_refused_installation_says_at_which_step() {
    let admin = admin().await;
    let refused = admin.post("/wasm/install", r#"{"vm_config":{"path":"refused.wasm"}}"#).await;
    assert_eq!(refused.status, 422);
    assert_eq!(refused.json(), json!({ "error": "module `refused.wasm` does not compile", "step": "compile" }));
    assert_eq!(admin.post("/wasm/install", r#"{"vm_config":{"path":"taken.wasm"}}"#).await.status, 409);
    assert_eq!(admin.post("/wasm/install", "{}").await.status, 400);
    assert!(admin.proxy.installed.lock().is_empty());
}

#[tokio::test]
async fn a_function_is_taken_away_once() {
    let admin = admin().await;
    let reply = admin.post("/wasm/uninstall", r#"{"name":"id_1","instance_num":2}"#).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
    let again = admin.post("/wasm/uninstall", r#"{"name":"id_1"}"#).await;
    assert_eq!((again.status, again.error().as_str()), (404, "no function has the id `id_1`"));
}

#[tokio::test]
async fn the_number_of_instances_is_set() {
    let admin = admin().await;
    for instances in [5, 5, 1, 1024] {
        let reply = admin.post("/wasm/update", &format!(r#"{{"name":"id_1","instance_num":{instances}}}"#)).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, ""));
        assert_eq!(admin.proxy.functions.lock()["id_1"], instances);
    }
    assert_eq!(admin.post("/wasm/update", r#"{"name":"id_9","instance_num":2}"#).await.status, 404);
}

#[tokio::test]
async fn a_body_that_is_not_what_is_wanted_is_refused_with_the_reason() {
    let admin = admin().await;
    for (path, body, reason) in [
        ("install", "", "the body is not JSON: EOF while parsing a value at line 1 column 0"),
        ("install", "name: id_3", "the body is not JSON: expected ident at line 1 column 2"),
        ("install", r#"{"name":"id_3""#, "the body is not JSON: EOF while parsing an object at line 1 column 14"),
        ("install", "[]", "the body is not a JSON object"),
        ("uninstall", "\"id_1\"", "the body is not a JSON object"),
        ("uninstall", "{}", "the body is not what is wanted: missing field `name` at line 1 column 2"),
        (
            "uninstall",
            r#"{"name":1}"#,
            "the body is not what is wanted: invalid type: integer `1`, expected a string at line 1 column 9",
        ),
        (
            "update",
            r#"{"name":"id_1"}"#,
            "the body is not what is wanted: missing field `instance_num` at line 1 column 15",
        ),
        ("update", r#"{"instance_num":1}"#, "the body is not what is wanted: missing field `name` at line 1 column 18"),
        (
            "update",
            r#"{"name":"id_1","instance_num":"2"}"#,
            "the body is not what is wanted: invalid type: string \"2\", expected u64 at line 1 column 33",
        ),
        (
            "update",
            r#"{"name":"id_1","instance_num":2.7}"#,
            "the body is not what is wanted: invalid type: floating point `2.7`, expected u64 at line 1 column 33",
        ),
        (
            "update",
            r#"{"name":"id_1","instance_num":-1}"#,
            "the body is not what is wanted: invalid value: integer `-1`, expected u64 at line 1 column 32",
        ),
        ("update", r#"{"name":"id_1","instance_num":0}"#, "`instance_num` must be 1 to 1024, not 0"),
        ("update", r#"{"name":"id_1","instance_num":1025}"#, "`instance_num` must be 1 to 1024, not 1025"),
        (
            "update",
            r#"{"name":"id_1","instance_num":1,"vm_config":{}}"#,
            "the body is not what is wanted: unknown field `vm_config`, expected `name` or `instance_num` at line 1 column 43",
        ),
        ("update", "[]", "the body is not a JSON object"),
    ] {
        let reply = admin.post(&format!("/wasm/{path}"), body).await;
        assert_eq!((reply.status, reply.error().as_str()), (400, reason), "{path} {body}");
    }
    assert_eq!(admin.proxy.most.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn changes_run_one_at_a_time_and_reading_goes_on_beside_them() {
    let admin = admin().await;
    admin.proxy.permits.forget_permits(100);
    let update = r#"{"name":"id_1","instance_num":2}"#;
    let changes = (0..8).map(|_| admin.post("/wasm/update", update));
    let changes = futures_util::future::join_all(changes);
    let reading = async {
        for _ in 0..8 {
            assert_eq!(admin.get("/functions/id_1").await.status, 200);
            admin.proxy.permits.add_permits(1);
        }
    };
    let (replies, ()) = tokio::join!(changes, reading);
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!(admin.proxy.most.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_change_behind_one_that_does_not_end_gives_up() {
    let admin = admin().await;
    admin.proxy.permits.forget_permits(100);
    let update = r#"{"name":"id_1","instance_num":2}"#;
    let changes = [Box::pin(admin.post("/wasm/update", update)), Box::pin(admin.post("/wasm/update", update))];
    let (reply, ..) = futures_util::future::select_all(changes).await;
    assert_eq!((reply.status, reply.error().as_str()), (503, "another change is still running; try again"));
}

#[tokio::test]
async fn log_levels_are_listed_and_changed() {
    let admin = admin().await;
    let has = |reply: &Reply, line: &str| reply.body.lines().any(|there| there == line);
    let before = admin.get("/logging").await;
    assert!(has(&before, "admin: info") && has(&before, "function.id_1: info"), "{}", before.body);
    let after = admin.post("/logging?admin=debug&function.id_1=trace&function.a%2Fb=error", "").await;
    assert_eq!(after.status, 200);
    for line in ["admin: debug", "wasm: info", "function.id_1: trace", "function.a/b: error"] {
        assert!(has(&after, line), "{line} is missing in {}", after.body);
    }
    let all = admin.post("/logging?level=WARN", "").await;
    assert!(has(&all, "admin: warn") && has(&all, "function.id_1: trace"), "{}", all.body);
    assert_eq!(admin.get("/logging").await.body, all.body);
}

#[tokio::test]
async fn a_refused_change_of_levels_changes_none() {
    let admin = admin().await;
    let before = admin.get("/logging").await.body;
    for (query, status, reason) in [
        ("", 400, "no level is given; `?level=debug` sets all levels, `?admin=debug` one"),
        ("?level=debug&admin=loud", 400, "`loud` is not a level; there are trace debug info warn error"),
        ("?level=debug&function.id_9=info", 404, "no function has the id `id_9`"),
    ] {
        let reply = admin.post(&format!("/logging{query}"), "").await;
        assert_eq!((reply.status, reply.error().as_str()), (status, reason));
    }
    let unknown = admin.post("/logging?level=debug&admn=info", "").await;
    assert!(unknown.status == 400 && unknown.error().starts_with("no logger is named `admn`"), "{}", unknown.body);
    assert_eq!(admin.get("/logging?level=debug").await.error(), "`GET` only lists the levels; `POST` changes them");
    assert_eq!(admin.get("/logging").await.body, before);
}
