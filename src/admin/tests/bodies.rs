//! Bodies that are large, slow, or none. The clock stands still while anything moves and jumps when nothing does.

use super::*;

const LIMIT: usize = 16 << 20;

/// A function object of exactly `length` bytes.
fn object(length: usize) -> String {
    let frame = r#"{"vm_config":{"path":"a.wasm"},"pad":""}"#;
    let pad = "x".repeat(length - frame.len());
    frame.replace(r#""pad":"""#, &format!(r#""pad":"{pad}""#))
}

#[tokio::test]
async fn a_body_of_the_limit_is_taken_and_one_byte_more_is_not() {
    let admin = admin().await;
    let body = object(LIMIT);
    assert_eq!(admin.post("/wasm/install", &body).await.status, 200);
    assert_eq!(admin.proxy.installed.lock()[0].len(), LIMIT);
    let reply = admin.post("/wasm/install", &object(LIMIT + 1)).await;
    assert_eq!((reply.status, reply.error().as_str()), (413, "the body is larger than 16 MiB"));
    assert!(reply.has("connection: close"), "{}", reply.head);
    assert_eq!(admin.proxy.installed.lock().len(), 1);
}

#[tokio::test]
async fn an_announced_length_over_the_limit_is_refused_before_the_body_comes() {
    let admin = admin().await;
    let head =
        "POST /wasm/install HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 1073741824\r\n\r\n";
    assert_eq!(admin.raw(head).await.status, 413);
}

#[tokio::test]
async fn a_chunked_body_is_cut_off_at_the_limit() {
    let admin = admin().await;
    let mut connection = admin.connect().await;
    let head = "POST /wasm/install HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    connection.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = connection.into_split();
    let sending = tokio::spawn(async move {
        let chunk = [b"100000\r\n".as_slice(), &vec![b' '; 1 << 20], b"\r\n"].concat();
        for _ in 0..1024 {
            if writing.write_all(&chunk).await.is_err() {
                return;
            }
        }
        panic!("a gigabyte was taken");
    });
    let mut status = [0; 12];
    reading.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 413");
    sending.await.unwrap();
}

#[tokio::test]
async fn a_client_that_waits_for_permission_gets_it() {
    let admin = admin().await;
    let mut connection = admin.connect().await;
    let body = object(100);
    let head = "POST /wasm/install HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 100\r\n\r\n";
    connection.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(read_reply(&mut connection).await.status, 100);
    connection.write_all(body.as_bytes()).await.unwrap();
    assert_eq!(read_reply(&mut connection).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn large_bodies_are_taken_one_at_a_time() {
    let admin = admin().await;
    let head =
        "POST /wasm/install HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 100000\r\n\r\n";
    let (mut first, mut second) = (admin.connect().await, admin.connect().await);
    first.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(read_reply(&mut first).await.status, 100);
    second.write_all(head.as_bytes()).await.unwrap();
    let early = tokio::time::timeout(std::time::Duration::from_secs(1), second.read_u8()).await;
    assert!(early.is_err(), "the second one was asked for its body");
    assert_eq!(admin.post("/wasm/uninstall", r#"{"name":"id_1"}"#).await.status, 200);
    first.write_all(object(100_000).as_bytes()).await.unwrap();
    assert_eq!(read_reply(&mut first).await.status, 200);
    assert_eq!(read_reply(&mut second).await.status, 100);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_waited_for_ten_seconds() {
    let admin = admin().await;
    let started = tokio::time::Instant::now();
    let head = "POST /wasm/uninstall HTTP/1.1\r\nhost: localhost\r\ncontent-length: 15\r\n\r\n{\"name\":";
    let reply = admin.raw(head).await;
    assert_eq!((reply.status, reply.error().as_str()), (408, "the body was not complete within 10 s"));
    assert_eq!(started.elapsed().as_secs(), 10);
    assert_eq!(admin.proxy.functions().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_is_cut_off_all_the_same() {
    let admin = admin().await;
    let mut connection = admin.connect().await;
    let head = "POST /wasm/install HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n";
    connection.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = connection.into_split();
    let dripping = tokio::spawn(async move {
        while writing.write_all(b" ").await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    });
    let mut status = [0; 12];
    reading.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 408");
    dripping.abort();
}

#[tokio::test(start_paused = true)]
async fn a_request_head_that_does_not_come_is_waited_for_ten_seconds() {
    let admin = admin().await;
    let started = tokio::time::Instant::now();
    let reply = admin.raw("GET /ready HTTP/1.1\r\nhost: local").await;
    assert_eq!((reply.status, reply.error().as_str()), (408, "the request did not arrive in time"));
    assert_eq!(started.elapsed().as_secs(), 10);
}

#[tokio::test]
async fn a_body_that_breaks_off_changes_nothing() {
    let admin = admin().await;
    let mut connection = admin.connect().await;
    let head = "POST /wasm/uninstall HTTP/1.1\r\nhost: localhost\r\ncontent-length: 30\r\n\r\n{\"name\":\"id_1\"}";
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.shutdown().await.unwrap();
    let reply = read_reply(&mut connection).await;
    assert_eq!((reply.status, reply.error().as_str()), (400, "the body is malformed or was cut off"));
    assert_eq!(admin.proxy.functions().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn clients_that_open_connections_and_say_nothing_do_not_shut_others_out() {
    let admin = admin().await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(admin.connect().await);
    }
    assert_eq!(admin.get("/ready").await.status, 503);
}
