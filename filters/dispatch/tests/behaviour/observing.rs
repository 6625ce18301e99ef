//! Who watches a dispatcher is told of each call.

use std::sync::Arc;

use bytes::Bytes;
use outrigger_dispatch::{Asked, CallObserver, Dispatcher, EndedCall, Policy, Told};
use parking_lot::Mutex;

use crate::support::{App, Guest, Nothing, World, caller, everything, http_call, memory};

#[derive(Default)]
struct Seen(Mutex<Vec<EndedCall>>);

impl CallObserver for Seen {
    fn ended(&self, call: EndedCall) {
        self.0.lock().push(call);
    }
}

/// Kind, question and answer of a call, in one line.
fn line(call: &EndedCall) -> String {
    let asked = match &call.asked {
        Asked::Http { method, path, body } => format!("{method} {path} {body:?}"),
        Asked::GetState { key } => format!("state {key:?}"),
        Asked::Invoke { method, param } => format!("invoke {method} {param:?}"),
    };
    let told = match &call.told {
        Told::Response { status, body } => format!("{} {body:?}", status.as_u16()),
        Told::Value(value) => format!("{value:?}"),
        Told::Failed(why) => why.clone(),
    };
    format!("{} {} {}: {asked} -> {told}", call.caller, call.target, call.kind)
}

#[tokio::test]
async fn an_observer_is_told_of_each_call_and_its_answer() {
    let world = World::new(vec![memory("ours", &[("a", "1")])], App::saying(200, "the cluster"), Arc::new(Nothing));
    let policy = Policy { budget: outrigger_dispatch::Budget { calls: 5, in_flight: 5 }, ..everything() };
    let seen = Arc::new(Seen::default());
    let dispatcher = Dispatcher::new(policy, Arc::clone(&world.targets), Arc::clone(&world.metrics)).unwrap();
    let guest = Guest(Arc::new(dispatcher.observed(Arc::clone(&seen) as _)).open());

    guest.state("ours", "a").await.unwrap();
    guest.http("ours", "PUT", "/a?nx", "2").await;
    guest.http("app", "GET", "/books", "").await;
    guest.invoke("app", "greet", "you").await.unwrap();
    let given_up = guest.0.http_call(&caller(), http_call("app", "GET", "/late", Bytes::new())).unwrap();
    drop(given_up);
    assert!(guest.state("ours", "a").await.is_err());
    assert!(guest.invoke("nobody", "", "").await.is_err());

    let lines: Vec<String> = seen.0.lock().iter().map(line).collect();
    assert_eq!(
        lines,
        [
            r#"tester ours memory: state b"a" -> b"1""#,
            r#"tester ours memory: PUT /a?nx b"2" -> 409 b"""#,
            r#"tester app http: GET /books b"" -> 200 b"the cluster""#,
            r#"tester app http: invoke greet b"you" -> b"the cluster""#,
            r#"tester app http: GET /late b"" -> the call was given up before an answer came"#,
            r#"tester ours memory: state b"a" -> the budget of host calls is used up"#,
            r#"tester nobody unknown: invoke  b"" -> nothing named `nobody` may be called from here"#,
        ]
    );
}
