//! A thread that writes lines, so that nobody else waits for a disk, a pipe or a terminal.
//!
//! Lines are gathered in one buffer and leave in batches. The buffer is bounded: when the reader of the lines is slower
//! than they come, or gone, the newest are dropped and counted. Nothing here knows what a line says.

mod output;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use prometheus::IntCounter;

use output::Output;
pub(super) use output::Report;

/// Lines that may wait: a second of a busy sidecar.
const MAX_LINES: usize = 8192;
/// Bytes that may wait. As many again may be in the thread's hands; together they bound what a stuck reader costs.
const MAX_BYTES: usize = 4 << 20;
/// A batch of this many bytes leaves at once: a pipe takes no more in one write.
const BATCH: usize = 64 << 10;
/// So does one of this many lines, long before short ones fill the queue.
const BATCH_LINES: usize = 1024;

/// The lines that wait, and the thread that writes them. Dropping it ends the thread after the lines that it has.
pub(super) struct Writer {
    shared: Arc<Shared>,
}

struct Shared {
    queue: Mutex<Queue>,
    /// Something for the thread to do.
    work: Condvar,
    /// A batch has left.
    left: Condvar,
    dropped: IntCounter,
    /// How long the first line of a batch waits for others.
    linger: Duration,
}

#[derive(Default)]
struct Queue {
    bytes: Vec<u8>,
    lines: usize,
    /// Lines taken in since the start, and lines that left: written or dropped.
    taken: u64,
    done: u64,
    flushes: usize,
    reopened: Option<Box<dyn io::Write + Send>>,
    closed: bool,
}

impl Writer {
    /// Starts a thread called `name` that writes to `to`. What it cannot write is added to `dropped` and told to
    /// `report`.
    pub(super) fn start(
        name: &str,
        to: impl io::Write + Send + 'static,
        linger: Duration,
        dropped: IntCounter,
        report: impl Fn(&Report<'_>) + Send + 'static,
    ) -> io::Result<Self> {
        let shared =
            Arc::new(Shared { queue: Mutex::default(), work: Condvar::new(), left: Condvar::new(), dropped, linger });
        let output = Output::new(Box::new(to), Box::new(report));
        let worker = Arc::clone(&shared);
        std::thread::Builder::new().name(name.to_owned()).spawn(move || worker.run(output))?;
        Ok(Self { shared })
    }

    /// Takes one line, its line feed included, or drops it when too many wait.
    pub(super) fn push(&self, line: &[u8]) {
        let mut queue = self.shared.queue.lock();
        let before = queue.bytes.len();
        if queue.lines >= MAX_LINES || before + line.len() > MAX_BYTES {
            drop(queue);
            self.shared.dropped.inc();
            return;
        }
        queue.bytes.extend_from_slice(line);
        queue.lines += 1;
        queue.taken += 1;
        let full = queue.lines == BATCH_LINES || (before < BATCH && queue.bytes.len() >= BATCH);
        let wake = queue.lines == 1 || full;
        drop(queue);
        if wake {
            self.shared.work.notify_one();
        }
    }

    /// Writes from now on to `to`; what was taken in before may still go to the old place.
    pub(super) fn reopen(&self, to: impl io::Write + Send + 'static) {
        self.shared.queue.lock().reopened = Some(Box::new(to));
        self.shared.work.notify_one();
    }

    /// Waits until all lines taken in so far have left, for `timeout` at most; `false` when some have not. Blocks.
    pub(super) fn flush(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut queue = self.shared.queue.lock();
        let all = queue.taken;
        queue.flushes += 1;
        self.shared.work.notify_one();
        while queue.done < all && !self.shared.left.wait_until(&mut queue, deadline).timed_out() {}
        queue.flushes -= 1;
        queue.done >= all
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.queue.lock().closed = true;
        self.shared.work.notify_one();
    }
}

impl Shared {
    fn run(&self, mut output: Output) {
        let mut batch = Vec::new();
        let mut reported = self.dropped.get();
        while let Some(lines) = self.next_batch(&mut batch, &mut output) {
            let lost = output.write(&batch, |pause| self.pause(pause));
            self.dropped.inc_by(lost as u64);
            batch.clear();
            batch.shrink_to(BATCH);
            self.queue.lock().done += lines as u64;
            self.left.notify_all();
            let dropped = self.dropped.get();
            // The report may be a line of this same writer, so it waits until there is room.
            if dropped > reported && self.queue.lock().lines < MAX_LINES / 2 {
                output.report(&Report::Dropped(dropped - reported));
                reported = dropped;
            }
        }
    }

    /// Waits for lines, and for others to join the first; `None` when the writer was dropped and nothing is left.
    fn next_batch(&self, batch: &mut Vec<u8>, output: &mut Output) -> Option<usize> {
        let mut queue = self.queue.lock();
        loop {
            if let Some(to) = queue.reopened.take() {
                output.replace(to);
            }
            if queue.lines > 0 {
                break;
            }
            if queue.closed {
                return None;
            }
            self.work.wait(&mut queue);
        }
        let full = queue.bytes.len() >= BATCH || queue.lines >= BATCH_LINES;
        if !full && queue.flushes == 0 && !queue.closed {
            self.work.wait_for(&mut queue, self.linger);
        }
        std::mem::swap(&mut queue.bytes, batch);
        Some(std::mem::take(&mut queue.lines))
    }

    /// Waits a moment for a place that takes nothing now; `false` when the writer was dropped meanwhile.
    fn pause(&self, pause: Duration) -> bool {
        let mut queue = self.queue.lock();
        if !queue.closed {
            self.work.wait_for(&mut queue, pause);
        }
        !queue.closed
    }
}

#[cfg(test)]
mod tests;
