//! The place that lines are written to: whole batches, what went wrong, and when it works again.

use std::io::{self, Write};
use std::time::Duration;

/// How long a place that takes nothing now (a non-blocking pipe) is left alone.
const PAUSE: Duration = Duration::from_millis(10);

/// What the owner of the lines is told, once for each change.
pub(in crate::telemetry) enum Report<'a> {
    /// Lines are being dropped.
    Failing(&'a io::Error),
    /// Lines are written again.
    Recovered,
    /// This many lines were dropped since the last such report, or since the start.
    Dropped(u64),
}

pub(super) struct Output {
    to: Box<dyn Write + Send>,
    report: Box<dyn Fn(&Report<'_>) + Send>,
    failing: bool,
    /// The last write ended within a line.
    torn: bool,
}

impl Output {
    pub(super) fn new(to: Box<dyn Write + Send>, report: Box<dyn Fn(&Report<'_>) + Send>) -> Self {
        Self { to, report, failing: false, torn: false }
    }

    pub(super) fn replace(&mut self, to: Box<dyn Write + Send>) {
        self.to = to;
        self.torn = false;
    }

    /// Writes a batch of lines; returns the number of those that were lost. `pause` waits, and says whether to go on.
    pub(super) fn write(&mut self, batch: &[u8], pause: impl Fn(Duration) -> bool) -> usize {
        if self.torn {
            // The rest of a broken line must not hold the first one after it.
            self.torn = write_all(&mut self.to, b"\n", &pause).is_err();
        }
        match write_all(&mut self.to, batch, &pause) {
            Ok(()) => {
                self.recovered();
                0
            }
            Err((written, error)) => {
                self.torn |= written > 0 && batch.get(written - 1) != Some(&b'\n');
                self.failed(&error);
                batch.get(written..).unwrap_or_default().iter().filter(|byte| **byte == b'\n').count()
            }
        }
    }

    pub(super) fn report(&self, report: &Report<'_>) {
        (self.report)(report);
    }

    fn failed(&mut self, error: &io::Error) {
        if !std::mem::replace(&mut self.failing, true) {
            self.report(&Report::Failing(error));
        }
    }

    fn recovered(&mut self) {
        if std::mem::take(&mut self.failing) {
            self.report(&Report::Recovered);
        }
    }
}

/// `Write::write_all`, but it says how much was written, and it is patient with a place that would block.
fn write_all(to: &mut dyn Write, bytes: &[u8], pause: impl Fn(Duration) -> bool) -> Result<(), (usize, io::Error)> {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match to.write(rest) {
            Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && pause(PAUSE) => (),
            Err(error) => return Err((written, error)),
        }
    }
    Ok(())
}
