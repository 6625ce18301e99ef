//! Names of HTTP headers.

use std::fmt;
use std::str::FromStr;

use super::{Refusal, from_text};

/// The name of an HTTP header, kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeaderName(String);

impl HeaderName {
    /// From a name that is known to be one, in lower case.
    pub(in crate::config) fn from_static(name: &'static str) -> Self {
        Self(name.to_owned())
    }

    /// As text, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HeaderName {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if text.is_empty() || text.len() > 256 || !text.bytes().all(allowed) {
            return Err(Refusal::new(
                format!("`{text}` is not the name of a header"),
                "a header's name has letters, digits and `-`, as `x-request-id`",
            ));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

from_text!(HeaderName, "the name of a header");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_name_is_a_token_in_lower_case() {
        assert_eq!("X-Id".parse::<HeaderName>().unwrap().as_str(), "x-id");
        for text in ["", ":path", "a b", "ü", "a:"] {
            assert!(text.parse::<HeaderName>().is_err(), "{text}");
        }
    }
}
