//! The wrapper around the body of a host call: phase check, memory, status or trap, and the copy to the guest.

use std::time::Instant;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use wasmtime::{Caller, Linker, Result};

use crate::abi::{HostError, HostResult, Status};
use crate::guest::{Guest, Phase};
use crate::memory::Memory;

/// What the body of a host call works on.
pub(crate) struct Call<'a> {
    pub(crate) memory: Memory<'a>,
    pub(crate) guest: &'a mut Guest,
}

/// Bytes for the guest, and the two words that receive their address and size.
pub(crate) struct CopyOut {
    pub(crate) bytes: Bytes,
    pub(crate) address_out: u32,
    pub(crate) size_out: u32,
}

/// A host call that waits, and the two words that receive what it gives.
pub(crate) struct Wait {
    pub(crate) answer: BoxFuture<'static, std::result::Result<Bytes, Status>>,
    pub(crate) address_out: u32,
    pub(crate) size_out: u32,
}

/// The host calls for vms that are called plainly, and for vms that run on fibers.
pub(crate) struct Linkers {
    pub(crate) inline: Linker<Guest>,
    pub(crate) yielding: Linker<Guest>,
}

/// The rows of one import module.
pub(crate) struct Rows<'a> {
    pub(crate) linkers: &'a mut Linkers,
    pub(crate) module: &'static str,
}

impl Linkers {
    pub(crate) fn new(engine: &wasmtime::Engine) -> Self {
        Self { inline: Linker::new(engine), yielding: Linker::new(engine) }
    }

    pub(crate) fn module(&mut self, module: &'static str) -> Rows<'_> {
        Rows { linkers: self, module }
    }

    /// Both linkers, for rows that are the same in either.
    pub(crate) fn both(&mut self) -> [&mut Linker<Guest>; 2] {
        [&mut self.inline, &mut self.yielding]
    }
}

impl Rows<'_> {
    /// A host call that hands no memory to the guest.
    pub(crate) fn plain<A>(&mut self, name: &'static str, body: impl Body<A, ()>) -> Result<()> {
        let module = self.module;
        self.linkers.both().into_iter().try_for_each(|linker| body.link_plain(linker, module, name, false))
    }

    /// As [`plain`](Self::plain), and allowed before the guest has a context and inside its allocator.
    pub(crate) fn early<A>(&mut self, name: &'static str, body: impl Body<A, ()>) -> Result<()> {
        let module = self.module;
        self.linkers.both().into_iter().try_for_each(|linker| body.link_plain(linker, module, name, true))
    }

    /// A host call that hands bytes to the guest in memory of the guest's allocator, unless it gives `None`.
    pub(crate) fn copying<A, R: Into<Option<CopyOut>>>(
        &mut self,
        name: &'static str,
        body: impl Body<A, R>,
    ) -> Result<()> {
        body.link_copying(self.linkers, self.module, name)
    }

    /// A host call that waits for its answer. Only vms on fibers can run guests that import it.
    pub(crate) fn waiting<A>(&mut self, name: &'static str, body: impl Body<A, Wait>) -> Result<()> {
        body.link_waiting(&mut self.linkers.yielding, self.module, name)
    }
}

/// The body of a host call with parameters `A` and the result `R`.
pub(crate) trait Body<A, R>: Copy + Send + Sync + 'static {
    fn link_plain(self, linker: &mut Linker<Guest>, module: &str, name: &'static str, early: bool) -> Result<()>;
    fn link_copying(self, linkers: &mut Linkers, module: &str, name: &'static str) -> Result<()>
    where
        R: Into<Option<CopyOut>>;
    fn link_waiting(self, linker: &mut Linker<Guest>, module: &str, name: &'static str) -> Result<()>
    where
        R: Into<Wait>;
}

macro_rules! body {
    ($($arg:ident: $type:ident),*) => {
        impl<F, R, $($type),*> Body<($($type,)*), R> for F
        where
            F: Fn(&mut Call<'_>, $($type),*) -> HostResult<R> + Copy + Send + Sync + 'static,
            R: Send + 'static,
            $($type: wasmtime::WasmTy + Send + 'static,)*
        {
            fn link_plain(self, linker: &mut Linker<Guest>, module: &str, name: &'static str, early: bool) -> Result<()> {
                linker.func_wrap(module, name, move |mut caller: Caller<'_, Guest>, $($arg: $type),*| -> Result<u32> {
                    status(run(&mut caller, name, early, |call| self(call, $($arg),*)).map(|_| ()))
                })?;
                Ok(())
            }

            fn link_copying(self, linkers: &mut Linkers, module: &str, name: &'static str) -> Result<()>
            where
                R: Into<Option<CopyOut>>,
            {
                linkers.inline.func_wrap(module, name, move |mut caller: Caller<'_, Guest>, $($arg: $type),*| -> Result<u32> {
                    status(run(&mut caller, name, false, |call| self(call, $($arg),*)).and_then(|out| copy(&mut caller, out.into())))
                })?;
                linkers.yielding.func_wrap_async(module, name, move |mut caller: Caller<'_, Guest>, ($($arg,)*): ($($type,)*)| {
                    Box::new(async move {
                        match run(&mut caller, name, false, |call| self(call, $($arg),*)) {
                            Ok(out) => status(copy_async(&mut caller, out.into()).await),
                            Err(error) => status(Err(error)),
                        }
                    })
                })?;
                Ok(())
            }

            fn link_waiting(self, linker: &mut Linker<Guest>, module: &str, name: &'static str) -> Result<()>
            where
                R: Into<Wait>,
            {
                linker.func_wrap_async(module, name, move |mut caller: Caller<'_, Guest>, ($($arg,)*): ($($type,)*)| {
                    let begun = run(&mut caller, name, false, |call| self(call, $($arg),*));
                    Box::new(async move {
                        match begun {
                            Ok(wait) => status(wait_and_copy(&mut caller, wait.into()).await),
                            Err(error) => status(Err(error)),
                        }
                    })
                })?;
                Ok(())
            }
        }
    };
}

body!();
body!(a: A1);
body!(a: A1, b: A2);
body!(a: A1, b: A2, c: A3);
body!(a: A1, b: A2, c: A3, d: A4);
body!(a: A1, b: A2, c: A3, d: A4, e: A5);
body!(a: A1, b: A2, c: A3, d: A4, e: A5, f: A6);
body!(a: A1, b: A2, c: A3, d: A4, e: A5, f: A6, g: A7);
body!(a: A1, b: A2, c: A3, d: A4, e: A5, f: A6, g: A7, h: A8);
body!(a: A1, b: A2, c: A3, d: A4, e: A5, f: A6, g: A7, h: A8, i: A9);
body!(a: A1, b: A2, c: A3, d: A4, e: A5, f: A6, g: A7, h: A8, i: A9, j: A10);
body!(a: A1, b: A2, c: A3, d: A4, e: A5, f: A6, g: A7, h: A8, i: A9, j: A10, k: A11, l: A12);

/// The only place that turns the end of a host call into a status or a trap.
fn status(result: HostResult<()>) -> Result<u32> {
    match result {
        Ok(()) => Ok(Status::Ok as u32),
        Err(HostError::Status(status)) => Ok(status as u32),
        Err(HostError::Trap(error)) => Err(error),
    }
}

/// Lends memory and store data to the body of a host call.
pub(crate) fn run<R>(
    caller: &mut Caller<'_, Guest>,
    name: &'static str,
    early: bool,
    body: impl FnOnce(&mut Call<'_>) -> HostResult<R>,
) -> HostResult<R> {
    let memory = memory(caller)?;
    let (bytes, guest) = memory.data_and_store_mut(&mut *caller);
    guest.admit(name, early)?;
    body(&mut Call { memory: Memory::new(bytes), guest })
}

fn memory(caller: &mut Caller<'_, Guest>) -> HostResult<wasmtime::Memory> {
    if let Some(memory) = caller.data().memory {
        return Ok(memory);
    }
    // A start section runs before the instance can be looked into.
    let export = caller.get_export("memory").and_then(wasmtime::Extern::into_memory);
    export.ok_or_else(|| crate::guest::trap("the guest exports no memory".into()))
}

/// Places a result in the guest, asking its allocator by a plain call.
fn copy(caller: &mut Caller<'_, Guest>, out: Option<CopyOut>) -> HostResult<()> {
    let Some(out) = out else { return Ok(()) };
    let Some((allocator, len)) = begin_copy(caller, &out)? else { return Ok(()) };
    let phase = std::mem::replace(&mut caller.data_mut().phase, Phase::Allocating);
    let address = allocator.call(&mut *caller, len).map_err(HostError::Trap)?;
    caller.data_mut().phase = phase;
    end_copy(caller, &out, address, len)
}

/// As [`copy`], on a fiber.
async fn copy_async(caller: &mut Caller<'_, Guest>, out: Option<CopyOut>) -> HostResult<()> {
    let Some(out) = out else { return Ok(()) };
    let Some((allocator, len)) = begin_copy(caller, &out)? else { return Ok(()) };
    let phase = std::mem::replace(&mut caller.data_mut().phase, Phase::Allocating);
    let address = allocator.call_async(&mut *caller, len).await.map_err(HostError::Trap)?;
    caller.data_mut().phase = phase;
    end_copy(caller, &out, address, len)
}

async fn wait_and_copy(caller: &mut Caller<'_, Guest>, wait: Wait) -> HostResult<()> {
    let begun = Instant::now();
    let answer = wait.answer.await;
    let guest = caller.data_mut();
    guest.waited += begun.elapsed();
    guest.calls_out += 1;
    let out = CopyOut { bytes: answer?, address_out: wait.address_out, size_out: wait.size_out };
    copy_async(caller, Some(out)).await
}

/// Checks the two words; without bytes, or where the guest wants none, there is nothing to allocate.
fn begin_copy(
    caller: &mut Caller<'_, Guest>,
    out: &CopyOut,
) -> HostResult<Option<(wasmtime::TypedFunc<u32, u32>, u32)>> {
    let memory = memory(caller)?;
    let (bytes, guest) = memory.data_and_store_mut(&mut *caller);
    let mut memory = Memory::new(bytes);
    memory.check(out.address_out, 4)?;
    memory.check(out.size_out, 4)?;
    if out.bytes.is_empty() {
        memory.put_u32(out.address_out, 0)?;
        memory.put_u32(out.size_out, 0)?;
        return Ok(None);
    }
    let len = u32::try_from(out.bytes.len()).map_err(|_| Status::InvalidMemoryAccess)?;
    let allocator = guest.allocator.clone().ok_or(Status::InvalidMemoryAccess)?;
    Ok(Some((allocator, len)))
}

/// Copies into what the allocator gave. The memory may have moved meanwhile.
fn end_copy(caller: &mut Caller<'_, Guest>, out: &CopyOut, address: u32, len: u32) -> HostResult<()> {
    let memory = memory(caller)?;
    let mut memory = Memory::new(memory.data_mut(&mut *caller));
    if address == 0 {
        return Err(Status::InvalidMemoryAccess.into());
    }
    memory.put(address, &out.bytes)?;
    memory.put_u32(out.address_out, address)?;
    memory.put_u32(out.size_out, len)
}
