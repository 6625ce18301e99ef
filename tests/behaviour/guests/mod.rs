//! Every example guest, run once through the front door. A guest nobody runs is not an example.

mod filters;
mod functions;
mod misbehaving;

use std::fs;
use std::path::Path;

use crate::support::{Backend, Reply, Sidecar};

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
    let source = [include_str!("filters.rs"), include_str!("functions.rs"), include_str!("misbehaving.rs")].concat();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest-examples/dist");
    let modules = fs::read_dir(folder).expect("the guests are built").map(|entry| entry.expect("an entry").path());
    let guests: Vec<_> = modules.filter(|path| path.extension().is_some_and(|end| end == "wasm")).collect();
    assert!(guests.len() > 10, "{guests:?}");
    for guest in guests {
        let name = guest.file_stem().expect("a name").to_string_lossy();
        assert!(source.contains(&format!("\nasync fn {name}()")), "no test runs the guest `{name}`");
    }
}
