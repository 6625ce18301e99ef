//! What guests store: with the exchange, where later filters find it, or with their root context.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use chain::Exchange;
use parking_lot::Mutex;

use crate::abi::Status;

/// Bytes of paths and values that an exchange, or a root context, keeps. It is memory outside the guest's own limit.
const MAX_BYTES: usize = 1 << 20;

/// The properties that the guests of an exchange have set.
#[derive(Clone, Default)]
pub(super) struct Properties(Arc<Mutex<HashMap<Vec<u8>, Bytes>>>);

impl Properties {
    pub(super) fn of(exchange: &Exchange) -> Self {
        exchange.get_or_insert_with(Self::default)
    }

    pub(super) fn get(&self, path: &[u8]) -> Option<Bytes> {
        self.0.lock().get(path).cloned()
    }

    /// As [`put`].
    pub(super) fn set(&self, path: &[u8], value: &[u8]) -> Result<(), Status> {
        put(&mut self.0.lock(), path, value)
    }
}

/// Stores a value in place of an earlier one; status 10 when that would be too much.
pub(super) fn put(stored: &mut HashMap<Vec<u8>, Bytes>, path: &[u8], value: &[u8]) -> Result<(), Status> {
    let others = stored.iter().filter(|(other, _)| *other != path);
    let bytes: usize = others.map(|(path, value)| path.len() + value.len()).sum();
    if bytes + path.len() + value.len() > MAX_BYTES {
        return Err(Status::InternalFailure);
    }
    stored.insert(path.to_vec(), Bytes::copy_from_slice(value));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_value_takes_the_place_of_an_earlier_one() {
        let mut stored = HashMap::new();
        put(&mut stored, b"a", b"1").unwrap();
        put(&mut stored, b"a", b"").unwrap();
        assert_eq!(stored.get(&b"a"[..]), Some(&Bytes::new()));
    }

    #[test]
    fn what_is_stored_is_bounded() {
        let mut stored = HashMap::new();
        let large = vec![0; MAX_BYTES - 1];
        put(&mut stored, b"a", &large).unwrap();
        put(&mut stored, b"a", &large).unwrap();
        assert_eq!(put(&mut stored, b"b", b""), Err(Status::InternalFailure));
        put(&mut stored, b"a", b"").unwrap();
        assert_eq!(put(&mut stored, b"b", b""), Ok(()));
    }
}
