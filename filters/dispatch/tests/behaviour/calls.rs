//! Calls to clusters and functions, the filter, and the metrics of it all.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chain::{Body, Connection, Exchange, Failure, Filter, Frame, Next, Request, Response, Source, async_trait};
use http::{HeaderMap, StatusCode};
use outrigger_dispatch::{CallError, DispatchFilter, FunctionCall, Functions, HttpAnswer, Policy, Refusal, Scope};
use parking_lot::Mutex;

use crate::support::{App, Guest, Nothing, World, caller, everything, http_call, memory, names};

fn world_of(app: &Arc<App>) -> World {
    World::new(Vec::new(), Arc::clone(app) as _, Arc::new(Nothing))
}

fn world_with(functions: impl Functions) -> World {
    World::new(vec![memory("ours", &[("a", "1")])], App::saying(200, "the cluster"), Arc::new(functions))
}

/// A body that yields what it was given, then waits for ever.
struct Unfinished(Option<Bytes>);

impl Source for Unfinished {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Failure>> {
        match self.0.take() {
            Some(bytes) => Some(Ok(Frame::data(bytes))),
            None => std::future::pending().await,
        }
    }
}

/// A body of frames that are ready.
struct Frames(std::vec::IntoIter<Result<Frame<Bytes>, Failure>>);

impl Source for Frames {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, Failure>> {
        self.0.next()
    }
}

fn frames(frames: Vec<Result<Frame<Bytes>, Failure>>) -> Body {
    Body::source(Frames(frames.into_iter()))
}

#[tokio::test]
async fn a_cluster_gets_the_request_without_what_belongs_to_a_connection() {
    let app = App::saying(201, "made");
    let guest = world_of(&app).trusted_guest();
    let mut call = http_call("app", "POST", "/things?x=1", Bytes::from_static(b"thing"));
    for (name, value) in [
        ("connection", "close, X-Mine"),
        ("x-mine", "1"),
        ("keep-alive", "5"),
        ("te", "gzip"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("content-length", "1000"),
        ("x-kept", "2"),
    ] {
        call.head.headers.insert(name, value.parse().unwrap());
    }
    let HttpAnswer::Response { head, body, .. } = guest.0.http_call(&caller(), call).unwrap().await else { panic!() };
    assert_eq!((head.status.as_u16(), body), (201, "made".into()));
    let sent = app.sent.lock().pop().unwrap();
    assert_eq!(sent.head.uri, "http://any/things?x=1");
    assert_eq!(sent.body, "thing");
    let mut fields: Vec<_> = sent.head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    fields.sort();
    assert_eq!(fields, [("content-length", &b"5"[..]), ("x-kept", &b"2"[..])]);
}

#[tokio::test]
async fn trailers_go_both_ways() {
    let app = App::answering(|| {
        let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
        let parts = vec![Ok(Frame::data("a".into())), Ok(Frame::data("b".into())), Ok(Frame::trailers(trailers))];
        Ok(Response::new(StatusCode::OK, frames(parts)))
    });
    let guest = world_of(&app).trusted_guest();
    let mut call = http_call("app", "POST", "/", Bytes::from_static(b"q"));
    call.trailers.insert("checksum", "1".parse().unwrap());
    let HttpAnswer::Response { body, trailers, .. } = guest.0.http_call(&caller(), call).unwrap().await else {
        panic!()
    };
    assert_eq!((body, &trailers["grpc-status"]), ("ab".into(), &"0".parse().unwrap()));
    let sent = app.sent.lock().pop().unwrap();
    assert_eq!((sent.body, &sent.trailers["checksum"]), ("q".into(), &"1".parse().unwrap()));
}

#[tokio::test]
async fn failures_before_the_response_become_one() {
    for (status, failure) in [
        (503, (|| Failure::ConnectFailed("no".into())) as fn() -> Failure),
        (503, || Failure::NoHealthyEndpoint("app".into())),
        (503, || Failure::Overflow("app".into())),
        (503, || Failure::UpstreamReset("gone".into())),
        (504, || Failure::UpstreamTimeout),
    ] {
        let guest = world_of(&App::answering(move || Err(failure()))).trusted_guest();
        let answer = guest.http("app", "GET", "/", "").await;
        assert_eq!((answer.status, answer.body), (status, failure().to_string().into()));
    }
}

#[tokio::test]
async fn a_response_that_breaks_off_or_is_too_large_is_none() {
    const MIB: usize = 1 << 20;
    let respond = |body: fn() -> Body| {
        let app = App::answering(move || Ok(Response::new(StatusCode::OK, body())));
        let guest = world_of(&app).trusted_guest();
        async move {
            let call = http_call("app", "GET", "/", Bytes::new());
            match guest.0.http_call(&caller(), call).unwrap().await {
                HttpAnswer::Response { body, .. } => Some(body.len()),
                HttpAnswer::Failed => None,
            }
        }
    };
    assert_eq!(respond(|| frames(vec![Ok(Frame::data("a".into())), Err(Failure::Reset("gone"))])).await, None);
    assert_eq!(respond(|| Body::full(vec![0; MIB])).await, Some(MIB));
    assert_eq!(respond(|| Body::full(vec![0; MIB + 1])).await, None);
    assert_eq!(respond(|| frames(vec![Ok(Frame::data(vec![0; MIB].into())), Ok(Frame::data("a".into()))])).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_does_not_end_in_time_is_a_timeout() {
    let app = App::answering(|| Ok(Response::new(StatusCode::OK, Body::source(Unfinished(Some("a".into()))))));
    let guest = world_of(&app).guest(Policy { max_call_time: Duration::from_secs(2), ..everything() });
    for (asked, expected) in [(100, 100), (0, 2000), (9000, 2000)] {
        let mut call = http_call("app", "GET", "/", Bytes::new());
        call.timeout = Duration::from_millis(asked);
        let began = tokio::time::Instant::now();
        let answer = guest.0.http_call(&caller(), call).unwrap().await;
        assert!(matches!(answer, HttpAnswer::Response { head, .. } if head.status == 504));
        assert_eq!(began.elapsed().as_millis().abs_diff(expected), 0, "{asked}");
    }
}

/// Depth and deadline of a called function.
type Seen = (u32, Option<Instant>);

/// Functions that each do one thing: `echo` their argument, call themselves one level `deeper`, read the `state` of
/// key `a`, or `sleep` for ever.
#[derive(Default)]
struct Behaviours {
    seen: Arc<Mutex<Vec<Seen>>>,
}

#[async_trait]
impl Functions for Behaviours {
    fn contains(&self, id: &str) -> bool {
        ["echo", "deeper", "state", "sleep"].contains(&id)
    }

    async fn call(&self, call: FunctionCall) -> Result<Bytes, CallError> {
        self.seen.lock().push((call.scope.depth(), call.scope.deadline()));
        let guest = Guest(call.scope);
        match call.id.as_str() {
            "echo" => Ok(Bytes::from(format!("{}({})", call.method, String::from_utf8_lossy(&call.param)))),
            "deeper" => match guest.invoke("deeper", "", "").await {
                Err(CallError::Depth { .. }) => Ok(Bytes::from(format!("stopped at {}", guest.0.depth()))),
                result => result,
            },
            "state" => guest.state("ours", "a").await,
            _ => std::future::pending().await,
        }
    }
}

#[tokio::test]
async fn a_function_is_called_by_its_id_and_else_the_cluster_of_that_name() {
    let world = world_with(Behaviours::default());
    let guest = world.trusted_guest();
    assert_eq!(guest.invoke("echo", "greet", "you").await.unwrap(), "greet(you)");
    assert_eq!(guest.invoke("app", "greet", "you").await.unwrap(), "the cluster");
    assert!(matches!(guest.invoke("nothing", "", "").await, Err(CallError::Unknown(id)) if id == "nothing"));
    let clusters_alone = world.guest(Policy { clusters: names(["app"]), ..Policy::default() });
    assert!(matches!(clusters_alone.invoke("echo", "", "").await, Err(CallError::Unknown(_))));
    assert_eq!(clusters_alone.invoke("app", "", "").await.unwrap(), "the cluster");
}

#[tokio::test]
async fn a_cluster_in_a_functions_place_gets_a_post_and_must_answer_well() {
    let app = App::saying(200, "hello");
    let guest = world_of(&app).trusted_guest();
    assert_eq!(guest.invoke("app", "v1/greet", "you").await.unwrap(), "hello");
    let sent = app.sent.lock().pop().unwrap();
    assert_eq!((sent.head.method.as_str(), sent.head.uri.path(), sent.body), ("POST", "/v1/greet", "you".into()));
    let guest = world_of(&App::saying(404, "who?")).trusted_guest();
    assert!(matches!(guest.invoke("app", "", "").await, Err(CallError::Status { status: 404, .. })));
}

#[tokio::test]
async fn functions_nest_as_deep_as_the_policy_says() {
    let behaviours = Behaviours::default();
    let seen = Arc::clone(&behaviours.seen);
    let guest = world_with(behaviours).trusted_guest();
    assert_eq!(guest.invoke("deeper", "", "").await.unwrap(), "stopped at 8");
    let seen = seen.lock();
    assert_eq!(seen.iter().map(|(depth, _)| *depth).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8]);
    let deadlines: Vec<_> = seen.iter().map(|(_, deadline)| deadline.unwrap()).collect();
    assert!(deadlines.is_sorted_by(|earlier, later| earlier >= later), "no callee has more time than its caller");
}

#[tokio::test]
async fn a_called_function_spends_its_callers_budget() {
    let world = world_with(Behaviours::default());
    let mut policy = everything();
    policy.budget.calls = 2;
    let guest = world.guest(policy);
    assert_eq!(guest.invoke("state", "", "").await.unwrap(), "1");
    assert!(matches!(guest.state("ours", "a").await, Err(CallError::Budget)));
}

#[tokio::test(start_paused = true)]
async fn a_function_that_does_not_answer_in_time_is_given_up_and_its_slot_is_free() {
    let world = world_with(Behaviours::default());
    let mut policy = Policy { function_timeout: Duration::from_millis(50), ..everything() };
    policy.budget.in_flight = 1;
    let guest = world.guest(policy);
    assert!(matches!(guest.invoke("sleep", "", "").await, Err(CallError::Timeout { .. })));
    assert_eq!(guest.state("ours", "a").await.unwrap(), "1");
}

#[tokio::test]
async fn the_filter_gives_the_guests_behind_it_a_scope() {
    struct Last(Arc<Mutex<Vec<Guest>>>);
    #[async_trait]
    impl Filter for Last {
        async fn handle(&self, request: Request, _: Next) -> Result<Response, Failure> {
            self.0.lock().push(Guest(request.exchange.get::<Arc<Scope>>().unwrap()));
            Ok(Response::empty(StatusCode::OK))
        }
    }
    let world = world_with(Nothing);
    let mut policy = everything();
    policy.budget.calls = 1;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let outer: Arc<dyn Filter> = Arc::new(DispatchFilter(world.dispatcher(Policy::default())));
    let nearest: Arc<dyn Filter> = Arc::new(DispatchFilter(world.dispatcher(policy)));
    let chain: Arc<[Arc<dyn Filter>]> = Arc::from([outer, nearest, Arc::new(Last(Arc::clone(&seen))) as _]);
    for _ in 0..2 {
        let head = http::Request::new(()).into_parts().0;
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let connection = Connection { id: 1, listener: Arc::from("test"), peer: address, local: address };
        let exchange = Exchange::new(Arc::new(connection), None, &head);
        Next::new(Arc::clone(&chain)).run(Request { head, body: Body::empty(), exchange }).await.unwrap();
    }
    let guests = std::mem::take(&mut *seen.lock());
    for guest in guests {
        // Each exchange has its own budget, and it is that of the nearest filter.
        assert_eq!(guest.state("ours", "a").await.unwrap(), "1");
        assert!(matches!(guest.state("ours", "a").await, Err(CallError::Budget)));
        assert_eq!((guest.0.depth(), guest.0.deadline()), (0, None));
    }
}

#[tokio::test]
async fn every_call_is_counted_by_how_it_ended() {
    let world = world_with(Behaviours::default());
    let mut policy = Policy { commands: Some(vec!["GET".to_owned()]), ..everything() };
    policy.budget.calls = 6;
    let guest = world.guest(policy);
    guest.state("ours", "a").await.unwrap();
    guest.http("ours", "GET", "/missing", "").await;
    guest.http("ours", "PUT", "/a", "2").await;
    guest.http("app", "GET", "/", "").await;
    guest.invoke("echo", "", "").await.unwrap();
    drop(guest.0.http_call(&caller(), http_call("app", "GET", "/", Bytes::new())).unwrap());
    assert!(guest.state("ours", "a").await.is_err());
    assert_eq!(
        guest.0.http_call(&caller(), http_call("evil\nname", "GET", "/", Bytes::new())).err(),
        Some(Refusal::Unknown)
    );
    let counted = |kind, result, target| {
        world.metric(&format!(
            "outrigger_dispatch_calls_total{{function=\"tester\",kind=\"{kind}\",result=\"{result}\",target=\"{target}\"}}"
        ))
    };
    assert_eq!(counted("memory", "ok", "ours"), Some(2));
    assert_eq!(counted("memory", "denied", "ours"), Some(1));
    assert_eq!(counted("memory", "budget", "ours"), Some(1));
    assert_eq!(counted("http", "ok", "app"), Some(1));
    assert_eq!(counted("http", "error", "app"), Some(1));
    assert_eq!(counted("function", "ok", "echo"), Some(1));
    assert_eq!(counted("http", "denied", "unknown"), Some(1));
    let timed = |kind, target| {
        world.metric(&format!(
            "outrigger_dispatch_call_seconds_count{{function=\"tester\",kind=\"{kind}\",target=\"{target}\"}}"
        ))
    };
    assert_eq!((timed("memory", "ours"), timed("http", "app"), timed("function", "echo")), (Some(3), Some(2), Some(1)));
}
