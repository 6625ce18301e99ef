//! A guest on fibers that waits where the target of a request says so.

use super::{Vms, guest};

const IMPORTS: &str = r#"
  (import "env" "proxy_get_header_map_value" (func $get_header_map_value (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_invoke_service" (func $invoke (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))"#;

/// The address of the path is at 16, its size at 20.
const CODE: &str = r#"
  (func $path (result i32)
    (drop (call $get_header_map_value (i32.const 0) (i32.const 300) (i32.const 5) (i32.const 16) (i32.const 20)))
    (i32.load (i32.const 16)))
  (func $invoke_function (param $name i32) (param $len i32)
    (if (call $invoke (local.get $name) (local.get $len) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
        (i32.const 24) (i32.const 28))
      (then unreachable)))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (local $path i32) (local $naps i32)
    (local.set $path (call $path))
    (if (i32.eq (i32.load8_u offset=1 (local.get $path)) (i32.const 103)) ;; g
      (then (call $invoke_function (i32.add (local.get $path) (i32.const 1)) (i32.const 5))))
    (if (i32.eq (i32.load8_u offset=1 (local.get $path)) (i32.const 110)) ;; n
      (then
        (loop $again
          (call $invoke_function (i32.const 310) (i32.const 3))
          (local.set $naps (i32.add (local.get $naps) (i32.const 1)))
          (br_if $again (i32.lt_u (local.get $naps) (i32.const 20))))))
    (if (i32.gt_u (i32.load (i32.const 20)) (i32.const 6))
      (then
        (if (i32.eq (i32.load8_u offset=6 (local.get $path)) (i32.const 116)) (then unreachable)) ;; t
        (if (i32.eq (i32.load8_u offset=6 (local.get $path)) (i32.const 108)) (then (loop $for_ever (br $for_ever)))))) ;; l
    (i32.const 0))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (i32.const 0))
  (data (i32.const 300) ":path")
  (data (i32.const 310) "nap")"#;

/// In the request headers it waits: for `/gate0` and `/gate1` until that gate opens, for `/naps/` twenty times 8 ms. Behind
/// that `t` makes it trap and `l` loop: `/gate0t`, `/naps/l`. Anything else passes. Bodies pass.
pub fn waits() -> String {
    guest(Vms::Yielding, IMPORTS, CODE)
}
