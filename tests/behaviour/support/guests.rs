//! The example guests, built.

use std::path::{Path, PathBuf};

/// The module of an example guest.
pub fn guest(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("guest-examples/dist").join(format!("{name}.wasm"));
    assert!(path.exists(), "no guest is named `{name}`: {}", path.display());
    path
}
