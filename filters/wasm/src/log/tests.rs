use std::fmt::Debug;

use chain::{Connection, Exchange};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Metadata, Subscriber};

use super::*;
use crate::signal::Signal;

/// Keeps each event as `LEVEL field=value…`.
#[derive(Clone, Default)]
pub(crate) struct Capture(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }
}

impl Subscriber for Capture {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().push(line.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Capture {
    pub(crate) fn start() -> (Self, DefaultGuard) {
        let capture = Self::default();
        let guard = tracing::subscriber::set_default(capture.clone());
        (capture, guard)
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().clone()
    }
}

fn log(level: Level) -> GuestLog {
    GuestLog::new("f".into(), 3, level)
}

fn stream(request_id: &str) -> Stream {
    let address = "127.0.0.1:1".parse().unwrap();
    let connection = Connection { id: 1, listener: "l".into(), peer: address, local: address };
    let request = http::Request::builder().header("x-request-id", request_id).body(()).unwrap();
    let (head, ()) = request.into_parts();
    Stream::new(Exchange::new(Arc::new(connection), None, &head), Arc::new(Signal::default()), head)
}

#[test]
fn a_line_names_its_function_version_and_request() {
    let (capture, _guard) = Capture::start();
    let mut stream = stream("r-1");
    log(Level::Info).write(Level::Info, b"hello", Some(&stream));
    stream.request.head = None;
    log(Level::Info).write(Level::Warn, b"no head", Some(&stream));
    log(Level::Info).write(Level::Error, b"no stream", None);
    assert_eq!(
        capture.lines(),
        [
            "INFO message=hello function=f version=3 request_id=\"r-1\"",
            "WARN message=no head function=f version=3 request_id=\"r-1\"",
            "ERROR message=no stream function=f version=3",
        ]
    );
}

#[test]
fn the_level_can_be_changed_while_the_function_runs() {
    let (capture, _guard) = Capture::start();
    let log = log(Level::Warn);
    log.write(Level::Info, b"dropped", None);
    log.set_level(Level::Trace);
    assert_eq!(log.level(), Level::Trace);
    log.write(Level::Trace, b"seen", None);
    assert_eq!(capture.lines(), ["TRACE message=seen function=f version=3"]);
}

#[test]
fn levels_are_the_numbers_of_the_abi_and_have_names() {
    for (number, name) in ["trace", "debug", "info", "warn", "error", "critical"].into_iter().enumerate() {
        let level: Level = name.parse().unwrap();
        assert_eq!(level as usize, number);
        assert_eq!(Level::try_from(number as u32), Ok(level));
    }
    assert!(Level::try_from(6).is_err());
    assert!("INFO".parse::<Level>().is_err());
}

#[tokio::test(start_paused = true)]
async fn lines_over_the_rate_are_counted_and_reported_when_the_second_is_over() {
    let (capture, _guard) = Capture::start();
    let log = log(Level::Info);
    for _ in 0..MAX_LINES + 5 {
        log.write(Level::Info, b"x", None);
    }
    assert_eq!(capture.lines().len(), MAX_LINES as usize);
    // The guest writes nothing more, and the count is reported all the same.
    tokio::time::sleep(WINDOW * 2).await;
    let lines = capture.lines();
    assert_eq!(lines.len(), MAX_LINES as usize + 1);
    assert_eq!(lines.last().unwrap(), "WARN message=5 log lines of the function were dropped function=f version=3");
    log.write(Level::Info, b"again", None);
    tokio::time::sleep(WINDOW * 2).await;
    assert_eq!(capture.lines().len(), MAX_LINES as usize + 2);
}

#[test]
fn without_a_runtime_dropped_lines_are_reported_by_the_next_line() {
    let start = Instant::now();
    let mut rate = Rate::begin(start);
    let admitted = (0..MAX_LINES + 2).filter(|_| rate.take()).count();
    assert_eq!(admitted, MAX_LINES as usize);
    assert_eq!(rate.roll(start + WINDOW / 2), 0);
    assert_eq!(rate.roll(start + WINDOW), 2);
    assert!(rate.take());
    assert_eq!(rate.roll(start + WINDOW * 3), 0);
}

#[test]
fn any_bytes_become_one_line() {
    assert_eq!(escape("läuft".as_bytes(), 10), "läuft");
    assert_eq!(escape(b"a\nb\x1b[0m\xff\xc3", 100), "a\\x0Ab\\x1B[0m\\xFF\\xC3");
    assert_eq!(escape("\u{85}".as_bytes(), 10), "\\xC2\\x85");
}

#[test]
fn a_long_message_is_cut_between_characters() {
    assert_eq!(escape(b"abcdef", 6), "abcdef");
    assert_eq!(escape(b"abcdef", 3), "abc…");
    assert_eq!(escape("aäää".as_bytes(), 4), "aä…");
    assert_eq!(escape("😀😀".as_bytes(), 7), "😀…");
    assert_eq!(escape(&[0x80; 6], 5), format!("{}…", "\\x80".repeat(5)));
}
