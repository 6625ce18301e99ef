//! Functions that call functions, themselves among them.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::support::{Reply, Sidecar};

/// `chain0` to `chain9`, which call what they are told to, and `id_2`, which reads the store. One vm each.
fn configuration(dispatch: &str) -> String {
    let chain = |number: usize| {
        format!(
            "  - name: chain{number}\n    instance_num: 1\n    vm_config:\n      path: GUEST(calls_function)\n      \
             environment_variables: {{key_values: {{FUNCTION_ID: chain{number}}}}}\n"
        )
    };
    let chains: String = (0..10).map(chain).collect();
    format!(
        r#"
stores:
  - name: state_demo
    memory: {{seed: {{book1: "100"}}}}
functions:
{chains}
  - name: id_2
    instance_num: 1
    vm_config: {{path: GUEST(function_2)}}
listeners:
  - name: business
    address: 127.0.0.1:0
    filters:
      - name: dispatch
        config: {{stores: [state_demo], functions: ["*"]{dispatch}}}
      - name: function_lookup
      - name: wasm
      - name: direct_response
"#
    )
}

/// The input by which a function calls the first target, and tells it to call the next one.
fn input(targets: &[&str]) -> String {
    match targets {
        [target, rest @ ..] => {
            let param = input(rest);
            let param: String = param.bytes().map(|byte| format!("%{byte:02x}")).collect();
            format!("target={target}&param={param}")
        }
        [] => "book1".to_owned(),
    }
}

async fn call(sidecar: &Sidecar, first: &str, targets: &[&str]) -> Reply {
    sidecar.send("POST", "/", &[("id", first)], input(targets).as_bytes()).await
}

/// The names of `chain0` to the last of them, and then `id_2`.
fn chain(last: usize) -> Vec<String> {
    (0..=last).map(|number| format!("chain{number}")).chain(["id_2".to_owned()]).collect()
}

async fn call_chain(sidecar: &Sidecar, last: usize) -> Reply {
    let names = chain(last);
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    call(sidecar, names[0], &names[1..]).await
}

/// Calls in a circle, which end with status 10, while another function answers all the time.
async fn ends_with_status_10(dispatch: &str, first: &str, targets: &[&str], within: Duration) {
    let sidecar = Sidecar::start(&configuration(dispatch)).await;
    let begun = Instant::now();
    let circle = async {
        let reply = timeout(within, call(&sidecar, first, targets)).await.expect("an end in time");
        assert_eq!((reply.status, reply.text().as_str()), (200, "failed: 10"), "{first} {targets:?}");
        begun.elapsed()
    };
    let others = async {
        let mut client = sidecar.client().await;
        let mut answers = 0;
        loop {
            let asked = Instant::now();
            let reply = client.send("POST", "/", &[("id", "id_2")], b"book1").await;
            assert_eq!((reply.status, reply.text().as_str()), (200, "100"));
            assert!(asked.elapsed() < Duration::from_millis(500), "it waited {:?}", asked.elapsed());
            answers += 1;
            if answers > 20 && begun.elapsed() > Duration::from_millis(200) {
                return;
            }
        }
    };
    tokio::join!(circle, others);
    // Whoever waited is free again.
    assert_eq!(call(&sidecar, first, &["id_2"]).await.text(), "100");
    assert_eq!(sidecar.function(first).await["traps"], 0);
}

#[tokio::test]
async fn a_function_with_one_vm_that_calls_itself_gets_status_10_within_its_deadline() {
    ends_with_status_10("", "chain0", &["chain0", "id_2"], Duration::from_secs(3)).await;
}

#[tokio::test]
async fn functions_with_one_vm_that_call_each_other_get_status_10_within_their_deadline() {
    ends_with_status_10("", "chain0", &["chain1", "chain0", "id_2"], Duration::from_secs(3)).await;
}

#[tokio::test]
async fn the_deadline_of_a_call_ends_the_wait_for_a_vm() {
    let within = Duration::from_millis(900);
    ends_with_status_10(", function_timeout: 300ms", "chain0", &["chain0", "id_2"], within).await;
    ends_with_status_10(", function_timeout: 300ms", "chain0", &["chain1", "chain2", "chain0"], within).await;
}

#[tokio::test]
async fn calls_nest_eight_deep_and_a_ninth_gets_status_10() {
    let sidecar = Sidecar::start(&configuration("")).await;
    // The request's own function is no call: `chain0` to `chain7` and `id_2` are eight calls.
    assert_eq!(call_chain(&sidecar, 7).await.text(), "100");
    let begun = Instant::now();
    assert_eq!(call_chain(&sidecar, 8).await.text(), "failed: 10");
    assert!(begun.elapsed() < Duration::from_secs(1), "it is refused, it does not wait: {:?}", begun.elapsed());
    assert_eq!(call_chain(&sidecar, 7).await.text(), "100");
    let refused = r#"outrigger_dispatch_calls_total{function="chain8",kind="function",result="error",target="id_2"}"#;
    assert_eq!(sidecar.metric(refused).await, 1.0);
}

#[tokio::test]
async fn the_depth_is_a_setting() {
    let sidecar = Sidecar::start(&configuration(", depth: 2")).await;
    assert_eq!(call_chain(&sidecar, 1).await.text(), "100");
    assert_eq!(call_chain(&sidecar, 2).await.text(), "failed: 10");
}

#[tokio::test]
async fn a_chain_of_calls_shares_the_budget_of_its_exchange() {
    let sidecar = Sidecar::start(&configuration(", budget: {calls: 3, in_flight: 32}")).await;
    // Two calls of functions and the read of the store.
    assert_eq!(call_chain(&sidecar, 1).await.text(), "100");
    assert_eq!(call_chain(&sidecar, 2).await.text(), "failed: 10");
}
