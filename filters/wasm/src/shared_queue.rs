//! Shared queues: named by (vm_id, name), filled by any vm, each entry announced to the last vm that registered.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::abi::Status;
use crate::cell::VmCell;
use crate::guest::ROOT;

/// Entries of one queue.
const MAX_ENTRIES: usize = 10_000;
/// Bytes of one queue's entries.
const MAX_BYTES: usize = 16 << 20;

/// The shared queues of a process.
#[derive(Default)]
pub(crate) struct SharedQueues(Mutex<Queues>);

#[derive(Default)]
struct Queues {
    tokens: HashMap<(String, String), u32>,
    /// A token is the place in this list, from 1.
    queues: Vec<Queue>,
}

#[derive(Default)]
struct Queue {
    entries: VecDeque<Bytes>,
    bytes: usize,
    registrant: Weak<VmCell>,
}

impl SharedQueues {
    /// The token of a queue, which is made if it is not there. What is in it stays.
    pub(crate) fn register(&self, vm_id: &str, name: &str) -> u32 {
        let mut queues = self.0.lock();
        if let Some(token) = queues.tokens.get(&(vm_id.to_owned(), name.to_owned())) {
            return *token;
        }
        queues.queues.push(Queue::default());
        let token = u32::try_from(queues.queues.len()).unwrap_or(u32::MAX);
        queues.tokens.insert((vm_id.to_owned(), name.to_owned()), token);
        token
    }

    /// Entries are announced to this vm from now on.
    pub(crate) fn announce_to(&self, token: u32, cell: &Arc<VmCell>) {
        if let Some(queue) = self.0.lock().get(token) {
            queue.registrant = Arc::downgrade(cell);
        }
    }

    pub(crate) fn resolve(&self, vm_id: &str, name: &str) -> Option<u32> {
        self.0.lock().tokens.get(&(vm_id.to_owned(), name.to_owned())).copied()
    }

    pub(crate) fn dequeue(&self, token: u32) -> Result<Bytes, Status> {
        let mut queues = self.0.lock();
        let queue = queues.get(token).ok_or(Status::NotFound)?;
        let entry = queue.entries.pop_front().ok_or(Status::Empty)?;
        queue.bytes -= entry.len();
        Ok(entry)
    }

    /// Appends an entry and announces it, never before this call has returned.
    pub(crate) fn enqueue(&self, token: u32, entry: Bytes) -> Result<(), Status> {
        let mut queues = self.0.lock();
        let queue = queues.get(token).ok_or(Status::NotFound)?;
        if queue.entries.len() >= MAX_ENTRIES || queue.bytes + entry.len() > MAX_BYTES {
            return Err(Status::InternalFailure);
        }
        queue.bytes += entry.len();
        queue.entries.push_back(entry);
        if let Some(cell) = queue.registrant.upgrade() {
            announce(cell, token);
        }
        Ok(())
    }
}

impl Queues {
    fn get(&mut self, token: u32) -> Option<&mut Queue> {
        self.queues.get_mut((token as usize).checked_sub(1)?)
    }
}

fn announce(cell: Arc<VmCell>, token: u32) {
    let runtime = cell.runtime.clone();
    runtime.spawn(async move {
        let guard = cell.lock().await;
        if cell.death().is_some() {
            return;
        }
        let announced = cell.work(guard, move |mut vm| async move {
            if let Some(on_queue_ready) = vm.exports.on_queue_ready.clone() {
                // A trap has been dealt with: nobody else waits for this call.
                let _ = vm.call("proxy_on_queue_ready", &on_queue_ready, ROOT, (ROOT, token)).await;
            }
        });
        announced.await;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_first_in_first_out_and_keeps_its_token() {
        let queues = SharedQueues::default();
        let token = queues.register("vm", "q");
        assert_eq!(queues.register("vm", "q"), token);
        assert_eq!((queues.resolve("vm", "q"), queues.resolve("other", "q")), (Some(token), None));
        queues.enqueue(token, Bytes::from("1")).unwrap();
        queues.enqueue(token, Bytes::from("2")).unwrap();
        assert_eq!(queues.dequeue(token), Ok(Bytes::from("1")));
        assert_eq!(queues.dequeue(token), Ok(Bytes::from("2")));
        assert_eq!(queues.dequeue(token), Err(Status::Empty));
        assert_eq!(queues.dequeue(token + 1), Err(Status::NotFound));
        assert_eq!(queues.enqueue(0, Bytes::new()), Err(Status::NotFound));
    }

    #[test]
    fn a_queue_is_bounded() {
        let queues = SharedQueues::default();
        let token = queues.register("vm", "q");
        for _ in 0..MAX_ENTRIES {
            queues.enqueue(token, Bytes::from("1")).unwrap();
        }
        assert_eq!(queues.enqueue(token, Bytes::from("1")), Err(Status::InternalFailure));
    }
}
