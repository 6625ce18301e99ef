//! Local replies.

use outrigger_wasm::Settings;

use crate::support::{Host, Upstream, Vms, guest, request};

/// Replies in the request headers, and once more in the response headers, where it also changes the status to 418.
fn replies_twice(vms: Vms) -> String {
    let imports = r#"
      (import "env" "proxy_send_local_response" (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
      (import "env" "proxy_replace_header_map_value" (func $replace (param i32 i32 i32 i32 i32) (result i32)))"#;
    let code = r#"
      (func $say (param $at i32)
        (drop (call $reply (i32.const 403) (i32.const 0) (i32.const 0) (local.get $at) (i32.const 5)
          (i32.const 0) (i32.const 0) (i32.const -1))))
      (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (call $say (i32.const 300))
        (i32.const 0))
      (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
        (drop (call $replace (i32.const 2) (i32.const 320) (i32.const 7) (i32.const 330) (i32.const 3)))
        (call $say (i32.const 310))
        (i32.const 0))
      (data (i32.const 300) "first")
      (data (i32.const 310) "again")
      (data (i32.const 320) ":status")
      (data (i32.const 330) "418")"#;
    guest(vms, imports, code)
}

#[tokio::test]
async fn a_local_reply_is_the_only_one_and_meets_the_response_callbacks_of_its_own_filter() {
    for vms in Vms::BOTH {
        let host = Host::load(replies_twice(vms), Settings::new("replies")).await;
        let upstream = Upstream::echo();
        let stream = host.begin(request("/", &[]), &upstream);
        assert_eq!(stream.end().await.expect("a reply").told(), (418, "first"), "{vms:?}");
        assert!(upstream.seen().is_empty());
    }
}
