//! The bytes of a property's value: every number has eight, whatever it counts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::{Lookup, Missing};
use crate::pairs;

pub(super) fn text(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// Text that may be there or not.
pub(super) fn optional(text: Option<&str>) -> Lookup {
    text.map(self::text).ok_or(Missing::Unavailable)
}

pub(super) fn number(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_le_bytes())
}

pub(super) fn boolean(boolean: bool) -> Bytes {
    Bytes::from_static(if boolean { &[1] } else { &[0] })
}

/// Nanoseconds since the Unix epoch.
pub(super) fn timestamp(time: SystemTime) -> Bytes {
    duration(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// Nanoseconds.
pub(super) fn duration(duration: Duration) -> Bytes {
    let nanoseconds = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    Bytes::copy_from_slice(&nanoseconds.to_le_bytes())
}

/// A map is serialized pairs. An empty one has its count of 0, unlike an empty header map, which has no bytes.
pub(super) fn map(pairs: &[(&[u8], Vec<u8>)]) -> Bytes {
    if pairs.is_empty() { Bytes::from_static(&[0; 4]) } else { pairs::encode(pairs).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_lengths_that_guests_check() {
        assert_eq!(number(0x0102), [2, 1, 0, 0, 0, 0, 0, 0][..]);
        assert_eq!(boolean(true), [1][..]);
        assert_eq!(duration(Duration::from_micros(1)), [0xE8, 3, 0, 0, 0, 0, 0, 0][..]);
        assert_eq!(timestamp(UNIX_EPOCH + Duration::from_nanos(7)), [7, 0, 0, 0, 0, 0, 0, 0][..]);
        assert_eq!(map(&[]), [0, 0, 0, 0][..]);
        assert_eq!(pairs::decode(&map(&[(b"a", b"1".to_vec())])), Ok(vec![(&b"a"[..], &b"1"[..])]));
    }
}
