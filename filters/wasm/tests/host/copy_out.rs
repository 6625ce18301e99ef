//! Host calls that hand bytes to the guest: each of them, on vms of both kinds.

use outrigger_wasm::{Settings, encode_pairs};

use crate::support::{Host, Vms, guest, request};

const IMPORTS: &str = r#"
  (import "env" "proxy_get_buffer_bytes" (func $get_buffer_bytes (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_configuration" (func $get_configuration (param i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_pairs" (func $get_header_map_pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $get_header_map_value (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $get_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_shared_data" (func $get_shared_data (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $set_shared_data (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_register_shared_queue" (func $register_queue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_enqueue_shared_queue" (func $enqueue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_dequeue_shared_queue" (func $dequeue (param i32 i32 i32) (result i32)))
  (import "env" "proxy_call_foreign_function" (func $call_foreign (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_status" (func $get_status (param i32 i32 i32) (result i32)))
  (import "env" "proxy_http_call" (func $http_call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $set_context (param i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))"#;

/// Notes what each call gave, as `status len bytes`, and replies with the notes. The words that receive address and
/// size are at 16 and 20; a call that gave nothing leaves them 0. Its own HTTP call breaks off, so that
/// `proxy_get_status` has something to tell.
const CODE: &str = r#"
  (global $notes (mut i32) (i32.const 0x8000))
  (func $note (param $status i32)
    (i32.store (global.get $notes) (local.get $status))
    (i32.store offset=4 (global.get $notes) (i32.load (i32.const 20)))
    (global.set $notes (i32.add (global.get $notes) (i32.const 8)))
    (memory.copy (global.get $notes) (i32.load (i32.const 16)) (i32.load (i32.const 20)))
    (global.set $notes (i32.add (global.get $notes) (i32.load (i32.const 20))))
    (i64.store (i32.const 16) (i64.const 0)))
  (func $must (param $status i32)
    (if (local.get $status) (then unreachable)))

  (func (export "proxy_on_configure") (param i32 i32) (result i32)
    (call $note (call $get_configuration (i32.const 16) (i32.const 20)))
    (i32.const 1))
  (global $stream (mut i32) (i32.const 0))
  (func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
    (global.set $stream (local.get $context))
    (call $must (call $http_call (i32.const 300) (i32.const 6) (i32.const 400) (i32.const CALL_HEADERS_LEN)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1000) (i32.const 24)))
    (i32.const 1))
  (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
    (call $note (call $get_status (i32.const 28) (i32.const 16) (i32.const 20)))
    (call $must (call $set_context (global.get $stream)))
    (call $note (call $get_buffer_bytes (i32.const 6) (i32.const 3) (i32.const 4) (i32.const 16) (i32.const 20)))
    (call $note (call $get_header_map_pairs (i32.const 0) (i32.const 16) (i32.const 20)))
    (call $note (call $get_header_map_value (i32.const 0) (i32.const 320) (i32.const 4) (i32.const 16) (i32.const 20)))
    (call $note (call $get_header_map_value (i32.const 0) (i32.const 300) (i32.const 6) (i32.const 16) (i32.const 20)))
    (call $note (call $get_property (i32.const 340) (i32.const 12) (i32.const 16) (i32.const 20)))
    (call $must (call $set_shared_data (i32.const 320) (i32.const 4) (i32.const 340) (i32.const 7) (i32.const 0)))
    (call $note (call $get_shared_data (i32.const 320) (i32.const 4) (i32.const 16) (i32.const 20) (i32.const 32)))
    (call $must (call $register_queue (i32.const 320) (i32.const 4) (i32.const 36)))
    (call $must (call $enqueue (i32.load (i32.const 36)) (i32.const 300) (i32.const 6)))
    (call $note (call $dequeue (i32.load (i32.const 36)) (i32.const 16) (i32.const 20)))
    (call $note (call $dequeue (i32.load (i32.const 36)) (i32.const 16) (i32.const 20)))
    (call $note (call $call_foreign (i32.const 360) (i32.const 13) (i32.const 0) (i32.const 0) (i32.const 16) (i32.const 20)))
    (call $must (call $reply (i32.const 200) (i32.const 0) (i32.const 0) (i32.const 0x8000)
      (i32.sub (global.get $notes) (i32.const 0x8000)) (i32.const 0) (i32.const 0) (i32.const -1))))
  (data (i32.const 300) "broken")
  (data (i32.const 320) "x-in")
  (data (i32.const 340) "request\00path")
  (data (i32.const 360) "get_log_level")
  (data (i32.const 400) "CALL_HEADERS")"#;

fn calls_every_copy_out(vms: Vms) -> String {
    let headers = encode_pairs(&[(":method", "GET"), (":path", "/"), (":authority", "broken")]);
    let escaped: String = headers.iter().map(|byte| format!("\\{byte:02x}")).collect();
    let code = CODE.replace("CALL_HEADERS_LEN", &headers.len().to_string()).replace("CALL_HEADERS", &escaped);
    guest(vms, IMPORTS, &code)
}

fn settings() -> Settings {
    let mut settings = Settings::new("calls_every_copy_out");
    settings.configuration = "the plugin's".into();
    settings.vm_configuration = "the vm's".into();
    settings
}

/// The notes of the guest: status and bytes of each call.
fn notes(mut body: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let mut notes = Vec::new();
    while let [a, b, c, d, e, f, g, h, rest @ ..] = body {
        let (status, len) = (u32::from_le_bytes([*a, *b, *c, *d]), u32::from_le_bytes([*e, *f, *g, *h]));
        let (bytes, rest) = rest.split_at(len as usize);
        notes.push((status, bytes.to_vec()));
        body = rest;
    }
    notes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_host_call_that_hands_out_bytes_does_so_on_vms_of_both_kinds() {
    for vms in Vms::BOTH {
        let host = Host::load(calls_every_copy_out(vms), settings()).await;
        assert_eq!(host.facts().waits, vms == Vms::Yielding);
        let reply = host.send(request("/p?q", &[("x-in", "value")])).await;
        let pairs =
            [(":method", "GET"), (":path", "/p?q"), (":authority", "test"), (":scheme", "http"), ("x-in", "value")];
        let expected: Vec<(u32, &[u8])> = vec![
            (0, b"the plugin's"), // proxy_get_configuration
            (0, b"reset"),        // proxy_get_status
            (0, b" vm'"),         // proxy_get_buffer_bytes
        ];
        let found = notes(&reply.body);
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!((found.0, &found.1[..]), *expected, "{vms:?}");
        }
        let rest: Vec<_> = found[expected.len()..].iter().map(|(status, bytes)| (*status, &bytes[..])).collect();
        let wanted: [(u32, &[u8]); 8] = [
            (0, &encode_pairs(&pairs)), // proxy_get_header_map_pairs
            (0, b"value"),              // proxy_get_header_map_value
            (1, b""),                   // of a field that is not there
            (0, b"/p?q"),               // proxy_get_property
            (0, b"request"),            // proxy_get_shared_data
            (0, b"broken"),             // proxy_dequeue_shared_queue
            (7, b""),                   // of a queue that is empty
            (0, &2u32.to_le_bytes()),   // proxy_call_foreign_function
        ];
        assert_eq!(rest, wanted, "{vms:?}");
        assert_eq!(host.stats().traps, 0);
    }
}
