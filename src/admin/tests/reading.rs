//! What the endpoints say.

use super::*;

#[tokio::test]
async fn help_lists_the_endpoints_and_each_of_them_answers() {
    let admin = admin().await;
    let help = admin.get("/help").await;
    assert!(help.has("content-type: text/plain; charset=utf-8"));
    let rows: Vec<(&str, &str)> = help
        .body
        .lines()
        .map(|line| {
            let mut words = line.split_whitespace();
            (words.next().unwrap(), words.next().unwrap())
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("GET", "/help"),
            ("GET", "/ready"),
            ("GET", "/server_info"),
            ("GET", "/listeners"),
            ("GET", "/clusters"),
            ("GET", "/config_dump"),
            ("GET", "/functions"),
            ("GET", "/functions/{id}"),
            ("POST", "/wasm/install"),
            ("POST", "/wasm/uninstall"),
            ("POST", "/wasm/update"),
            ("GET", "/logging"),
            ("POST", "/logging"),
            ("GET", "/stats"),
            ("GET", "/stats/prometheus"),
        ]
    );
    for (method, path) in rows {
        let reply = admin.ask(method, &path.replace("{id}", "id_1"), "{}").await;
        assert!(![404, 405].contains(&reply.status), "{method} {path}: {}", reply.status);
    }
}

#[tokio::test]
async fn ready_says_in_which_state_the_process_is() {
    let admin = admin().await;
    let ready = async || {
        let reply = admin.get("/ready").await;
        (reply.status, reply.body)
    };
    assert_eq!(ready().await, (503, "INITIALIZING\n".to_owned()));
    admin.readiness.set_live();
    assert_eq!(ready().await, (200, "LIVE\n".to_owned()));
    admin.readiness.set_draining();
    admin.readiness.set_live();
    assert_eq!(ready().await, (503, "DRAINING\n".to_owned()));
}

#[tokio::test]
async fn server_info_says_which_program_this_is() {
    let info = admin().await.get("/server_info").await.json();
    assert!(info["uptime_seconds"].as_u64().unwrap() < 60, "{info}");
    assert_eq!(info["version"], "1.2.3");
    assert_eq!(info["state"], "INITIALIZING");
    assert_eq!(info["generation"], 7);
    assert_eq!(info["threads"], 2);
}

#[tokio::test]
async fn listeners_clusters_and_the_configuration_are_shown() {
    let admin = admin().await;
    let listeners = json!({ "listeners": [{ "name": "business", "address": "127.0.0.1:2045" }] });
    assert_eq!(admin.get("/listeners").await.json(), listeners);
    let endpoints = json!([{ "address": "127.0.0.1:8080", "healthy": true }]);
    let clusters = json!({ "clusters": [{ "name": "app", "endpoints": endpoints }] });
    assert_eq!(admin.get("/clusters").await.json(), clusters);
    assert_eq!(admin.get("/config_dump").await.json(), admin.proxy.config_dump());
}

#[tokio::test]
async fn functions_are_shown_together_and_by_their_encoded_id() {
    let admin = admin().await;
    let all = json!({ "generation": 7, "functions": [{ "id": "a/b" }, { "id": "id_1" }] });
    assert_eq!(admin.get("/functions").await.json(), all);
    assert_eq!(admin.get("/functions/a%2Fb").await.json(), json!({ "id": "a/b", "instances": 1 }));
    let missing = admin.get("/functions/id_9").await;
    assert_eq!((missing.status, missing.error().as_str()), (404, "no function has the id `id_9`"));
    assert_eq!(admin.get("/functions/").await.status, 404);
    assert_eq!(admin.get("/functions/%ff").await.status, 400);
}

#[tokio::test]
async fn metrics_come_in_two_formats() {
    let admin = admin().await;
    let stats = admin.get("/stats").await;
    assert!(stats.body.lines().any(|line| line == "http.business.downstream_rq_total: 1"), "{}", stats.body);
    let prometheus = admin.get("/stats/prometheus").await;
    assert!(prometheus.has("content-type: text/plain; version=0.0.4; charset=utf-8"), "{}", prometheus.head);
    let sample = r#"envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix="business"} 1"#;
    assert!(prometheus.body.lines().any(|line| line == sample), "{}", prometheus.body);
}

#[tokio::test]
async fn a_path_that_is_not_there_and_a_wrong_method_are_told_apart() {
    let admin = admin().await;
    for path in ["/", "/nothing", "/ready/", "/help/me", "/wasm", "/functions/a/b"] {
        let reply = admin.get(path).await;
        assert_eq!(reply.status, 404, "{path}");
        assert!(reply.error().starts_with(&format!("there is nothing at `{path}`")), "{}", reply.body);
    }
    for (method, path, allow) in [
        ("POST", "/ready", "GET"),
        ("GET", "/wasm/install", "POST"),
        ("DELETE", "/logging", "GET, POST"),
        ("PUT", "/functions/id_1", "GET"),
        ("OPTIONS", "/stats", "GET"),
    ] {
        let reply = admin.ask(method, path, "").await;
        assert_eq!(reply.status, 405, "{method} {path}");
        assert!(reply.has(&format!("allow: {allow}")), "{method} {path}: {}", reply.head);
        assert_eq!(reply.error(), format!("this path takes {allow} only"));
    }
}

#[tokio::test]
async fn a_connection_serves_one_request_after_the_other() {
    let admin = admin().await;
    let mut connection = admin.connect().await;
    for _ in 0..3 {
        connection
            .write_all(b"POST /wasm/update HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}")
            .await
            .unwrap();
        assert_eq!(read_reply(&mut connection).await.status, 400);
        connection.write_all(b"GET /ready HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        assert_eq!(read_reply(&mut connection).await.body, "INITIALIZING\n");
    }
}

#[tokio::test]
async fn what_is_not_http_is_refused_in_json() {
    let admin = admin().await;
    for request in
        ["hello\r\n\r\n", "GET /ready HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    {
        let reply = admin.raw(request).await;
        assert_eq!(reply.status, 400, "{request}");
        assert!(reply.error().starts_with("the request is malformed: "), "{}", reply.body);
    }
}

#[tokio::test]
async fn probes_answer_three_paths_to_anybody() {
    let probes = probes().await;
    let get = async |path: &str| probes.raw(format!("GET {path} HTTP/1.1\r\nhost: 10.0.0.1\r\n\r\n")).await;
    assert_eq!(get("/ready").await.status, 503);
    probes.readiness.set_live();
    assert_eq!(get("/ready").await.body, "LIVE\n");
    probes.readiness.set_draining();
    assert_eq!((get("/live").await.status, get("/ready").await.status), (200, 503));
    assert!(get("/stats/prometheus").await.body.contains("\nprocess_open_fds "));
    for path in ["/", "/help", "/stats", "/config_dump", "/functions", "/wasm/install"] {
        assert_eq!(get(path).await.status, 404, "{path}");
    }
    assert_eq!(probes.post("/wasm/uninstall", r#"{"name":"id_1"}"#).await.status, 404);
    let wrong = probes.post("/ready", "").await;
    assert!(wrong.status == 405 && wrong.has("allow: GET"), "{}", wrong.head);
}

#[test]
fn the_address_file_holds_the_address_and_nothing_is_left_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("admin");
    std::fs::write(&path, "old").unwrap();
    write_address(&path, "127.0.0.1:4711".parse().unwrap()).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "127.0.0.1:4711\n");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let taken = Server::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let error = Server::bind(taken.address()).await.err().unwrap();
    assert_eq!(error.to_string(), format!("cannot bind {} for the admin server", taken.address()));
    assert_eq!(error.source.kind(), io::ErrorKind::AddrInUse);
}
