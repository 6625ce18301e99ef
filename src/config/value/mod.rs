//! The kinds of value that keys have. Each refuses what it cannot be, prints as it is written, and holds nothing else.

mod address;
mod auto;
mod command;
mod digest;
mod duration;
mod guest;
mod header;
mod name;
mod schema;
mod secret;
mod size;
mod store_url;

pub use address::Address;
pub use auto::Auto;
pub use command::Command;
pub use digest::{Md5, Sha256};
pub use duration::Duration;
pub use guest::{GuestSettings, Pairs};
pub use header::HeaderName;
pub use name::{Name, Names};
pub use secret::Secret;
pub use size::Size;
pub use store_url::StoreUrl;

pub(in crate::config) use secret::REDACTED;

/// `Deserialize` from a string by `FromStr`, whose error is a message and a hint; `Serialize` by `Display`.
macro_rules! from_text {
    ($type:ty, $expected:literal) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl serde::de::Visitor<'_> for Text {
                    type Value = $type;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($expected)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(|$crate::config::value::Refusal { message, hint }| {
                            $crate::config::text::refuse(message, hint)
                        })
                    }
                }
                deserializer.deserialize_str(Text)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}
pub(in crate::config) use from_text;

/// Why a text is not the value that it should be, and what would be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What is wrong: lower case, names in backticks.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Refusal {
    pub(in crate::config) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into() }
    }
}
