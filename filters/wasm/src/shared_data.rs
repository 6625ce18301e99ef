//! The key-value data that guests share: one space for each `vm_id`, seen by all its vms at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use tracing::warn;

use crate::abi::Status;

/// Bytes of keys and values that a `vm_id` may keep. Generous: Rust guests do not survive a refusal.
const DEFAULT_LIMIT: usize = 16 << 20;

/// The shared data of a process.
///
/// A space lives from the first [`open`](Self::open) of its `vm_id` to the drop of the last handle, so it survives the
/// rebuild of a vm and the swap of a version whose successor is open already.
#[derive(Debug)]
pub(crate) struct SharedData {
    spaces: Mutex<HashMap<Arc<str>, Joined>>,
    last_cas: AtomicU32,
    limit: usize,
}

/// The space of a `vm_id`, and how many handles hold it.
#[derive(Debug, Default)]
struct Joined {
    users: usize,
    space: Arc<Space>,
}

/// One user's hold on the space of a `vm_id`.
#[derive(Debug)]
pub(crate) struct SharedDataHandle {
    data: Arc<SharedData>,
    vm_id: Arc<str>,
    space: Arc<Space>,
}

#[derive(Debug, Default)]
struct Space(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    values: HashMap<Vec<u8>, (Bytes, u32)>,
    bytes: usize,
    warned: bool,
}

impl Default for SharedData {
    fn default() -> Self {
        Self::with_limit(DEFAULT_LIMIT)
    }
}

impl SharedData {
    /// Each `vm_id` may keep `limit` bytes of keys and values.
    fn with_limit(limit: usize) -> Self {
        Self { spaces: Mutex::default(), last_cas: AtomicU32::new(0), limit }
    }

    /// Joins the users of a `vm_id`.
    pub(crate) fn open(self: &Arc<Self>, vm_id: &str) -> SharedDataHandle {
        let vm_id = Arc::<str>::from(vm_id);
        let mut spaces = self.spaces.lock();
        let joined = spaces.entry(Arc::clone(&vm_id)).or_default();
        joined.users += 1;
        SharedDataHandle { data: Arc::clone(self), space: Arc::clone(&joined.space), vm_id }
    }

    fn leave(&self, vm_id: &str) {
        let mut spaces = self.spaces.lock();
        let Some(joined) = spaces.get_mut(vm_id) else { return };
        joined.users -= 1;
        if joined.users == 0 {
            spaces.remove(vm_id);
        }
    }

    /// A number that no earlier write got, until the 32 bits are used up; never 0, which means "none" to guests.
    fn next_cas(&self) -> u32 {
        match self.last_cas.fetch_add(1, Ordering::Relaxed).wrapping_add(1) {
            0 => self.next_cas(),
            cas => cas,
        }
    }
}

impl SharedDataHandle {
    /// The value of a key, and the number of the write that stored it.
    pub(crate) fn get(&self, key: &[u8]) -> Option<(Bytes, u32)> {
        self.space.0.lock().values.get(key).cloned()
    }

    /// Stores a value. `cas` other than 0 has to be the number of the write that stored the present one, if there is
    /// one: status 8. Over the byte limit: status 10.
    pub(crate) fn set(&self, key: &[u8], value: &[u8], cas: u32) -> Result<(), Status> {
        let mut entries = self.space.0.lock();
        let present = entries.values.get(key);
        if present.is_some_and(|(_, present)| cas != 0 && cas != *present) {
            return Err(Status::CasMismatch);
        }
        let freed = present.map_or(0, |(value, _)| key.len() + value.len());
        let bytes = entries.bytes - freed + key.len() + value.len();
        if bytes > self.data.limit {
            return Err(Status::InternalFailure);
        }
        entries.bytes = bytes;
        let stored = (Bytes::copy_from_slice(value), self.data.next_cas());
        entries.values.insert(key.to_vec(), stored);
        self.warn_when_nearly_full(&mut entries);
        Ok(())
    }

    /// Warns once each time that the data grows over four fifths of the limit.
    fn warn_when_nearly_full(&self, entries: &mut Entries) {
        let nearly_full = entries.bytes > self.data.limit / 5 * 4;
        if nearly_full && !entries.warned {
            let (vm_id, bytes, limit) = (&self.vm_id, entries.bytes, self.data.limit);
            warn!(%vm_id, bytes, limit, "shared data is nearly full; at the limit, writes are refused");
        }
        entries.warned = nearly_full;
    }
}

impl Drop for SharedDataHandle {
    fn drop(&mut self) {
        self.data.leave(&self.vm_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(vm_id: &str) -> SharedDataHandle {
        Arc::new(SharedData::default()).open(vm_id)
    }

    #[test]
    fn every_write_gets_a_greater_number() {
        let data = open("a");
        assert_eq!(data.get(b"k"), None);
        data.set(b"k", b"1", 0).unwrap();
        let (_, first) = data.get(b"k").unwrap();
        data.set(b"k", b"2", 0).unwrap();
        let (value, second) = data.get(b"k").unwrap();
        assert_eq!(value, "2");
        assert!(second > first && first > 0);
    }

    #[test]
    fn a_stale_number_is_a_mismatch_and_changes_nothing() {
        let data = open("a");
        data.set(b"k", b"1", 7).unwrap(); // absent: any number will do
        let (_, cas) = data.get(b"k").unwrap();
        assert_eq!(data.set(b"k", b"2", cas + 1), Err(Status::CasMismatch));
        assert_eq!(data.get(b"k"), Some((Bytes::from("1"), cas)));
        data.set(b"k", b"3", cas).unwrap();
        assert_eq!(data.get(b"k").unwrap().0, "3");
    }

    #[test]
    fn an_empty_value_is_stored() {
        let data = open("a");
        data.set(b"k", b"", 0).unwrap();
        assert!(data.get(b"k").is_some_and(|(value, cas)| value.is_empty() && cas > 0));
    }

    #[test]
    fn users_of_a_vm_id_see_the_same_and_others_do_not() {
        let all = Arc::new(SharedData::default());
        let (one, two, other) = (all.open("a"), all.open("a"), all.open("b"));
        one.set(b"k", b"1", 0).unwrap();
        assert_eq!(two.get(b"k").unwrap().0, "1");
        assert_eq!(other.get(b"k"), None);
    }

    #[test]
    fn data_goes_with_the_last_user() {
        let all = Arc::new(SharedData::default());
        let one = all.open("a");
        one.set(b"k", b"1", 0).unwrap();
        let two = all.open("a");
        drop(one);
        assert!(two.get(b"k").is_some());
        drop(two);
        assert_eq!(all.open("a").get(b"k"), None);
    }

    #[test]
    fn a_vm_id_cannot_keep_more_than_the_limit() {
        let all = Arc::new(SharedData::with_limit(8));
        let data = all.open("a");
        data.set(b"k", b"1234567", 0).unwrap();
        assert_eq!(data.set(b"k", b"12345678", 0), Err(Status::InternalFailure));
        assert_eq!(data.set(b"l", b"", 0), Err(Status::InternalFailure));
        assert_eq!(data.get(b"k").unwrap().0, "1234567");
        data.set(b"k", b"", 0).unwrap();
        data.set(b"l", b"123456", 0).unwrap();
        all.open("b").set(b"k", b"1234567", 0).unwrap();
    }

    #[test]
    fn the_number_0_is_left_out_when_the_counter_wraps() {
        let all = SharedData::default();
        all.last_cas.store(u32::MAX, Ordering::Relaxed);
        assert_eq!(all.next_cas(), 1);
    }
}
