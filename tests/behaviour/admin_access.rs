//! Who may ask the admin server, and what it refuses.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::demo::{MEMORY, demo};
use crate::support::{Client, Sidecar, request};

/// Header fields of a request, and the status of its answer.
type Row<'a> = (&'a [(&'a str, &'a str)], u16);

#[tokio::test]
async fn with_a_token_everything_but_ready_wants_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "s3cret\n").unwrap();
    let configuration = format!("admin: {{token_file: {}}}\n{}", file.display(), demo(MEMORY));
    let sidecar = Sidecar::start(&configuration).await;
    let rows: [Row<'_>; 4] = [
        (&[], 401),
        (&[("authorization", "Bearer wrong")], 401),
        (&[("authorization", "Basic s3cret")], 401),
        (&[("authorization", "Bearer s3cret")], 200),
    ];
    for path in ["/help", "/functions", "/config_dump", "/stats/prometheus"] {
        for (fields, status) in rows {
            let reply = request(sidecar.admin(), "GET", path, fields, b"").await;
            assert_eq!(reply.status, status, "{path} {fields:?}");
        }
    }
    let uninstall = br#"{"name":"id_1"}"#;
    assert_eq!(request(sidecar.admin(), "POST", "/wasm/uninstall", &[], uninstall).await.status, 401);
    let ready = request(sidecar.admin(), "GET", "/ready", &[("host", "sidecar.example")], b"").await;
    assert_eq!((ready.status, ready.text().as_str()), (200, "LIVE\n"));
    let authorized = [("authorization", "Bearer s3cret"), ("host", "sidecar.example")];
    let dump = request(sidecar.admin(), "GET", "/config_dump", &authorized, b"").await;
    assert_eq!(dump.status, 200);
    assert!(!dump.text().contains("s3cret"));
}

#[tokio::test]
async fn without_a_token_foreign_hosts_and_origins_are_kept_out() {
    let sidecar = Sidecar::start(&demo(MEMORY)).await;
    let own = format!("http://{}", sidecar.admin());
    let rows: [Row<'_>; 7] = [
        (&[("host", "localhost")], 200),
        (&[("host", "127.0.0.1:1")], 200),
        (&[("host", "[::1]")], 200),
        (&[("host", "evil.example")], 421),
        (&[("host", "10.0.0.1")], 421),
        (&[("origin", "http://evil.example")], 403),
        (&[("origin", own.as_str())], 200),
    ];
    for (fields, status) in rows {
        let reply = request(sidecar.admin(), "GET", "/functions", fields, b"").await;
        assert_eq!(reply.status, status, "{fields:?}: {}", reply.text());
        assert!(status == 200 || !reply.error().is_empty());
    }
    let body = br#"{"name":"id_1"}"#;
    let fields = [("origin", "http://evil.example")];
    assert_eq!(request(sidecar.admin(), "POST", "/wasm/uninstall", &fields, body).await.status, 403);
    assert_eq!(sidecar.call("id_1", "/?name=book1").await.status, 200);
}

#[tokio::test]
async fn the_probes_answer_three_paths_to_anybody() {
    let probes = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sidecar = Sidecar::start(&format!("probes: {{address: \"{probes}\"}}\n{}", demo(MEMORY))).await;
    let get = async |path: &str| request(probes, "GET", path, &[("host", "node.example")], b"").await;
    for path in ["/ready", "/live"] {
        let reply = get(path).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, "LIVE\n"), "{path}");
    }
    assert!(get("/stats/prometheus").await.text().contains("outrigger_build_info"));
    for path in ["/functions", "/config_dump", "/stats", "/help", "/wasm/uninstall"] {
        assert_eq!(get(path).await.status, 404, "{path}");
    }
    assert_eq!(request(probes, "POST", "/ready", &[], b"").await.status, 405);
    sidecar.terminate();
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_in_json() {
    let sidecar = Sidecar::start(&demo(MEMORY)).await;
    for (method, path, allow) in [
        ("POST", "/ready", "GET"),
        ("PUT", "/functions/id_1", "GET"),
        ("DELETE", "/functions/id_1", "GET"),
        ("GET", "/wasm/install", "POST"),
        ("DELETE", "/logging", "GET, POST"),
    ] {
        let reply = request(sidecar.admin(), method, path, &[], b"").await;
        assert_eq!((reply.status, reply.field("allow")), (405, Some(allow)), "{method} {path}");
        assert_eq!(reply.error(), format!("this path takes {allow} only"));
    }
    for path in ["/", "/nothing", "/functions/", "/config", "/openapi.json"] {
        let reply = sidecar.admin_get(path).await;
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(reply.field("content-type"), Some("application/json"));
        assert!(reply.error().contains("`GET /help` lists what there is"), "{}", reply.text());
    }
    for raw in ["hello\r\n\r\n", "GET /ready HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n"] {
        let mut client = Client::connect(sidecar.admin()).await;
        client.write_raw(raw.as_bytes()).await.unwrap();
        let reply = client.read(false).await.unwrap();
        assert_eq!((reply.status, reply.field("content-type")), (400, Some("application/json")), "{raw}");
    }
    let large = [("content-length", "16777217"), ("expect", "100-continue")];
    let reply = request(sidecar.admin(), "POST", "/wasm/install", &large, b"").await;
    assert_eq!((reply.status, reply.error().as_str()), (413, "the body is larger than 16 MiB"));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up_after_ten_seconds_and_holds_nobody_up() {
    let sidecar = Sidecar::start(&demo(MEMORY)).await;
    let begun = Instant::now();
    let mut slow = Client::connect(sidecar.admin()).await;
    slow.write("POST", "/wasm/uninstall", &[("content-length", "15")], b"{\"name\":").await.unwrap();
    // The change that is being written does not hold up others.
    let reply = sidecar.admin_post("/wasm/update", r#"{"name":"id_1","instance_num":2}"#).await;
    assert_eq!(reply.status, 200);
    let reply = slow.read(false).await.unwrap();
    assert_eq!((reply.status, reply.error().as_str()), (408, "the body was not complete within 10 s"));
    assert!(begun.elapsed() >= Duration::from_secs(10));
    assert_eq!(sidecar.function("id_1").await["state"], "ready");
}
