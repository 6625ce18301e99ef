//! As a plain proxy: a guest in the chain, a router behind it, an upstream of the test's own.

use crate::support::{Answer, Backend, Sidecar};

/// A chain of one guest and a router to `app`; `side` is a cluster that the guest may call.
fn chain(guest: &str, configuration: &str, app: &Backend, side: &Backend) -> String {
    format!(
        r#"
clusters:
  - name: app
    endpoints: [{{address: {app}}}]
  - name: side
    endpoints: [{{address: {side}}}]
functions:
  - name: filter
    vm_config: {{path: GUEST({guest})}}
    configuration: {configuration}
listeners:
  - name: business
    address: 127.0.0.1:0
    filters:
      - name: dispatch
        config: {{clusters: [side]}}
      - name: wasm
        config: {{function: filter}}
      - name: router
        config: {{cluster: app}}
"#,
        app = app.address(),
        side = side.address()
    )
}

/// Bytes that show when a piece is lost, doubled or moved.
fn content(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

#[tokio::test]
async fn a_header_filter_in_front_of_a_router_changes_both_directions() {
    let app = Backend::start(|seen| Answer::ok(format!("{} {}", seen.method, seen.target))).await;
    let configuration = chain("add_header", "{name: x-outrigger, value: \"1\"}", &app, &app);
    let sidecar = Sidecar::start(&configuration).await;
    let reply = sidecar.send("GET", "/path?query=1", &[("x-mine", "a")], b"").await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "GET /path?query=1"));
    assert_eq!(reply.field("x-outrigger"), Some("1"));
    let seen = &app.seen()[0];
    assert_eq!((seen.field("x-outrigger"), seen.field("x-mine")), (Some("1"), Some("a")));
    assert_eq!(seen.field("x-forwarded-for"), Some("127.0.0.1"));
}

#[tokio::test]
async fn a_guest_that_waits_in_every_phase_passes_bodies_on_unchanged() {
    let (app, side) = (Backend::echo().await, Backend::start(|_| Answer::ok("go on")).await);
    let sidecar = Sidecar::start(&chain("waits_everywhere", "{cluster: side}", &app, &side)).await;
    let mut client = sidecar.client().await;
    for len in [0, 5_000, 200_000] {
        let sent = content(len);
        let reply = client.send("POST", "/", &[], &sent).await;
        assert_eq!((reply.status, reply.body == sent), (200, true), "{len} bytes with a length");

        let mut chunked = Vec::new();
        for chunk in sent.chunks(7_000) {
            chunked.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            chunked.extend_from_slice(chunk);
            chunked.extend_from_slice(b"\r\n");
        }
        chunked.extend_from_slice(b"0\r\n\r\n");
        let reply = client.send("POST", "/", &[("transfer-encoding", "chunked")], &chunked).await;
        assert_eq!((reply.status, reply.body == sent), (200, true), "{len} bytes in chunks");
    }
    let phases: Vec<_> = side.seen().iter().map(|seen| seen.target.clone()).collect();
    for phase in ["request_headers", "request_body", "response_headers", "response_body"] {
        assert!(phases.contains(&format!("/{phase}")), "{phase} never waited: {phases:?}");
    }
}

#[tokio::test]
async fn fifty_megabytes_pass_a_guest_that_looks_at_bodies_both_ways() {
    let app = Backend::echo().await;
    let sidecar = Sidecar::start(&chain("chunky", "null", &app, &app)).await;
    let sent = content(50 << 20);
    let warm = sidecar.send("POST", "/", &[], &content(1 << 20)).await;
    assert_eq!(warm.status, 200);
    let before = sidecar.resident();
    let reply = sidecar.send("POST", "/", &[], &sent).await;
    assert_eq!((reply.status, reply.body == sent), (200, true));
    let grown = sidecar.resident().saturating_sub(before) >> 20;
    assert!(grown <= 19, "resident memory grew by {grown} MiB"); // three times the body limit, and 16 MiB
}

#[tokio::test]
async fn a_held_response_changes_its_length_after_its_body_was_seen() {
    let app = Backend::start(|_| Answer::ok("original")).await;
    let side = Backend::start(|seen| Answer::ok(seen.body.to_ascii_uppercase())).await;
    let sidecar = Sidecar::start(&chain("holds_response", "{cluster: side}", &app, &side)).await;
    let reply = sidecar.send("GET", "/", &[], b"").await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "[ORIGINAL] original"));
}

#[tokio::test]
async fn what_an_upstream_does_wrong_has_its_status_and_flag() {
    let app = Backend::start(|seen| match seen.target.as_str() {
        "/close" => Answer::Close,
        "/junk" => Answer::Raw("this is not HTTP\r\n\r\n".into()),
        "/short" => Answer::Raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfour".into()),
        _ => Answer::Stall,
    })
    .await;
    let configuration = chain("add_header", "{name: x-a, value: b}", &app, &app);
    let sidecar = Sidecar::start(&configuration.replace("{cluster: app}\n", "{cluster: app, timeout: 200ms}\n")).await;
    for (target, status, flag) in [("/close", 502, "UC"), ("/junk", 502, "UPE"), ("/stall", 504, "UT")] {
        let reply = sidecar.send("POST", target, &[], b"x").await;
        assert_eq!(reply.status, status, "{target}: {}", reply.text());
        assert!(!reply.error().is_empty());
        let line = sidecar.access_logged(&format!("POST {target} ")).await;
        assert!(line.contains(&format!(" {status} {flag} ")), "{line}");
    }
    let mut client = sidecar.client().await;
    let short = client.try_send("GET", "/short", &[], b"").await;
    assert!(short.is_err(), "a short body was passed off as whole: {short:?}");
}
