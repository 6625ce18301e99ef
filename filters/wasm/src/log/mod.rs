//! The lines that guests write: escaped, limited in their rate, named by function, version and request.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tracing::{debug, error, info, trace, warn};

use crate::stream::Stream;

/// Target of the lines. Their level is the function's own, so whoever filters logs lets all of them pass.
pub(crate) const TARGET: &str = "outrigger::guest";

/// Lines that a function may write in one window (contract §8).
const MAX_LINES: u32 = 1_000;
const WINDOW: Duration = Duration::from_secs(1);
/// Bytes of a message that are kept: container runtimes cut lines there too.
pub(crate) const MAX_MESSAGE: usize = 16 << 10;
/// Bytes of a request id that are kept; it is what a client sent, and a UUID has 36.
const MAX_REQUEST_ID: usize = 128;

/// How urgent a guest's line is (ABI "proxy_log_level_t").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// `trace`
    Trace = 0,
    /// `debug`
    Debug = 1,
    /// `info`
    Info = 2,
    /// `warn`
    Warn = 3,
    /// `error`
    Error = 4,
    /// `critical`; logs have no such level, so it is written as an error.
    Critical = 5,
}

impl TryFrom<u32> for Level {
    type Error = ();

    fn try_from(number: u32) -> Result<Self, ()> {
        Ok(match number {
            0 => Self::Trace,
            1 => Self::Debug,
            2 => Self::Info,
            3 => Self::Warn,
            4 => Self::Error,
            5 => Self::Critical,
            _ => return Err(()),
        })
    }
}

impl FromStr for Level {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Ok(match name {
            "trace" => Self::Trace,
            "debug" => Self::Debug,
            "info" => Self::Info,
            "warn" => Self::Warn,
            "error" => Self::Error,
            "critical" => Self::Critical,
            _ => return Err(()),
        })
    }
}

/// The log of one version of a function.
pub(crate) struct GuestLog {
    level: AtomicU8,
    lines: Arc<Lines>,
}

/// What the task that reports dropped lines shares with the log.
struct Lines {
    function: Arc<str>,
    version: u64,
    rate: Mutex<Rate>,
}

/// The window that is running.
struct Rate {
    ends: Instant,
    left: u32,
    dropped: u64,
}

impl GuestLog {
    pub(crate) fn new(function: Arc<str>, version: u64, level: Level) -> Self {
        let rate = Mutex::new(Rate::begin(Instant::now()));
        Self { level: AtomicU8::new(level as u8), lines: Arc::new(Lines { function, version, rate }) }
    }

    /// The level below which lines are dropped.
    pub(crate) fn level(&self) -> Level {
        // Only levels are stored; a number above them all could only mean the highest.
        Level::try_from(u32::from(self.level.load(Ordering::Relaxed))).unwrap_or(Level::Critical)
    }

    /// Changes the level; guests see it in their next `proxy_get_log_level`.
    pub(crate) fn set_level(&self, level: Level) {
        self.level.store(level as u8, Ordering::Relaxed);
    }

    /// Writes a line; `stream` is the one that the guest was working on.
    pub(crate) fn write(&self, level: Level, message: &[u8], stream: Option<&Stream>) {
        if level >= self.level() && self.lines.admit() {
            let request_id = stream.and_then(request_id);
            self.lines.emit(level, &escape(message, MAX_MESSAGE), request_id.as_deref());
        }
    }
}

impl Lines {
    /// Whether one more line may be written now.
    fn admit(self: &Arc<Self>) -> bool {
        let mut rate = self.rate.lock();
        let now = Instant::now();
        let unreported = rate.roll(now);
        let admitted = rate.take();
        let (first_dropped, ends) = (!admitted && rate.dropped == 1, rate.ends);
        drop(rate);
        self.report(unreported);
        if let (true, Ok(runtime)) = (first_dropped, Handle::try_current()) {
            runtime.spawn(Arc::clone(self).report_at(ends));
        }
        admitted
    }

    /// Reports what a window dropped even if the guest writes nothing more.
    async fn report_at(self: Arc<Self>, end: Instant) {
        tokio::time::sleep_until(end).await;
        let dropped = self.rate.lock().roll(end);
        self.report(dropped);
    }

    fn report(&self, dropped: u64) {
        if dropped > 0 {
            self.emit(Level::Warn, &format!("{dropped} log lines of the function were dropped"), None);
        }
    }

    fn emit(&self, level: Level, message: &str, request_id: Option<&str>) {
        let Self { function, version, .. } = self;
        macro_rules! event {
            ($event:ident) => {
                $event!(target: TARGET, %function, version, request_id, "{message}")
            };
        }
        match level {
            Level::Trace => event!(trace),
            Level::Debug => event!(debug),
            Level::Info => event!(info),
            Level::Warn => event!(warn),
            Level::Error | Level::Critical => event!(error),
        }
    }
}

impl Rate {
    fn begin(now: Instant) -> Self {
        Self { ends: now + WINDOW, left: MAX_LINES, dropped: 0 }
    }

    /// Begins the next window if this one is over. Gives the lines that it dropped, once.
    fn roll(&mut self, now: Instant) -> u64 {
        if now < self.ends {
            return 0;
        }
        std::mem::replace(self, Self::begin(now)).dropped
    }

    fn take(&mut self) -> bool {
        let admitted = self.left > 0;
        self.left = self.left.saturating_sub(1);
        self.dropped += u64::from(!admitted);
        admitted
    }
}

fn request_id(stream: &Stream) -> Option<String> {
    let id = stream.request_id.as_ref()?;
    Some(escape(id.as_bytes(), MAX_REQUEST_ID).into_owned())
}

/// Makes one line of any bytes: control characters and what is not UTF-8 become `\xNN`; behind `max` bytes it is cut.
pub(crate) fn escape(bytes: &[u8], max: usize) -> Cow<'_, str> {
    let kept = cut(bytes, max);
    match std::str::from_utf8(kept) {
        Ok(text) if kept.len() == bytes.len() && !text.contains(char::is_control) => return text.into(),
        _ => (),
    }
    let mut line = String::with_capacity(kept.len() + 16);
    for chunk in kept.utf8_chunks() {
        chunk.valid().chars().for_each(|char| push(&mut line, char));
        push_bytes(&mut line, chunk.invalid());
    }
    if kept.len() < bytes.len() {
        line.push('…');
    }
    line.into()
}

/// At most `max` bytes, none of a character that does not fit.
fn cut(bytes: &[u8], max: usize) -> &[u8] {
    if bytes.len() <= max {
        return bytes;
    }
    // A character has up to three bytes behind its first one.
    let end = (max.saturating_sub(3)..=max).rev().find(|at| bytes[*at] & 0xC0 != 0x80);
    &bytes[..end.unwrap_or(max)]
}

fn push(line: &mut String, char: char) {
    if char.is_control() {
        push_bytes(line, char.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        line.push(char);
    }
}

fn push_bytes(line: &mut String, bytes: &[u8]) {
    for byte in bytes {
        line.push_str(&format!("\\x{byte:02X}"));
    }
}

#[cfg(test)]
pub(crate) mod tests;
