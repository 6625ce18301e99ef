//! What a policy lets through, and what several together do.

use std::sync::Arc;

use outrigger_dispatch::{CallError, Dispatcher, Error, HttpAnswer, Names, Policy, Refusal};

use crate::support::{App, Guest, Nothing, World, caller, everything, http_call, memory, names, told};

fn two_stores() -> World {
    World::new(
        vec![memory("ours", &[("a", "1"), ("b/1", "2")]), memory("theirs", &[("a", "3")])],
        App::saying(200, "hello"),
        Arc::new(Nothing),
    )
}

fn refusal(guest: &Guest, target: &str) -> Option<Refusal> {
    guest.0.http_call(&caller(), http_call(target, "GET", "/a", "".into())).err()
}

#[tokio::test]
async fn what_is_not_permitted_is_as_unknown_as_what_is_not_there() {
    let world = two_stores();
    let nobody = world.guest(Policy::default());
    let known = world.guest(Policy { stores: names(["ours"]), clusters: names(["app"]), ..Policy::default() });
    for target in ["ours", "theirs", "app", "nothing"] {
        assert_eq!(refusal(&nobody, target), Some(Refusal::Unknown), "{target}");
        assert!(matches!(nobody.state(target, "a").await, Err(CallError::Unknown(_))));
        assert!(matches!(nobody.invoke(target, "", "").await, Err(CallError::Unknown(_))));
    }
    assert_eq!(refusal(&known, "ours"), None);
    assert_eq!(refusal(&known, "app"), None);
    assert_eq!(refusal(&known, "theirs"), Some(Refusal::Unknown));
    assert_eq!(known.state("ours", "a").await.unwrap(), "1");
    assert_eq!(known.state("ours", "missing").await.unwrap(), "");
    assert!(matches!(known.state("app", "a").await, Err(CallError::Unknown(_))));
}

#[tokio::test]
async fn only_permitted_commands_run() {
    let world = two_stores();
    let policy = Policy { stores: Names::All, commands: Some(vec!["get".to_owned()]), ..Policy::default() };
    let reader = world.guest(policy);
    assert_eq!(reader.http("ours", "GET", "/a", "").await, told(200, "", "1"));
    assert_eq!(reader.http("ours", "PUT", "/a", "9").await, told(403, "denied", ""));
    assert_eq!(reader.http("ours", "HEAD", "/a", "").await, told(403, "denied", ""));
    assert_eq!(reader.http("ours", "POST", "/", r#"["FLUSHALL"]"#).await, told(403, "denied", ""));
    assert_eq!(reader.http("ours", "PATCH", "/a", "").await, told(400, "bad_request", ""));
}

#[tokio::test]
async fn every_key_of_a_command_must_be_permitted() {
    let world = two_stores();
    let keys = vec!["b/*".to_owned(), "c?".to_owned()];
    let guest = world.guest(Policy { stores: Names::All, keys, ..Policy::default() });
    assert_eq!(guest.http("ours", "GET", "/b/1", "").await, told(200, "", "2"));
    assert_eq!(guest.http("ours", "GET", "/b/1/x/y", "").await, told(404, "", ""));
    assert_eq!(guest.http("ours", "GET", "/c1", "").await, told(404, "", ""));
    assert_eq!(guest.http("ours", "GET", "/a", "").await, told(403, "denied", ""));
    assert_eq!(guest.http("ours", "POST", "/", r#"["MGET","b/1","a"]"#).await, told(403, "denied", ""));
    assert!(guest.state("ours", "a").await.is_err());
    // Values are not keys.
    assert_eq!(guest.http("ours", "POST", "/", r#"["SET","b/2","a"]"#).await.status, 200);
}

#[test]
fn commands_that_would_touch_the_shared_connection_cannot_be_permitted() {
    let world = two_stores();
    for command in ["SUBSCRIBE", "blpop", "AUTH", "select", "CLIENT", "MULTI", "XREAD"] {
        let commands = [Some(vec![command.to_owned()]), None];
        let [listed, extra] = commands.map(|commands| {
            let extra_commands = if commands.is_none() { vec![command.to_owned()] } else { Vec::new() };
            let policy = Policy { commands, extra_commands, ..Policy::default() };
            Dispatcher::new(policy, Arc::clone(&world.targets), Arc::clone(&world.metrics)).map(drop)
        });
        assert!(matches!(listed, Err(Error::SharedConnection(_))), "{command}");
        assert!(matches!(extra, Err(Error::SharedConnection(_))), "{command}");
    }
}

#[test]
fn a_pattern_that_is_no_glob_is_said() {
    let world = two_stores();
    let policy = Policy { keys: vec!["ok*".to_owned(), "a[".to_owned()], ..Policy::default() };
    let error = Dispatcher::new(policy, Arc::clone(&world.targets), Arc::clone(&world.metrics)).map(drop).unwrap_err();
    assert!(error.to_string().starts_with("cannot read the key pattern `a[`: "), "{error}");
}

#[tokio::test]
async fn a_root_context_reaches_what_any_of_its_chains_reaches_and_no_mixture() {
    let world = two_stores();
    let ours = Policy { stores: names(["ours"]), commands: Some(vec!["GET".to_owned()]), ..Policy::default() };
    let theirs = Policy { stores: names(["theirs"]), keys: vec!["b*".to_owned()], ..Policy::default() };
    let both = Dispatcher::union(&[world.dispatcher(ours), world.dispatcher(theirs)]).map(Arc::new).unwrap();
    let root = Guest(both.open_root());
    assert_eq!(root.http("ours", "GET", "/a", "").await, told(200, "", "1"));
    assert_eq!(root.http("ours", "PUT", "/b", "1").await, told(403, "denied", ""));
    assert_eq!(root.http("theirs", "PUT", "/b", "1").await, told(204, "", ""));
    assert_eq!(root.http("theirs", "GET", "/a", "").await, told(403, "denied", ""));
    assert_eq!(refusal(&root, "app"), Some(Refusal::Unknown));
    assert!(Dispatcher::union(&[]).is_none());
}

#[tokio::test]
async fn a_root_context_may_call_on_and_on_but_not_more_at_once_than_the_largest_budget() {
    let world = two_stores();
    let policy = |in_flight| {
        let mut policy = everything();
        (policy.budget.calls, policy.budget.in_flight) = (1, in_flight);
        world.dispatcher(policy)
    };
    let root = Guest(Dispatcher::union(&[policy(2), policy(3)]).map(Arc::new).unwrap().open_root());
    for _ in 0..100 {
        assert_eq!(root.state("ours", "a").await.unwrap(), "1");
    }
    let call = || root.0.http_call(&caller(), http_call("ours", "GET", "/a", "".into()));
    let mut calls: Vec<_> = (0..3).map(|_| call().unwrap()).collect();
    assert_eq!(call().err(), Some(Refusal::Budget));
    drop(calls.pop());
    assert!(matches!(call().unwrap().await, HttpAnswer::Response { .. }));
    assert!(matches!(calls.pop().unwrap().await, HttpAnswer::Response { .. }));
}

#[tokio::test]
async fn an_exchange_has_a_budget_of_calls() {
    let world = two_stores();
    let mut policy = everything();
    policy.budget.calls = 3;
    let guest = world.guest(policy);
    assert_eq!(guest.state("ours", "a").await.unwrap(), "1");
    assert_eq!(guest.http("app", "GET", "/", "").await, told(200, "", "hello"));
    assert_eq!(guest.invoke("app", "greet", "").await.unwrap(), "hello");
    assert!(matches!(guest.state("ours", "a").await, Err(CallError::Budget)));
    assert!(matches!(guest.invoke("app", "greet", "").await, Err(CallError::Budget)));
    assert_eq!(refusal(&guest, "ours"), Some(Refusal::Budget));
    // What does not exist says so still: permission comes before budget.
    assert_eq!(refusal(&guest, "nothing"), Some(Refusal::Unknown));
}
