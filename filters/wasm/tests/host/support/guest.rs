//! Guests: examples as they are built, and guests in the text format.

use std::fs;
use std::path::Path;

/// The kind of vms that a guest gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vms {
    /// Called plainly.
    Inline,
    /// On fibers: the guest imports a host call that waits.
    Yielding,
}

impl Vms {
    pub const BOTH: [Self; 2] = [Self::Inline, Self::Yielding];
}

const WAITING_IMPORT: &str =
    r#"(import "env" "proxy_get_state" (func $get_state (param i32 i32 i32 i32 i32 i32) (result i32)))"#;

/// An allocator that never frees.
const ALLOCATOR: &str = r#"
  (global $free (mut i32) (i32.const 0x10000))
  (func (export "proxy_on_memory_allocate") (param $len i32) (result i32)
    (global.get $free)
    (global.set $free (i32.add (global.get $free) (local.get $len))))"#;

/// A module with a marker, two pages of memory and what is given. `imports` come first, as they must. Without an
/// export of its own named `proxy_on_memory_allocate` it gets one.
pub fn guest(vms: Vms, imports: &str, rest: &str) -> String {
    let waiting = if vms == Vms::Yielding { WAITING_IMPORT } else { "" };
    let allocator = if rest.contains("proxy_on_memory_allocate") { "" } else { ALLOCATOR };
    format!(
        r#"(module {waiting} {imports}
  (memory (export "memory") 2)
  (func (export "proxy_abi_version_0_2_1"))
  {allocator}
  {rest})"#
    )
}

/// The module of an example guest.
pub fn example(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-examples/dist").join(format!("{name}.wasm"));
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
