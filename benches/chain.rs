//! What a chain costs without sockets: an empty one, native filters, header-only guests, and the demo's two functions.
//!
//! `cargo bench --bench chain`. Read the figures as ratios: machines differ, and a busy one lies.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use chain::{Body, Connection, Exchange, Failure, Filter, Next, Request, Response, async_trait};
use criterion::{Criterion, criterion_group, criterion_main};
use dispatch::{DispatchFilter, Dispatcher, MemorySettings, Names, Policy, Store, Targets};
use function::{FunctionLookup, InstalledBy, Missing, Registry, Spec};
use http::{HeaderName, StatusCode};
use outrigger::upstream::{Clusters, DirectResponse};
use tokio::runtime::Runtime;
use wasm::{GuestMetrics, Process, Settings, WasmFilter};

/// Passes everything on.
struct Passes;

#[async_trait]
impl Filter for Passes {
    async fn handle(&self, request: Request, next: Next) -> Result<Response, Failure> {
        next.run(request).await
    }
}

/// Two functions of the demo and a header filter, installed.
struct Functions {
    registry: Arc<Registry>,
    dispatcher: Arc<Dispatcher>,
}

fn functions(runtime: &Runtime) -> Functions {
    let series = prometheus::Registry::new();
    let process = Process::new(GuestMetrics::new(&series), runtime.handle().clone(), 100).expect("the engine starts");
    let registry = Registry::new(process, function::Metrics::new(&series).expect("new metrics"));
    let seed = [("book1".to_owned(), "100".to_owned())].into();
    let store = Store::memory("state_demo", "", MemorySettings { seed, ..MemorySettings::default() });
    let store = Arc::new(store.expect("a small seed"));
    let targets = Targets::new([store], Arc::new(Clusters::default()), Arc::clone(&registry) as _);
    let policy = Policy { stores: Names::All, functions: Names::All, ..Policy::default() };
    let metrics = Arc::new(dispatch::Metrics::new(&series).expect("new metrics"));
    let dispatcher = Arc::new(Dispatcher::new(policy, Arc::new(targets), metrics).expect("a plain policy"));
    for (name, guest, configuration) in [
        ("id_1", "function_1", ""),
        ("id_2", "function_2", ""),
        ("add_header", "add_header", r#"{"name":"x-outrigger","value":"1"}"#),
    ] {
        let mut settings = Settings::new(name);
        settings.configuration = configuration.into();
        let spec = Spec {
            settings,
            path: Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("guest-examples/dist/{guest}.wasm")),
            requested_engine: "wasmtime".into(),
            sha256: None,
            md5: None,
            max_module: 16 << 20,
            installed_by: InstalledBy::Config,
        };
        registry.install(spec).expect("the guest is built");
    }
    Functions { registry, dispatcher }
}

fn answers() -> Arc<dyn Filter> {
    Arc::new(DirectResponse { status: StatusCode::OK, body: "twelve bytes".into(), headers: http::HeaderMap::new() })
}

fn request(id: &str) -> Request {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
    let connection = Connection { id: 1, listener: "l".into(), peer: nowhere, local: nowhere };
    let head = http::Request::get("http://localhost/?name=book1")
        .header("id", id)
        .header("user-agent", "bench")
        .header("accept", "*/*")
        .header("x-request-id", "59a72676-d432-4f79-95cb-5cc55db078d1");
    let (head, ()) = head.body(()).expect("a request").into_parts();
    let exchange = Exchange::new(Arc::new(connection), None, &head);
    Request { head, body: Body::empty(), exchange }
}

async fn exchange(chain: Arc<[Arc<dyn Filter>]>, id: &str) {
    let request = request(id);
    let exchange = Arc::clone(&request.exchange);
    let Response { head, body } = Next::new(chain).run(request).await.expect("an answer");
    assert_eq!(head.status, 200);
    body.collect(1 << 20, || Failure::NoFilterAnswered).await.expect("a body");
    exchange.park(|parked| parked.response = Some(head));
    exchange.finish().await;
}

fn chains(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let Functions { registry, dispatcher } = functions(&runtime);
    let wasm = || -> Arc<dyn Filter> {
        Arc::new(WasmFilter::new(function::NamedFunction::new(Arc::clone(&registry), "add_header".into())))
    };
    let lookup = FunctionLookup::new(Arc::clone(&registry), HeaderName::from_static("id"), Missing::Refuse, Names::All);
    let demo: Vec<Arc<dyn Filter>> = vec![
        Arc::new(DispatchFilter(dispatcher)),
        Arc::new(lookup),
        Arc::new(WasmFilter::new(function::ChosenFunction)),
        answers(),
    ];
    let with = |filters: Vec<Arc<dyn Filter>>| Arc::<[Arc<dyn Filter>]>::from([filters, vec![answers()]].concat());
    let native = |count: usize| with((0..count).map(|_| Arc::new(Passes) as _).collect());
    let guests = |count: usize| with((0..count).map(|_| wasm()).collect());
    for (name, chain) in [
        ("no filter", native(0)),
        ("10 native filters", native(10)),
        ("1 header-only guest", guests(1)),
        ("5 header-only guests", guests(5)),
        ("10 header-only guests", guests(10)),
        ("the demo: two functions and a store", demo.into()),
    ] {
        criterion.bench_function(name, |bench| {
            bench.iter(|| runtime.block_on(exchange(Arc::clone(&chain), "id_1")));
        });
    }
}

criterion_group!(benches, chains);
criterion_main!(benches);
