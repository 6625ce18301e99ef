//! Every example guest, run once through the front door. A guest nobody runs is not an example.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::support::{Answer, Backend, Client, Redis, Reply, Sidecar, eventually};

/// One guest in front of the cluster `app`; it reaches the cluster `side` and the store `state_demo`. `extra` are further
/// keys of the function.
struct Chain<'a> {
    guest: &'a str,
    extra: &'a str,
    app: &'a Backend,
    side: Option<&'a Backend>,
    store: String,
}

impl<'a> Chain<'a> {
    fn new(guest: &'a str, extra: &'a str, app: &'a Backend) -> Self {
        Self { guest, extra, app, side: None, store: r#"memory: {seed: {book1: "100"}}"#.to_owned() }
    }

    async fn start(&self) -> Sidecar {
        let Self { guest, extra, app, side, store } = self;
        let (app, side) = (app.address(), side.unwrap_or(app).address());
        let configuration = format!(
            r#"
stores:
  - name: state_demo
    {store}
clusters:
  - name: app
    endpoints: [{{address: {app}}}]
  - name: side
    endpoints: [{{address: {side}}}]
functions:
  - name: {guest}
    instance_num: 1
    vm_config: {{path: GUEST({guest})}}
    {extra}
listeners:
  - name: business
    address: 127.0.0.1:0
    filters:
      - name: dispatch
        config: {{stores: [state_demo], clusters: [side], functions: ["*"]}}
      - name: wasm
        config: {{function: {guest}}}
      - name: router
        config: {{cluster: app}}
"#
        );
        Sidecar::start(&configuration).await
    }
}

/// Functions that a request's `id` header chooses, with a memory store and an empty answer behind them.
async fn functions(list: &str) -> Sidecar {
    let configuration = format!(
        r#"
stores:
  - name: state_demo
    memory: {{seed: {{book1: "100"}}}}
functions:
{list}
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
    );
    Sidecar::start(&configuration).await
}

fn function(guest: &str, id: &str) -> String {
    format!("  - {{name: {id}, instance_num: 1, vm_config: {{path: GUEST({guest})}}}}\n")
}

fn told(reply: &Reply) -> (u16, String) {
    (reply.status, reply.text())
}

#[test]
fn every_guest_has_a_test() {
    let source = include_str!("guests.rs");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest-examples/dist");
    let modules = fs::read_dir(folder).expect("the guests are built").map(|entry| entry.expect("an entry").path());
    let guests: Vec<_> = modules.filter(|path| path.extension().is_some_and(|end| end == "wasm")).collect();
    assert!(guests.len() > 10, "{guests:?}");
    for guest in guests {
        let name = guest.file_stem().expect("a name").to_string_lossy();
        assert!(source.contains(&format!("\nasync fn {name}()")), "no test runs the guest `{name}`");
    }
}

#[tokio::test]
async fn add_header() {
    let app = Backend::start(|seen| Answer::ok(seen.target.clone())).await;
    let sidecar = Chain::new("add_header", r#"configuration: {name: x-outrigger, value: "1"}"#, &app).start().await;
    let reply = sidecar.send("GET", "/path", &[("x-outrigger", "the client's")], b"").await;
    assert_eq!((told(&reply), reply.field("x-outrigger")), ((200, "/path".into()), Some("1")));
    assert_eq!(app.seen()[0].field("x-outrigger"), Some("1"));
}

#[tokio::test]
async fn basic_auth() {
    let app = Backend::start(|_| Answer::ok("the books")).await;
    let sidecar = Chain::new("basic_auth", "configuration: {realm: books, users: {alice: secret}}", &app).start().await;
    // bob:secret, alice:wrong and alice:secret.
    for refused in [None, Some("Basic Ym9iOnNlY3JldA=="), Some("Basic YWxpY2U6d3Jvbmc="), Some("Bearer x")] {
        let fields: Vec<_> = refused.map(|value| ("authorization", value)).into_iter().collect();
        let reply = sidecar.send("GET", "/", &fields, b"").await;
        assert_eq!(told(&reply), (401, "Who are you?".into()), "{refused:?}");
        assert_eq!(reply.field("www-authenticate"), Some("Basic realm=\"books\", charset=\"UTF-8\""));
    }
    let reply = sidecar.send("GET", "/", &[("authorization", "Basic YWxpY2U6c2VjcmV0")], b"").await;
    assert_eq!(told(&reply), (200, "the books".into()));
    assert_eq!(app.seen().len(), 1, "who was refused did not get through");
}

#[tokio::test]
async fn body_rewrite() {
    let app = Backend::start(|seen| match seen.target.as_str() {
        "/chunked" => Answer::Chunked(Bytes::from("one, two, one"), 3),
        _ => Answer::ok("one, two, one"),
    });
    let app = app.await;
    let settings = "configuration: {request: {from: cat, to: tiger}, response: {from: one, to: seventeen}}";
    let sidecar = Chain::new("body_rewrite", settings, &app).start().await;
    let mut client = sidecar.client().await;
    for target in ["/length", "/chunked"] {
        let reply = client.send("POST", target, &[], b"a cat is a cat").await;
        assert_eq!(told(&reply), (200, "seventeen, two, seventeen".into()), "{target}");
        let chunks = b"5\r\na cat\r\n6\r\n is a \r\n3\r\ncat\r\n0\r\n\r\n";
        let reply = client.send("POST", target, &[("transfer-encoding", "chunked")], chunks).await;
        assert_eq!(told(&reply), (200, "seventeen, two, seventeen".into()), "{target}");
    }
    for seen in app.seen() {
        assert_eq!(seen.body, "a tiger is a tiger");
        let length = seen.field("content-length").map(str::to_owned);
        assert!(length.is_none_or(|length| length == "18"), "the old length is gone");
    }
}

#[tokio::test]
async fn calls_function() {
    let sidecar = functions(&(function("calls_function", "calls_function") + &function("function_2", "id_2"))).await;
    assert_eq!(told(&sidecar.call("calls_function", "/?target=id_2&param=book1").await), (200, "100".into()));
    assert_eq!(told(&sidecar.call("calls_function", "/?target=nobody").await), (200, "failed: 10".into()));
}

/// What `chunky` saw: the name of each callback, its number and whether it ended the side.
fn callbacks(lines: &str) -> Vec<(String, usize, bool)> {
    let callback = |line: &str| {
        let mut words = line.split(' ');
        let name = words.next().expect("a name").to_owned();
        let number = words.next().expect("a number").parse().expect("a number");
        (name, number, words.next() == Some("end"))
    };
    lines.split(", ").map(callback).collect()
}

#[tokio::test]
async fn chunky() {
    let app = Backend::start(|seen| match seen.target.as_str() {
        "/empty" => Answer::ok(""),
        _ => Answer::Chunked(Bytes::from(vec![b'x'; 100_000]), 10_000),
    });
    let app = app.await;
    let sidecar = Chain::new("chunky", "log_level: info", &app).start().await;
    let mut client = sidecar.client().await;

    let reply = client.send("GET", "/empty", &[("x-request-id", "first")], b"").await;
    // Four pseudo-headers, `x-request-id` and what the sidecar adds.
    let seen = callbacks(reply.field("x-seen").expect("the header"));
    assert_eq!((seen[0].0.as_str(), seen[0].2, seen.len()), ("request_headers", true, 1));
    sidecar.logged("response_headers").await;
    sidecar.logged("log function=chunky").await;
    let log = sidecar.log();
    let of_first: Vec<_> = log.lines().filter(|line| line.contains("request_id=\"first\"")).collect();
    let order = ["request_headers", "response_headers", "done", "log"];
    assert_eq!(of_first.len(), order.len(), "{of_first:#?}");
    for (line, callback) in of_first.iter().zip(order) {
        assert!(line.contains(callback), "{line} is not {callback}");
    }

    let reply = client.send("POST", "/", &[("x-request-id", "second")], &vec![b'x'; 300_000]).await;
    assert_eq!((reply.status, reply.body.len()), (200, 100_000));
    let seen = callbacks(reply.field("x-seen").expect("the header"));
    assert_eq!((seen[0].0.as_str(), seen[0].2), ("request_headers", false));
    let (last, pieces) = seen[1..].split_last().expect("a body");
    assert!(pieces.len() > 1, "it came in pieces: {seen:?}");
    assert!(pieces.iter().all(|(name, _, end)| name == "request_body" && !end), "{seen:?}");
    assert_eq!((last.0.as_str(), last.2), ("request_body", true));
    assert_eq!(seen[1..].iter().map(|(_, size, _)| size).sum::<usize>(), 300_000);
}

#[tokio::test]
async fn function_1() {
    let sidecar = functions(&(function("function_1", "id_1") + &function("function_2", "id_2"))).await;
    for (book, answer) in [("book1", "There are 100 inventories for book1."), ("b", "There are no inventories for b.")]
    {
        assert_eq!(told(&sidecar.call("id_1", &format!("/?name={book}")).await), (200, answer.into()));
    }
    let reply = sidecar.call("id_1", "/?nobody").await;
    assert_eq!(told(&reply), (200, "Which book? Send its name: ?name=book1".into()));
}

#[tokio::test]
async fn function_2() {
    let sidecar = functions(&function("function_2", "id_2")).await;
    let reply = sidecar.send("POST", "/", &[("id", "id_2")], b"book1").await;
    assert_eq!(told(&reply), (200, "100".into()));
}

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
async fn holds_response() {
    let app = Backend::start(|_| Answer::Chunked(Bytes::from("a long story"), 4)).await;
    let side = Backend::start(|seen| Answer::ok(format!("{} bytes", seen.body.len()))).await;
    let mut chain = Chain::new("holds_response", "configuration: {cluster: side}", &app);
    chain.side = Some(&side);
    let sidecar = chain.start().await;
    assert_eq!(told(&sidecar.send("GET", "/", &[], b"").await), (200, "[12 bytes] a long story".into()));
    assert_eq!(side.seen()[0].body, "a long story");
}

#[tokio::test]
async fn inventory() {
    let mut redis = Redis::start().await;
    redis.set("book 1/2", "100").await;
    let app = Backend::echo().await;
    let mut chain = Chain::new("inventory", "", &app);
    chain.store = format!("redis: {{url: {}}}", redis.url());
    let sidecar = chain.start().await;
    let asked = async |target: &str| told(&sidecar.send("GET", target, &[], b"").await);
    let answer = "There are 100 inventories for book 1/2.";
    assert_eq!(asked("/?name=book%201%2F2").await, (200, answer.into()));
    assert_eq!(asked("/?name=book9").await, (404, "There are no inventories for book9.".into()));
    assert_eq!(asked("/").await, (400, "Which book? Send its name: ?name=book1".into()));
    redis.kill();
    let (status, text) = asked("/?name=book1").await;
    assert_eq!(status, 502, "{text}");
    assert!(text.starts_with("The inventories are out of reach: state_demo answered 50"), "{text}");
    redis.restart().await;
    redis.set("book 1/2", "7").await;
    let begun = Instant::now();
    while asked("/?name=book%201%2F2").await != (200, "There are 7 inventories for book 1/2.".into()) {
        assert!(begun.elapsed() < Duration::from_secs(10), "the store does not come back");
    }
    assert!(app.seen().is_empty(), "the function answers by itself");
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
async fn metrics_and_data() {
    let app = Backend::echo().await;
    let sidecar = Chain::new("metrics_and_data", "", &app).start().await;
    let mut client = sidecar.client().await;
    for _ in 0..3 {
        assert_eq!(client.send("GET", "/", &[], b"").await.status, 200);
    }
    let numbers = client.send("GET", "/numbers", &[], b"").await.json();
    assert_eq!((&numbers["requests"], &numbers["in_flight"], &numbers["shared"]), (&4.into(), &1.into(), &4.into()));
    let ticks = numbers["ticks"].as_u64().expect("a number");
    let begun = Instant::now();
    while client.send("GET", "/numbers", &[], b"").await.json()["ticks"].as_u64() < Some(ticks + 2) {
        assert!(begun.elapsed() < Duration::from_secs(10), "it does not tick");
    }
    let requests = client.send("GET", "/numbers", &[], b"").await.json()["requests"].as_u64().expect("a number") as f64;
    let metric = async |name: &str| sidecar.metric(&format!("{name}{{function=\"metrics_and_data\"}}")).await;
    assert_eq!(metric("demo_requests").await, requests);
    assert_eq!(metric("demo_request_headers_count").await, requests);
    assert!(metric("demo_request_headers_sum").await >= 4.0 * requests);
    assert!(metric("demo_ticks").await >= 2.0);
    let text = sidecar.admin_get("/stats/prometheus").await.text();
    for kind in ["demo_requests counter", "demo_in_flight gauge", "demo_request_headers histogram"] {
        assert!(text.contains(&format!("# TYPE {kind}\n")), "{kind}");
    }
}

#[tokio::test]
async fn pauses() {
    let sidecar = functions(&function("pauses", "pauses")).await;
    assert_eq!(told(&sidecar.call("pauses", "/?call").await), (200, "100".into()));
    assert_eq!(sidecar.call("pauses", "/?alone").await.status, 500);
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
async fn state_reader() {
    let redis = Redis::start().await;
    redis.set("book1", "100").await;
    redis.command(&["LPUSH", "list", "a"]).await;
    let app = Backend::echo().await;
    let mut chain = Chain::new("state_reader", "", &app);
    chain.store = format!("redis: {{url: {}}}", redis.url());
    let sidecar = chain.start().await;
    for (key, answer) in [("book1", "book1=100"), ("nothing", "nothing="), ("list", "list failed: 10")] {
        let reply = sidecar.send("POST", "/", &[], key.as_bytes()).await;
        assert_eq!(told(&reply), (200, answer.into()));
    }
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
async fn tells_configuration() {
    let configured = "  - name: tells_configuration\n    vm_config: {path: GUEST(tells_configuration), configuration: v}\n    \
                      configuration: {a: [1]}\n";
    let sidecar = functions(configured).await;
    let reply = sidecar.call("tells_configuration", "/?x").await;
    assert_eq!(told(&reply), (200, r#"plugin: {"a":[1]}; vm: v"#.into()));
}

#[tokio::test]
async fn traps() {
    let app = Backend::echo().await;
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

#[tokio::test]
async fn waits_everywhere() {
    let app = Backend::echo().await;
    let side = Backend::start(|_| Answer::ok("go on")).await;
    let mut chain = Chain::new("waits_everywhere", "configuration: {cluster: side}", &app);
    chain.side = Some(&side);
    let sidecar = chain.start().await;
    let reply = sidecar.send("POST", "/", &[], b"content").await;
    assert_eq!(told(&reply), (200, "content".into()));
    assert_eq!(reply.field("x-waited"), Some("response_headers"));
    assert_eq!(app.seen()[0].field("x-waited"), Some("request_headers"));
    let calls: Vec<_> = side.seen().iter().map(|seen| seen.target.clone()).collect();
    assert_eq!(calls, ["/request_headers", "/request_body", "/response_headers", "/response_body"]);
}
