//! How a guest call ended badly.

use wasmtime::Error;

use crate::host::Exit;

/// A trap, in the contract's words.
#[derive(Debug, Clone)]
pub(crate) struct Trap {
    /// ABI name of the callback.
    pub(crate) callback: &'static str,
    /// `unreachable out_of_bounds stack_overflow cpu memory exit other`.
    pub(crate) reason: &'static str,
    /// What wasmtime says, with the guest's backtrace.
    pub(crate) message: String,
    /// What the guest gave to `proc_exit`.
    pub(crate) exit_code: Option<u32>,
}

impl Trap {
    /// `out_of_memory`: the guest was refused memory in this call, so that an abort is for want of it.
    pub(crate) fn new(callback: &'static str, error: &Error, out_of_memory: bool) -> Self {
        let exit_code = error.downcast_ref::<Exit>().map(|exit| exit.0);
        Self { callback, reason: reason(error, out_of_memory), message: format!("{error:?}"), exit_code }
    }

    /// A call that was left before it returned.
    pub(crate) fn abandoned() -> Self {
        Self {
            callback: "",
            reason: "other",
            message: "a guest call was left before it returned".into(),
            exit_code: None,
        }
    }
}

fn reason(error: &Error, out_of_memory: bool) -> &'static str {
    use wasmtime::Trap as Code;
    if error.downcast_ref::<Exit>().is_some() {
        return "exit";
    }
    match error.downcast_ref::<Code>() {
        Some(Code::Interrupt) => "cpu",
        Some(Code::StackOverflow) => "stack_overflow",
        Some(_) if out_of_memory => "memory",
        Some(Code::UnreachableCodeReached) => "unreachable",
        Some(Code::MemoryOutOfBounds | Code::TableOutOfBounds | Code::HeapMisaligned) => "out_of_bounds",
        _ => "other",
    }
}
