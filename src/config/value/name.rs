//! Names, and lists of names.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Refusal, from_text};
use crate::config::text::refuse;

/// What something is called: 1–128 visible ASCII characters, no `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        const HINT: &str = "a name is 1 to 128 visible ASCII characters without `/`";
        if text.is_empty() {
            return Err(Refusal::new("the name is empty", HINT));
        }
        if text.len() > 128 {
            return Err(Refusal::new(format!("the name is {} characters long", text.chars().count()), HINT));
        }
        match text.chars().find(|c| !c.is_ascii_graphic() || *c == '/') {
            Some(c) => Err(Refusal::new(format!("the name `{text}` contains `{c}`"), HINT)),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

from_text!(Name, "a name");

/// Which of the configured things are meant: a list of names, or `["*"]` for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// `["*"]`: all, also those that come later.
    All,
    /// These; an empty list is none.
    Listed(Vec<Name>),
}

impl Names {
    /// No name at all.
    #[must_use]
    pub const fn none() -> Self {
        Self::Listed(Vec::new())
    }

    /// Whether the name is meant.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Listed(names) => names.iter().any(|listed| listed.as_str() == name),
        }
    }

    /// The names that are written out; none for `["*"]`.
    #[must_use]
    pub fn listed(&self) -> &[Name] {
        match self {
            Self::All => &[],
            Self::Listed(names) => names,
        }
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> serde::de::Visitor<'de> for List {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of names, or `[\"*\"]` for all")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = list.next_element::<Name>()? {
                    names.push(name);
                }
                match names.iter().position(|name| name.as_str() == "*") {
                    None => Ok(Names::Listed(names)),
                    Some(_) if names.len() == 1 => Ok(Names::All),
                    Some(_) => Err(refuse("`*` stands beside names", "write `[\"*\"]` for all, or the names alone")),
                }
            }
        }
        deserializer.deserialize_seq(List)
    }
}

impl Serialize for Names {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.collect_seq(["*"]),
            Self::Listed(names) => serializer.collect_seq(names),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_visible_ascii_without_a_slash() {
        assert!("id_1".parse::<Name>().is_ok());
        assert!("a".repeat(128).parse::<Name>().is_ok());
        for text in ["", "a b", "a/b", "ä", "a\n", &"a".repeat(129)] {
            assert!(text.parse::<Name>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_star_alone_is_all() {
        let names = |text| serde_json::from_str::<Names>(text);
        assert_eq!(names(r#"["*"]"#).unwrap(), Names::All);
        assert!(names(r#"["a"]"#).unwrap().contains("a"));
        assert!(!names("[]").unwrap().contains("a"));
        assert!(names(r#"["*","a"]"#).is_err());
        assert_eq!(serde_json::to_string(&Names::All).unwrap(), r#"["*"]"#);
    }
}
