//! Changes that are refused: each says why, and nothing has changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::demo::{MEMORY, demo};
use crate::support::parts::{ALLOCATOR, MARKER, MEMORY as PAGE};
use crate::support::{Sidecar, bare, guest, module};

const INSTALL: &str = "/wasm/install";

/// A change that is refused.
#[derive(Clone)]
struct Case {
    path: &'static str,
    body: String,
    status: u16,
    /// The step that refused the module.
    step: Option<&'static str>,
    /// What the reason holds.
    reason: &'static str,
}

fn bad(body: impl Into<String>, reason: &'static str) -> Case {
    Case { path: INSTALL, body: body.into(), status: 400, step: None, reason }
}

/// A body for the module at a path, with further keys.
fn body(path: &Path, more: &str) -> String {
    format!(r#"{{"name":"new","limits":{{"start":"300ms"}},"vm_config":{{"path":"{}"{more}}}}}"#, path.display())
}

fn bodies() -> Vec<Case> {
    let path = guest("function_1").display().to_string();
    let with = |more: &str| format!(r#"{{"name":"new",{more},"vm_config":{{"path":"{path}"}}}}"#);
    let vm = |more: &str| format!(r#"{{"name":"new","vm_config":{{"path":"{path}",{more}}}}}"#);
    vec![
        bad("", "JSON"),
        bad("name: new", "the body is not JSON: expected ident"),
        bad(r#"{"name":"new""#, "the body is not JSON: EOF"),
        bad("[]", "not a JSON object"),
        bad("null", "not a JSON object"),
        bad("{}", "the key `name` is missing"),
        bad(format!(r#"{{"vm_config":{{"path":"{path}"}}}}"#), "the key `name` is missing"),
        bad(r#"{"name":"new"}"#, "the key `vm_config` is missing"),
        bad(r#"{"name":"new","vm_config":{}}"#, "the key `path` is missing"),
        bad(r#"{"name":"new","vm_config":{"path":7}}"#, "vm_config.path: expected a string, found the number `7`"),
        bad(r#"{"name":"new","vm_config":"a.wasm"}"#, "vm_config: expected a mapping, found `a.wasm`"),
        bad(format!(r#"{{"name":1,"vm_config":{{"path":"{path}"}}}}"#), "name: expected a name, found the number `1`"),
        bad(format!(r#"{{"name":"a/b","vm_config":{{"path":"{path}"}}}}"#), "name: the name `a/b` contains `/`"),
        bad(with(r#""instance_num":0"#), "instance_num: `0` is out of range"),
        bad(with(r#""instance_num":1025"#), "instance_num: `1025` is out of range"),
        bad(with(r#""instance_num":"2""#), "instance_num: expected a whole number from 0 to 4294967295, found `2`"),
        bad(
            with(r#""instance_num":2.7"#),
            "instance_num: expected a whole number from 0 to 4294967295, found the number `2.7`",
        ),
        bad(with(r#""instance_num":1,"instances":{"min":1}"#), "`instances` and `instance_num` are both given"),
        bad(with(r#""instances":{"min":3,"max":2}"#), "instances.min: `min` is 3, more than `max`"),
        bad(with(r#""limits":{"cpu":50}"#), "limits.cpu: expected a duration such as `10s`, found the number `50`"),
        bad(with(r#""limits":{"memory":"2GiB"}"#), "limits.memory: `2GiB` is out of range"),
        bad(
            with(r#""failure_policy":"fail_softly""#),
            "failure_policy: expected `fail_closed`, `fail_open` or `fail_reload`, found",
        ),
        bad(with(r#""log_level":5"#), "log_level: expected a word, found the number `5`"),
        bad(with(r#""colour":1"#), "colour: unknown key `colour`"),
        bad(with(r#""from_wasm_plugin":"other""#), "`from_wasm_plugin` is not supported"),
        bad(vm(r#""colour":"blue""#), "vm_config.colour: unknown key `colour`"),
        bad(vm(r#""engine":"v8""#), "vm_config.engine: expected `wasmtime` or `wasmer`, found `v8`"),
        bad(vm(r#""sha256":"abc""#), "vm_config.sha256: `abc` is not a SHA-256 digest"),
        bad(vm(r#""md5":"abc""#), "vm_config.md5: `abc` is not an MD5 digest"),
        bad(r#"{"name":"new","vm_config":{"url":"http://127.0.0.1/a.wasm"}}"#, "vm_config.url: unknown key `url`"),
    ]
}

/// A module that is refused at a step.
fn refused(path: &Path, step: &'static str, reason: &'static str) -> Case {
    Case { path: INSTALL, body: body(path, ""), status: 422, step: Some(step), reason }
}

fn files(folder: &Path) -> Vec<Case> {
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, bytes).expect("a file");
        path
    };
    let real = fs::read(guest("function_1")).expect("a module");
    let component = [0, b'a', b's', b'm', 0x0d, 0, 1, 0];
    let digest = |more: String, reason| Case {
        path: INSTALL,
        body: body(&guest("function_1"), &more),
        status: 422,
        step: Some("sha256"),
        reason,
    };
    vec![
        refused(&folder.join("nowhere.wasm"), "source", "No such file"),
        refused(folder, "source", "it is not a regular file"),
        refused(Path::new("/dev/zero"), "source", "it is not a regular file"),
        refused(&pipe(folder), "source", "it is not a regular file"),
        refused(&file("large.wasm", &[0; 1024 * 1024 + 1]), "source", "larger than `wasm.max_module` (1048576 bytes)"),
        refused(&file("text.wasm", b"#!/bin/sh\n"), "compile", "not a WebAssembly module"),
        refused(&file("empty.wasm", b""), "compile", "the file is empty"),
        refused(&file("truncated.wasm", &real[..real.len() / 2]), "compile", "cannot compile the module"),
        refused(&file("head.wasm", &real[..6]), "compile", "cut short"),
        refused(&file("component.wasm", &component), "compile", "a WebAssembly component, not a core module"),
        digest(format!(r#","sha256":"{}""#, "0".repeat(64)), "but 0000"),
        digest(format!(r#","md5":"{}""#, "0".repeat(32)), "but 0000"),
    ]
}

/// A pipe that nobody writes to.
fn pipe(folder: &Path) -> PathBuf {
    let path = folder.join("pipe.wasm");
    let made = Command::new("mkfifo").arg(&path).status().expect("mkfifo runs");
    assert!(made.success());
    path
}

fn interfaces(folder: &Path) -> Vec<Case> {
    let modules = [
        (bare(&format!("{PAGE} {ALLOCATOR}")), "abi", "exports no Proxy-Wasm ABI marker"),
        (
            bare(&format!(r#"{PAGE} {ALLOCATOR} (func (export "proxy_abi_version_9_9_9"))"#)),
            "abi",
            "found `proxy_abi_version_9_9_9`",
        ),
        (module(r#"(import "env" "proxy_fly" (func))"#), "imports", "`env.proxy_fly` () -> () is not offered"),
        (module(r#"(import "wasi" "random_get" (func))"#), "imports", "`wasi.random_get`"),
        (
            module(r#"(import "env" "proxy_log" (func (param i64 i32 i32) (result i32)))"#),
            "imports",
            "imported as (i64, i32, i32) -> (i32), but is (i32, i32, i32) -> (i32)",
        ),
        (bare(&format!("{MARKER} {PAGE}")), "exports", "exports no allocator"),
        (bare(&format!("{MARKER} (memory 1) {ALLOCATOR}")), "exports", "exports no memory"),
        (module(r#"(func (export "proxy_on_configure") (param i32))"#), "exports", "`proxy_on_configure` has the type"),
    ];
    written(folder, "interface", modules)
}

/// Guests that load and then do not start.
fn starts(folder: &Path) -> Vec<Case> {
    let callback =
        |name: &str, does: &str| module(&format!(r#"(func (export "{name}") (param i32 i32) (result i32) {does})"#));
    let id = |does: &str| {
        let import = r#"(import "env" "proxy_set_buffer_bytes" (func $set (param i32 i32 i32 i32 i32) (result i32)))"#;
        module(&format!(r#"{import} (data (i32.const 0) "a/\ff") (func (export "proxy_get_id") {does})"#))
    };
    let write = "(drop (call $set (i32.const 8) (i32.const 0) (i32.const 3) (i32.const 0) (i32.const 3)))";
    let endless = "(loop $again (br $again))";
    let modules = [
        (module("(func $start unreachable) (start $start)"), "start", "unreachable"),
        (module(r#"(func (export "_initialize") unreachable)"#), "start", "unreachable"),
        (module(r#"(func (export "_start") unreachable)"#), "start", "unreachable"),
        (module(&format!(r#"(func (export "_start") {endless})"#)), "start", "interrupt"),
        (module(&format!("(func $start {endless}) (start $start)")), "start", "interrupt"),
        (bare(&format!(r#"{MARKER} {ALLOCATOR} (memory (export "memory") 2000)"#)), "start", "memory"),
        (callback("proxy_on_vm_start", "unreachable"), "vm_start", "unreachable"),
        (callback("proxy_on_vm_start", "i32.const 0"), "vm_start", "refused its configuration"),
        (callback("proxy_on_configure", "unreachable"), "configure", "unreachable"),
        (callback("proxy_on_configure", "i32.const 0"), "configure", "refused its configuration"),
        (callback("proxy_on_configure", &format!("{endless} i32.const 1")), "configure", "cpu"),
        (id(""), "id", "wrote no id"),
        (id(write), "id", "is not a name"),
        (id("unreachable"), "id", "unreachable"),
    ];
    written(folder, "start", modules)
}

fn written<const N: usize>(
    folder: &Path,
    kind: &str,
    modules: [(Vec<u8>, &'static str, &'static str); N],
) -> Vec<Case> {
    let case = |(nth, (bytes, step, reason)): (usize, (Vec<u8>, _, _))| {
        let path = folder.join(format!("{kind}_{nth}.wasm"));
        fs::write(&path, bytes).expect("a file");
        refused(&path, step, reason)
    };
    modules.into_iter().enumerate().map(case).collect()
}

fn taken_ids() -> Vec<Case> {
    let install = |name: &str, path: &Path| Case {
        path: INSTALL,
        body: format!(r#"{{"name":"{name}","vm_config":{{"path":"{}"}}}}"#, path.display()),
        status: 409,
        step: None,
        reason: "the id `id_1` is in use; uninstall it first",
    };
    vec![install("id_1", &guest("add_header")), install("other", &guest("function_1"))]
}

/// Changes of functions that are not there, and of one that is to what cannot be.
fn other_changes() -> Vec<Case> {
    let case = |path, body: &str, status, reason| Case { path, body: body.into(), status, step: None, reason };
    let uninstall = |body, status, reason| case("/wasm/uninstall", body, status, reason);
    let update = |body, status, reason| case("/wasm/update", body, status, reason);
    vec![
        uninstall("", 400, "the body is not JSON"),
        uninstall("{}", 400, "missing field `name`"),
        uninstall(r#"{"name":1}"#, 400, "expected a string"),
        uninstall(r#"{"name":"id_9"}"#, 404, "no function has the id `id_9`"),
        update("[]", 400, "not a JSON object"),
        update(r#"{"name":"id_1"}"#, 400, "missing field `instance_num`"),
        update(r#"{"instance_num":1}"#, 400, "missing field `name`"),
        update(r#"{"name":"id_1","instance_num":0}"#, 400, "`instance_num` must be 1 to 1024, not 0"),
        update(r#"{"name":"id_1","instance_num":1025}"#, 400, "`instance_num` must be 1 to 1024, not 1025"),
        update(r#"{"name":"id_1","instance_num":"2"}"#, 400, "invalid type: string"),
        update(r#"{"name":"id_1","instance_num":2.7}"#, 400, "invalid type: floating point"),
        update(r#"{"name":"id_1","instance_num":2,"vm_config":{}}"#, 400, "unknown field `vm_config`"),
        update(r#"{"name":"id_9","instance_num":2}"#, 404, "no function has the id `id_9`"),
        Case {
            step: Some("start"),
            ..update(r#"{"name":"id_1","instance_num":20}"#, 422, "the process has all the 10 vms that it may have")
        },
    ]
}

/// What is installed, without what the exchanges of the test move.
async fn installed(sidecar: &Sidecar) -> Value {
    let mut functions = sidecar.admin_get("/functions").await.json();
    for function in functions["functions"].as_array_mut().expect("a list") {
        function["exchanges"].take();
        function["instances"]["busy"].take();
    }
    functions
}

#[tokio::test]
async fn a_refused_change_says_why_and_changes_nothing() {
    let sidecar = Sidecar::start(&format!("wasm: {{max_module: 1MiB, vms: 10}}\n{}", demo(MEMORY))).await;
    let folder = sidecar.folder();
    let cases = [bodies(), files(folder), interfaces(folder), starts(folder), taken_ids(), other_changes()].concat();
    let mut wrong = Vec::new();
    for case in cases {
        let before = installed(&sidecar).await;
        let reply = sidecar.admin_post(case.path, &case.body).await;
        assert_eq!(installed(&sidecar).await, before, "{} changed something", case.body);
        assert_eq!(sidecar.call("id_1", "/?name=book1").await.text(), "There are 100 inventories for book1.");
        let answer = reply.json();
        let as_wanted = reply.status == case.status
            && answer["step"].as_str() == case.step
            && answer["error"].as_str().is_some_and(|error| error.contains(case.reason));
        if !as_wanted {
            let (status, step, reason) = (case.status, case.step, case.reason);
            wrong.push(format!(
                "{}\n  is answered {} {answer}\n  not {status} {step:?} {reason}",
                case.body, reply.status
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
