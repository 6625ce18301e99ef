//! Allocators of guests that play tricks on the host: a status or a trap, on vms of both kinds, and never more.

use outrigger_wasm::Settings;

use crate::support::{Host, Vms, guest, request};

const IMPORTS: &str = r#"
  (import "env" "proxy_get_buffer_bytes" (func $get_buffer_bytes (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $set_tick_period (param i32) (result i32)))
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))"#;

/// Asks for the vm's configuration and replies with the status that it got, then with the two words.
const CODE: &str = r#"
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (i32.store (i32.const 12) (call $get_buffer_bytes (i32.const 6) (i32.const 0) (i32.const 100) (i32.const 16) (i32.const 20)))
    (drop (call $reply (i32.const 200) (i32.const 0) (i32.const 0) (i32.const 12) (i32.const 12) (i32.const 0) (i32.const 0) (i32.const -1)))
    (i32.const 1))
  (func (export "proxy_on_memory_allocate") (param $len i32) (result i32)"#;

async fn with_allocator(vms: Vms, body: &str) -> Host {
    let mut settings = Settings::new("allocator");
    settings.vm_configuration = "sixteen bytes ..".into();
    Host::load(guest(vms, IMPORTS, &format!("{CODE}\n{body})")), settings).await
}

/// Status of the host call, and the words for address and size.
async fn asked(host: &Host) -> [u32; 3] {
    let reply = host.send(request("/", &[])).await;
    assert_eq!(reply.status, 200);
    let word = |at: usize| u32::from_le_bytes(reply.body[at..at + 4].try_into().expect("four bytes"));
    [word(0), word(4), word(8)]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_allocator_that_gives_no_room_gets_status_6_and_its_guest_lives() {
    for vms in Vms::BOTH {
        // Nothing, the far end of the address space, behind the memory, and a block that ends one byte behind it.
        for address in ["0", "0xffffffff", "0x20000", "0x1fff1"] {
            let host = with_allocator(vms, &format!("(i32.const {address})")).await;
            assert_eq!(asked(&host).await, [6, 0, 0], "{vms:?}, {address}");
            assert_eq!(asked(&host).await, [6, 0, 0], "{vms:?}, {address}");
            assert_eq!(host.stats().traps, 0, "{vms:?}, {address}");
        }
        let host = with_allocator(vms, "(i32.const 0x1fff0)").await;
        assert_eq!(asked(&host).await, [0, 0x1fff0, 16], "{vms:?}: the last place that fits");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_allocator_may_grow_the_memory_and_write_log_lines() {
    for vms in Vms::BOTH {
        let body = "(drop (call $log (i32.const 2) (i32.const 0) (i32.const 1))) (drop (memory.grow (i32.const 8))) (i32.const 0x9fff0)";
        let host = with_allocator(vms, body).await;
        assert_eq!(asked(&host).await, [0, 0x9fff0, 16], "{vms:?}");
        assert_eq!(host.stats().traps, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_allocator_that_traps_loops_or_calls_the_host_costs_its_vm_only() {
    let set_tick_period = "(call $set_tick_period (i32.const 1))";
    let get_buffer_bytes =
        "(call $get_buffer_bytes (i32.const 6) (i32.const 0) (i32.const 100) (i32.const 16) (i32.const 20))";
    for vms in Vms::BOTH {
        for (body, reason) in [
            ("unreachable", "unreachable"),
            ("(loop $for_ever (br $for_ever)) (i32.const 64)", "cpu"),
            ("(i32.load (i32.const -1))", "out_of_bounds"),
            (set_tick_period, "other"),
            (get_buffer_bytes, "other"),
        ] {
            let host = with_allocator(vms, body).await;
            for traps in 1..=2 {
                let reply = host.send(request("/", &[])).await;
                assert_eq!((reply.status, &reply.body[..]), (503, &b""[..]), "{vms:?}, {body}");
                let stats = host.stats();
                let last = stats.last_trap.expect("a trap");
                assert_eq!(
                    (stats.traps, last.callback, last.reason),
                    (traps, "proxy_on_request_headers", reason),
                    "{vms:?}, {body}"
                );
            }
        }
    }
}
