//! Sizes: `64KiB` `16MiB` `1GiB`, or a number of bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::Refusal;
use crate::config::text::refuse;

/// A number of bytes, written as such or with a unit, one of `KiB` `MiB` `GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// Larger settings are slips: a pebibyte.
const MAX: u64 = 1 << 50;

const HINT: &str = "write `64KiB`, `16MiB`, `1GiB` or a number of bytes";

impl Size {
    /// So many bytes.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many KiB, 1024 bytes each.
    #[must_use]
    pub const fn kib(count: u64) -> Self {
        Self(count << 10)
    }

    /// So many MiB, 1024 KiB each.
    #[must_use]
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// So many GiB, 1024 MiB each.
    #[must_use]
    pub const fn gib(count: u64) -> Self {
        Self(count << 30)
    }

    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// In bytes, as lengths in memory are counted; as many as fit.
    #[must_use]
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Size {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let refused = || Refusal::new(format!("`{text}` is not a size"), HINT);
        let number: u64 = text[..digits].parse().map_err(|_| refused())?;
        let each = match &text[digits..] {
            "" => 1,
            unit => UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(refused)?.1,
        };
        match number.checked_mul(each).filter(|bytes| *bytes <= MAX) {
            Some(bytes) => Ok(Self(bytes)),
            None => Err(Refusal::new(format!("`{text}` is too large"), "a size is at most a pebibyte")),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, each)| self.0 >= *each && self.0.is_multiple_of(*each)) {
            Some((unit, each)) => write!(f, "{}{unit}", self.0 / each),
            None => write!(f, "{}", self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrNumber;
        impl de::Visitor<'_> for TextOrNumber {
            type Value = Size;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a size such as `64KiB`")
            }

            fn visit_u64<E: de::Error>(self, bytes: u64) -> Result<Size, E> {
                self.visit_str(&bytes.to_string())
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
                text.parse().map_err(|Refusal { message, hint }| refuse(message, hint))
            }
        }
        deserializer.deserialize_any(TextOrNumber)
    }
}

/// With a unit as text, else as a number.
impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.to_string();
        if text.ends_with('B') { serializer.serialize_str(&text) } else { serializer.serialize_u64(self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_prints_as_it_is_written() {
        for text in ["0", "1000", "64KiB", "16MiB", "1GiB", "1025KiB"] {
            assert_eq!(text.parse::<Size>().unwrap().to_string(), text);
        }
        assert_eq!("1024KiB".parse::<Size>().unwrap(), Size::mib(1));
    }

    #[test]
    fn what_has_another_unit_is_refused() {
        for text in ["", "64k", "64KB", "64 KiB", "-1", "1.5MiB", "KiB", "9999999999GiB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_number_is_bytes() {
        assert_eq!(serde_json::from_str::<Size>("65536").unwrap(), Size::kib(64));
        assert_eq!(serde_json::to_string(&Size::from_bytes(1000)).unwrap(), "1000");
        assert_eq!(serde_json::to_string(&Size::kib(64)).unwrap(), r#""64KiB""#);
    }
}
