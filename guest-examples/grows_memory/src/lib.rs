//! Takes memory, a MiB at a time, until the host refuses, and answers with what it got: `62 MiB`. A refusal is a result
//! that a guest can handle, not a trap.

use std::arch::wasm32::memory_grow;
use std::hint::black_box;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

proxy_wasm::main! {{
    proxy_wasm::set_http_context(|_, _| Box::new(Grows));
}}

const PAGE: usize = 64 * 1024;
const PAGES_OF_A_MIB: usize = 16;

struct Grows;

impl Context for Grows {}

impl HttpContext for Grows {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        // What the allocator needs for the answer, when nothing more can be had.
        let reserve = black_box(Vec::<u8>::with_capacity(PAGE));
        let got = std::iter::from_fn(take_a_mib).count();
        drop(reserve);
        self.send_http_response(200, vec![], Some(format!("{got} MiB").as_bytes()));
        Action::Pause
    }
}

/// Grows the memory and writes to each new page; `None` when the host refuses.
fn take_a_mib() -> Option<()> {
    let first = memory_grow::<0>(PAGES_OF_A_MIB);
    if first == usize::MAX {
        return None;
    }
    for page in first..first + PAGES_OF_A_MIB {
        // SAFETY: the memory has just grown by this page, and nobody else knows of it.
        unsafe { std::ptr::write_volatile((page * PAGE) as *mut u8, 1) };
    }
    Some(())
}
