//! Durations: `250us` `100ms` `10s` `5m` `1h`.

use std::fmt;
use std::str::FromStr;

use super::{Refusal, from_text};

/// A length of time: a whole number and a unit, one of `us` `ms` `s` `m` `h`; at most a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(std::time::Duration);

/// Longer settings are slips, and sums of them could overflow a clock.
const MAX: std::time::Duration = std::time::Duration::from_secs(365 * 24 * 60 * 60);

impl Duration {
    /// So many microseconds.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(std::time::Duration::from_micros(micros))
    }

    /// So many milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(std::time::Duration::from_millis(millis))
    }

    /// So many seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(std::time::Duration::from_secs(secs))
    }

    /// As the standard library's type.
    #[must_use]
    pub const fn get(self) -> std::time::Duration {
        self.0
    }

    /// Whether it is `0s`.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// For keys in which `0s` means none: `None` for zero.
    #[must_use]
    pub const fn non_zero(self) -> Option<std::time::Duration> {
        if self.0.is_zero() { None } else { Some(self.0) }
    }
}

impl From<Duration> for std::time::Duration {
    fn from(duration: Duration) -> Self {
        duration.0
    }
}

impl FromStr for Duration {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let refused = || {
            Refusal::new(
                format!("`{text}` is not a duration"),
                "write a whole number and a unit, as `250us`, `100ms`, `10s`, `5m` or `1h`",
            )
        };
        let number: u64 = text[..digits].parse().map_err(|_| refused())?;
        let micros_each: u64 = match &text[digits..] {
            "us" => 1,
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" => 60_000_000,
            "h" => 3_600_000_000,
            _ => return Err(refused()),
        };
        let duration = number.checked_mul(micros_each).map(std::time::Duration::from_micros);
        match duration.filter(|duration| *duration <= MAX) {
            Some(duration) => Ok(Self(duration)),
            None => Err(Refusal::new(format!("`{text}` is too long"), "a duration is at most a year, `8760h`")),
        }
    }
}

/// In the largest unit that gives a whole number; minutes and hours only from two on, so that a minute stays `60s`.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        for (unit, each, least) in
            [("h", 3_600_000_000, 2), ("m", 60_000_000, 2), ("s", 1_000_000, 0), ("ms", 1_000, 0)]
        {
            if micros.is_multiple_of(each) && micros / each >= least {
                return write!(f, "{}{unit}", micros / each);
            }
        }
        write!(f, "{micros}us")
    }
}

from_text!(Duration, "a duration such as `10s`");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_prints_as_it_is_written() {
        for text in ["0s", "250us", "100ms", "10s", "60s", "5m", "2h", "1500ms", "90s"] {
            assert_eq!(text.parse::<Duration>().unwrap().to_string(), text);
        }
        assert_eq!("1h".parse::<Duration>().unwrap().to_string(), "60m");
        assert_eq!("1000ms".parse::<Duration>().unwrap(), Duration::from_secs(1));
    }

    #[test]
    fn what_has_no_unit_or_no_number_is_refused() {
        for text in ["", "10", "s", "1.5s", "-1s", "10 s", "10S", "1d", "١s", "99999999999999999999s", "8761h"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
    }
}
