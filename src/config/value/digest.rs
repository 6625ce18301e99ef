//! Digests of modules.

use std::fmt;
use std::str::FromStr;

use super::{Refusal, from_text};

/// A SHA-256 digest: 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// Its 32 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for Sha256 {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl FromStr for Sha256 {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match from_hex(text) {
            Some(bytes) => Ok(Self(bytes)),
            None => Err(Refusal::new(
                format!("`{text}` is not a SHA-256 digest"),
                format!(
                    "it has 64 hexadecimal digits, as `sha256sum FILE` prints; this has {} characters",
                    text.chars().count()
                ),
            )),
        }
    }
}

impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

from_text!(Sha256, "a SHA-256 digest, 64 hexadecimal digits");

/// An MD5 digest: 32 hexadecimal digits. For telling files apart, as Layotto does; it protects against nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Md5([u8; 16]);

impl Md5 {
    /// Its 16 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl FromStr for Md5 {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match from_hex(text) {
            Some(bytes) => Ok(Self(bytes)),
            None => Err(Refusal::new(
                format!("`{text}` is not an MD5 digest"),
                "it has 32 hexadecimal digits, as `md5sum FILE` prints",
            )),
        }
    }
}

impl fmt::Display for Md5 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

from_text!(Md5, "an MD5 digest, 32 hexadecimal digits");

/// Bytes from twice as many hexadecimal digits.
fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_has_64_hexadecimal_digits() {
        let text = "00ff".repeat(16);
        assert_eq!(text.parse::<Sha256>().unwrap().to_string(), text);
        assert_eq!(text.to_uppercase().parse::<Sha256>().unwrap().to_string(), text);
        for text in ["", "00", &"0g".repeat(32), &"0".repeat(63), &"ü".repeat(32)] {
            assert!(text.parse::<Sha256>().is_err(), "{text}");
        }
    }
}
