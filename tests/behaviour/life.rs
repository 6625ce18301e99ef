//! How the process begins and ends.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::demo::{MEMORY, demo};
use crate::support::{Answer, Backend, Client, Program, Sidecar, eventually, request, signal, with_guests};

/// A plain proxy in front of a backend.
fn proxy(backend: &Backend, more: &str) -> String {
    format!(
        r#"
{more}
clusters:
  - name: app
    endpoints: [{{address: "{}"}}]
listeners:
  - name: business
    address: 127.0.0.1:0
    filters:
      - name: router
        config: {{cluster: app}}
"#,
        backend.address()
    )
}

/// Sends a request that the backend has got when this returns.
async fn in_flight(sidecar: &Sidecar, backend: &Backend, target: &str) -> Client {
    let (mut client, before) = (sidecar.client().await, backend.seen().len());
    client.write("GET", target, &[], b"").await.expect("it is written");
    eventually("the backend gets the request", || (backend.seen().len() > before).then_some(())).await;
    client
}

const TARGETS: [&str; 8] = ["/one", "/two", "/three", "/four", "/five", "/six", "/seven", "/eight"];

#[tokio::test]
async fn exchanges_in_flight_end_before_the_process_does() {
    let late = || Answer::After(Duration::from_millis(300), Box::new(Answer::Chunked("late".into(), 2)));
    let backend = Backend::start(move |_| late()).await;
    let mut sidecar = Sidecar::start(&proxy(&backend, "")).await;
    let address = sidecar.listener("business").await;
    let mut idle = sidecar.client().await;
    assert_eq!(idle.send("GET", "/", &[], b"").await.status, 200);
    let mut clients = Vec::new();
    for target in TARGETS {
        clients.push(in_flight(&sidecar, &backend, target).await);
    }
    // The last one is still in flight, whatever has become of the others.
    let begun = Instant::now();
    sidecar.terminate();
    sidecar.logged("draining").await;
    for client in &mut clients {
        let reply = client.read(false).await.expect("an answer");
        assert_eq!((reply.status, reply.text().as_str()), (200, "late"));
        assert!(client.closed().await);
    }
    assert!(idle.closed().await, "a connection without a request is closed");
    assert_eq!(sidecar.ended().await.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(20), "it waited for its deadline");
    assert!(std::net::TcpStream::connect(address).is_err());
    sidecar.logged("drained").await;
    for target in TARGETS {
        sidecar.access_logged(target).await;
    }
}

#[tokio::test]
async fn the_last_answers_say_that_the_connection_closes() {
    let answer = || Answer::After(Duration::from_secs(1), Box::new(Answer::ok("late")));
    let backend = Backend::start(move |_| answer()).await;
    let mut sidecar = Sidecar::start(&proxy(&backend, "")).await;
    let mut client = in_flight(&sidecar, &backend, "/").await;
    sidecar.terminate();
    sidecar.logged("draining").await;
    let draining = sidecar.admin_get("/ready").await;
    let reply = client.read(false).await.expect("an answer");
    assert_eq!((reply.status, reply.field("connection")), (200, Some("close")));
    assert_eq!(sidecar.ended().await.code(), Some(0));
    assert_eq!((draining.status, draining.text().as_str()), (503, "DRAINING\n"));
}

#[tokio::test]
async fn while_it_is_not_ready_yet_accepts_it_serves_new_connections() {
    let backend = Backend::echo().await;
    let mut sidecar = Sidecar::start(&proxy(&backend, "drain: {wait: 2s}")).await;
    let address = sidecar.listener("business").await;
    sidecar.terminate();
    sidecar.logged("draining").await;
    let ready = sidecar.admin_get("/ready").await;
    assert_eq!((ready.status, ready.text().as_str()), (503, "DRAINING\n"));
    let reply = Client::connect(address).await.send("GET", "/", &[], b"").await;
    assert_eq!(reply.status, 200);
    assert_eq!(sidecar.ended().await.code(), Some(0));
}

#[tokio::test]
async fn what_does_not_end_is_cut_at_the_deadline() {
    let backend = Backend::start(|_| Answer::Stall).await;
    let mut sidecar = Sidecar::start(&proxy(&backend, "drain: {timeout: 500ms}")).await;
    let mut client = in_flight(&sidecar, &backend, "/").await;
    let begun = Instant::now();
    signal(sidecar.pid(), "INT");
    assert_eq!(sidecar.ended().await.code(), Some(0));
    assert!(begun.elapsed() >= Duration::from_millis(500));
    assert!(client.read(false).await.is_err());
    assert!(sidecar.log().contains("the drain timeout is over"), "{}", sidecar.log());
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let backend = Backend::start(|_| Answer::Stall).await;
    let mut sidecar = Sidecar::start(&proxy(&backend, "drain: {timeout: 10m}")).await;
    let _client = in_flight(&sidecar, &backend, "/").await;
    sidecar.terminate();
    sidecar.logged("draining").await;
    sidecar.terminate();
    assert_eq!(sidecar.ended().await.code(), Some(0));
}

/// Runs a configuration that must not be able to serve, and gives what it says.
async fn cannot_run(configuration: &str, arguments: &[&str]) -> String {
    let arguments = [&["run", "-c", "-"], arguments].concat();
    let ended = Program::new(&arguments).stdin(with_guests(configuration)).end().await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{}", ended.stderr);
    ended.stderr
}

#[tokio::test]
async fn a_taken_port_ends_the_start_with_its_listener_and_address() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let configuration = demo(MEMORY).replace("127.0.0.1:0", &address.to_string());
    let said = cannot_run(&configuration, &["--admin", "127.0.0.1:0"]).await;
    for part in ["listener `business`", &address.to_string(), "Address already in use"] {
        assert!(said.contains(part), "no {part} in {said}");
    }
    let said = cannot_run(&demo(MEMORY), &["--admin", &address.to_string()]).await;
    for part in ["the admin server", &address.to_string(), "Address already in use"] {
        assert!(said.contains(part), "no {part} in {said}");
    }
}

#[tokio::test]
async fn a_module_that_cannot_be_read_ends_the_start_with_its_function() {
    let configuration = demo(MEMORY).replace("GUEST(function_2)", "nowhere/function_2.wasm");
    let said = cannot_run(&configuration, &["--admin", "127.0.0.1:0"]).await;
    let absolute = std::path::absolute("nowhere/function_2.wasm").unwrap().display().to_string();
    for part in ["function `id_2`", "`source`", &absolute, "No such file", "<stdin>:11:"] {
        assert!(said.contains(part), "no {part} in {said}");
    }
    assert!(!said.contains("ready"), "{said}");
}

#[tokio::test]
async fn an_admin_address_for_everybody_wants_a_token() {
    let said = cannot_run(&demo(MEMORY), &["--admin", "0.0.0.0:0"]).await;
    assert!(said.contains("`--admin 0.0.0.0:0` is not a loopback address"), "{said}");
}

#[tokio::test]
async fn a_configuration_from_stdin_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("admin");
    let arguments = ["start", "-c", "-", "--admin", "127.0.0.1:0", "--admin-address-path", file.to_str().unwrap()];
    let running = Program::new(&arguments).stdin(with_guests(&demo(MEMORY))).start().await;
    let address = || fs::read_to_string(&file).ok()?.trim().parse().ok();
    let admin = eventually("the admin server's address", address).await;
    let dump = request(admin, "GET", "/config_dump", &[], b"").await.json();
    let ended = running.end_by("TERM").await;
    assert_eq!(dump["path"], "<stdin>");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains(" ready admin=127.0.0.1:"), "{}", ended.stderr);
    assert!(ended.stderr.contains("listeners=business=127.0.0.1:"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "");
}

#[tokio::test]
async fn a_configuration_that_is_not_there_is_named() {
    for command in ["run", "check"] {
        let ended = Program::new(&[command, "-c", "nowhere.yaml"]).end().await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
        let absolute = std::path::absolute("nowhere.yaml").unwrap().display().to_string();
        assert!(ended.stderr.contains(&absolute) && ended.stderr.contains("No such file"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn wrong_usage_ends_with_2() {
    let rows: [&[&str]; 7] = [
        &[],
        &["fly"],
        &["run"],
        &["run", "-c"],
        &["run", "-c", "a.yaml", "--fast"],
        &["run", "-c", "a.yaml", "--threads", "0"],
        &["check", "--json"],
    ];
    for arguments in rows {
        let ended = Program::new(arguments).end().await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.contains("--help"), "{arguments:?}: {}", ended.stderr);
    }
    let ended = Program::new(&["--version"]).end().await;
    assert_eq!((ended.code, ended.stdout), (Some(0), format!("outrigger {}\n", env!("CARGO_PKG_VERSION"))));
}
