//! Why a module was refused.

/// A refusal, with the step that failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct LoadError {
    /// One of the contract's steps: `body source sha256 abi imports exports compile start vm_start configure id`.
    pub step: &'static str,
    /// What failed, why, and what to do.
    pub message: String,
}

impl LoadError {
    /// A refusal at a step.
    pub fn new(step: &'static str, message: impl Into<String>) -> Self {
        Self { step, message: message.into() }
    }
}
