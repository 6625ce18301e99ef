//! `auto`, or a number.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::config::text::WORD_OR_NUMBER;

/// A count that is `auto` until somebody sets it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Auto {
    /// Derived from the machine; from what is said where the key is described.
    #[default]
    Auto,
    /// As it is set; a whole number.
    Count(u32),
}

impl Auto {
    /// The set number, else what `derive` gives.
    #[must_use]
    pub fn unwrap_or_else(self, derive: impl FnOnce() -> u32) -> u32 {
        match self {
            Self::Auto => derive(),
            Self::Count(count) => count,
        }
    }
}

impl<'de> Deserialize<'de> for Auto {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordOrNumber;
        impl<'de> de::Visitor<'de> for WordOrNumber {
            type Value = Auto;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`auto` or a whole number")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Auto, D::Error> {
                deserializer.deserialize_any(self)
            }

            fn visit_u64<E: de::Error>(self, count: u64) -> Result<Auto, E> {
                u32::try_from(count)
                    .map(Auto::Count)
                    .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(count), &self))
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Auto, E> {
                match word {
                    "auto" => Ok(Auto::Auto),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_newtype_struct(WORD_OR_NUMBER, WordOrNumber)
    }
}

impl Serialize for Auto {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Count(count) => serializer.serialize_u32(*count),
        }
    }
}
