//! Who is answered.

use super::*;

async fn with_token() -> Running {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "s3cret\n").unwrap();
    let access = Access::token_file(file.path()).unwrap();
    admin_with(|_| access).await
}

#[tokio::test]
async fn with_a_token_everything_but_ready_wants_it() {
    let admin = with_token().await;
    let get = async |path: &str, fields: &str| admin.raw(format!("GET {path} HTTP/1.1\r\n{fields}\r\n")).await;
    for path in ["/help", "/stats", "/functions", "/nothing"] {
        let reply = get(path, "host: localhost\r\n").await;
        assert_eq!(reply.status, 401, "{path}");
        assert!(reply.error().contains("Authorization: Bearer"), "{}", reply.body);
        assert_eq!(get(path, "host: localhost\r\nauthorization: Bearer wrong\r\n").await.status, 401, "{path}");
    }
    assert_eq!(get("/ready", "host: 10.0.0.1\r\n").await.status, 503);
    assert_eq!(get("/stats", "host: 10.0.0.1\r\nauthorization: Bearer s3cret\r\n").await.status, 200);
    assert_eq!(admin.post("/ready", "").await.status, 401);
    assert_eq!(admin.post("/wasm/uninstall", r#"{"name":"id_1"}"#).await.status, 401);
    assert_eq!(admin.proxy.functions().len(), 2);
}

#[tokio::test]
async fn without_a_token_a_foreign_host_or_origin_changes_nothing() {
    let admin = admin().await;
    let body = r#"{"name":"id_1"}"#;
    let length = body.len();
    let post = async |fields: String| {
        let head = format!("POST /wasm/uninstall HTTP/1.1\r\n{fields}content-length: {length}\r\n\r\n{body}");
        admin.raw(head).await.status
    };
    assert_eq!(post("host: evil.example\r\n".to_owned()).await, 421);
    assert_eq!(post("host: localhost\r\norigin: http://evil.example\r\n".to_owned()).await, 403);
    assert_eq!(post("host: localhost\r\norigin: null\r\n".to_owned()).await, 403);
    assert_eq!(admin.proxy.functions().len(), 2);
    assert_eq!(admin.raw("GET /ready HTTP/1.1\r\nhost: evil.example\r\n\r\n").await.status, 421);
    assert_eq!(admin.raw("GET http://evil.example/ready HTTP/1.1\r\nhost: evil.example\r\n\r\n").await.status, 421);
    assert_eq!(post(format!("host: {0}\r\norigin: http://{0}\r\n", admin.address)).await, 200);
    assert_eq!(admin.proxy.functions().len(), 1);
}
