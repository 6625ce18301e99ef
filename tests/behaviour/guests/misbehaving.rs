//! Guests that misbehave: each costs what it is allowed to, and its neighbours nothing.

use std::time::{Duration, Instant};

use super::{Chain, function, functions, told};
use crate::support::{Answer, Backend, Client, eventually};

#[tokio::test]
async fn grows_memory() {
    let app = Backend::echo().await;
    let sidecar = Chain::new("grows_memory", "limits: {memory: 64MiB, cpu: 10s}", &app).start().await;
    let before = sidecar.resident();
    let reply = sidecar.send("GET", "/", &[], b"").await;
    let got: u64 = reply.text().trim_end_matches(" MiB").parse().expect("a number of MiB");
    assert!((55..64).contains(&got), "it got {got} MiB of 64");
    // The first call may have overrun a time slice: then a new vm has taken the place of the one that is full.
    for _ in 0..3 {
        let reply = sidecar.send("GET", "/", &[], b"").await;
        let got: u64 = reply.text().trim_end_matches(" MiB").parse().expect("a number of MiB");
        assert!(reply.status == 200 && got < 64, "it got {got} MiB of 64");
    }
    let grown = || sidecar.resident().saturating_sub(before);
    eventually("the process has grown by one vm at most", || (grown() < 80 << 20).then_some(())).await;
    let function = sidecar.function("grows_memory").await;
    assert_eq!(function["traps"], 0, "a refusal is an answer");
    assert!(function["memory_bytes"].as_u64().expect("a number") <= 64 << 20, "{function}");
}

#[tokio::test]
async fn loops_forever() {
    let looping = "  - name: loops_forever\n    vm_config: {path: GUEST(loops_forever)}\n    instance_num: 2\n    \
                   reload_config: {backoff: {base_interval: 1ms, max_interval: 1ms}}\n";
    let sidecar = functions(&(looping.to_owned() + &function("function_2", "id_2"))).await;
    let begun = Instant::now();
    assert_eq!(told(&sidecar.call("loops_forever", "/").await), (503, String::new()));
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(45) && took < Duration::from_secs(1), "cut after {took:?}");
    let line = sidecar.access_logged("wasm_fail_stream:loops_forever:proxy_on_request_headers:cpu").await;
    assert!(line.contains("503 WF "), "{line}");

    // Two clients loop all the time; a third one uses another function.
    let address = sidecar.listener("business").await;
    let looping: Vec<_> = (0..2).map(|_| tokio::spawn(loop_on(address))).collect();
    let mut client = Client::connect(address).await;
    let mut times = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        let reply = client.send("POST", "/", &[("id", "id_2")], b"book1").await;
        times.push(begun.elapsed());
        assert_eq!(told(&reply), (200, "100".into()));
    }
    times.sort();
    let p99 = times[times.len() * 99 / 100];
    assert!(p99 < Duration::from_millis(150), "p99 {p99:?}, median {:?}", times[times.len() / 2]);
    looping.iter().for_each(|task| task.abort());
    let traps = r#"outrigger_function_traps_total{function="loops_forever",reason="cpu",version="1"}"#;
    let traps = sidecar.metric(traps).await;
    assert!(traps > 5.0, "it looped {traps} times meanwhile");
}

async fn loop_on(address: std::net::SocketAddr) {
    let mut client = Client::connect(address).await;
    loop {
        client.send("GET", "/", &[("id", "loops_forever")], b"").await;
    }
}

#[tokio::test]
async fn slow_start() {
    let app = Backend::start(|_| Answer::ok("passed")).await;
    let sidecar = Chain::new("slow_start", "limits: {start: 2s}", &app).start().await;
    for _ in 0..3 {
        assert_eq!(told(&sidecar.send("GET", "/", &[], b"").await), (200, "passed".into()));
    }
    assert!(!sidecar.log().contains("the next vms run on fibers"), "only callbacks of exchanges count");

    let path = crate::support::guest("slow_start").display().to_string();
    let body = format!(r#"{{"name":"hasty","vm_config":{{"path":"{path}"}},"limits":{{"start":"20ms"}}}}"#);
    let reply = sidecar.admin_post("/wasm/install", &body).await;
    assert_eq!((reply.status, &reply.json()["step"]), (422, &"configure".into()), "{}", reply.text());
    assert!(reply.error().contains("proxy_on_configure"), "{}", reply.error());
}

#[tokio::test]
async fn takes_time() {
    let app = Backend::echo().await;
    let sidecar = Chain::new("takes_time", "limits: {cpu: 200ms}", &app).start().await;
    let begun = Instant::now();
    assert_eq!(sidecar.send("GET", "/", &[("x-take", "20")], b"").await.status, 200);
    assert!(begun.elapsed() >= Duration::from_millis(20));
    assert_eq!(app.seen()[0].field("x-took"), Some("20"));
}

#[tokio::test]
async fn traps() {
    // In one piece: a head that comes alone goes on before its body meets the guest.
    let response = "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\ncontent";
    let app = Backend::start(move |_| Answer::Raw(response.into())).await;
    let sidecar = Chain::new("traps", "", &app).start().await;
    let mut client = sidecar.client().await;
    for phase in ["request_headers", "request_body", "response_headers", "response_body"] {
        let reply = client.send("POST", "/", &[("x-trap", phase)], b"content").await;
        assert_eq!(told(&reply), (503, String::new()), "{phase}");
        let line = sidecar.access_logged(&format!("wasm_fail_stream:traps:proxy_on_{phase}:unreachable")).await;
        assert!(line.contains("\"POST / HTTP/1.1\" 503 WF "), "{line}");
        client = sidecar.client().await;
        let reply = client.send("POST", "/", &[("x-trap", "nowhere")], b"content").await;
        assert_eq!(told(&reply), (200, "content".into()), "a fresh vm after {phase}");
    }
    let reply = client.send("POST", "/", &[("x-trap", "log")], b"content").await;
    assert_eq!(told(&reply), (200, "content".into()), "the response was out");
    sidecar.logged("proxy_on_log").await;
    assert_eq!(client.send("POST", "/", &[("x-trap", "nowhere")], b"").await.status, 200);
    let function = sidecar.function("traps").await;
    assert_eq!((&function["traps"], &function["instances"]["live"]), (&5.into(), &1.into()), "{function}");
    assert_eq!(function["last_error"]["callback"], "proxy_on_log");
    let traps = r#"outrigger_function_traps_total{function="traps",reason="unreachable",version="1"}"#;
    assert_eq!(sidecar.metric(traps).await, 5.0);
    assert!(sidecar.log().contains("panics in request_body, as it was asked to"), "the guest's own words");
}
