//! The text of a configuration.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::config::MAX_SIZE;

/// The name of stdin.
const STDIN: &str = "<stdin>";

/// A configuration's text, and the name that problems give it.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: Vec<u8>,
}

impl Source {
    /// Where it was read: an absolute path, unless it came from stdin.
    pub(super) fn path(&self) -> PathBuf {
        let name = PathBuf::from(&self.name);
        if self.name == STDIN { name } else { std::path::absolute(&name).unwrap_or(name) }
    }
}

/// Reads a file, or stdin for `-`; one byte more than a configuration may have is enough to refuse it.
pub(super) fn read(path: &Path) -> anyhow::Result<Source> {
    let mut text = Vec::new();
    let limit = MAX_SIZE as u64 + 1;
    if path == Path::new("-") {
        std::io::stdin().take(limit).read_to_end(&mut text).context("cannot read the configuration from stdin")?;
        return Ok(Source { name: STDIN.into(), text });
    }
    let doing = || {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        format!("cannot read the configuration `{}`", absolute.display())
    };
    let file = std::fs::File::open(path).with_context(doing)?;
    file.take(limit).read_to_end(&mut text).with_context(doing)?;
    Ok(Source { name: path.display().to_string(), text })
}
