//! Names of redis commands.

use std::fmt;
use std::str::FromStr;

use super::{Refusal, from_text};

/// The name of a redis command, kept in upper case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Command(String);

impl Command {
    /// As text, in upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// From a name that is known to be one, in upper case.
    pub(in crate::config) fn from_static(name: &'static str) -> Self {
        Self(name.to_owned())
    }
}

impl FromStr for Command {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if text.is_empty() || text.len() > 64 || !text.bytes().all(allowed) {
            return Err(Refusal::new(
                format!("`{text}` is not the name of a redis command"),
                "name the command alone, as `HGET`; its subcommands and arguments are not looked at",
            ));
        }
        Ok(Self(text.to_ascii_uppercase()))
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

from_text!(Command, "the name of a redis command");
