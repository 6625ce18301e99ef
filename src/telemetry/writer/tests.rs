use std::io::{Read, Write};

use super::*;

const LONG: Duration = Duration::from_secs(10);

fn counter() -> IntCounter {
    IntCounter::new("dropped", "for a test").unwrap()
}

fn writer(to: impl Write + Send + 'static, dropped: &IntCounter) -> Writer {
    Writer::start("test", to, Duration::from_millis(50), dropped.clone(), |_| ()).unwrap()
}

#[test]
fn lines_arrive_in_their_order_and_in_full() {
    let (mut reader, pipe) = io::pipe().unwrap();
    let dropped = counter();
    let writer = writer(pipe, &dropped);
    let expected: String = (0..5000).map(|number| format!("line {number}\n")).collect();
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    for line in expected.split_inclusive('\n') {
        writer.push(line.as_bytes());
    }
    drop(writer); // ends the thread after what it has, and with it the pipe
    assert_eq!(reading.join().unwrap(), expected);
    assert_eq!(dropped.get(), 0);
}

#[test]
fn a_line_leaves_without_a_flush_within_a_tenth_of_a_second() {
    let (mut reader, pipe) = io::pipe().unwrap();
    let writer = writer(pipe, &counter());
    let times = (0..10).map(|_| {
        let started = Instant::now();
        writer.push(b"hello\n");
        let mut line = [0; 6];
        reader.read_exact(&mut line).unwrap();
        assert_eq!(&line, b"hello\n");
        started.elapsed()
    });
    let best = times.min().unwrap(); // the others may have had a busy machine
    assert!(best < Duration::from_millis(100), "{best:?}");
}

#[test]
fn a_reader_that_never_reads_costs_lines_and_never_the_caller() {
    let (reader, pipe) = io::pipe().unwrap();
    let dropped = counter();
    let writer = writer(pipe, &dropped);
    let line = [b'x'; 256];
    let started = Instant::now();
    for _ in 0..100_000 {
        writer.push(&line);
    }
    assert!(started.elapsed() < LONG, "{:?}", started.elapsed());
    // At most what waits, what is in the thread's hands, and what the pipe holds, was not dropped.
    assert!(dropped.get() >= 100_000 - 2 * MAX_LINES as u64 - 1024, "{} dropped", dropped.get());
    assert!(!writer.flush(Duration::from_millis(20)));
    drop(reader);
}

#[test]
fn waiting_bytes_are_bounded_too() {
    let (_reader, pipe) = io::pipe().unwrap();
    let dropped = counter();
    let writer = writer(pipe, &dropped);
    let line = vec![b'x'; 60 << 10];
    for _ in 0..1000 {
        writer.push(&line);
    }
    let waiting = writer.shared.queue.lock().bytes.len();
    assert!(waiting <= MAX_BYTES, "{waiting} bytes wait");
    assert!(dropped.get() > 800, "{} dropped", dropped.get());
}

/// Takes `room` bytes, then fails like a full disk until there is more room.
struct Disk(Arc<Mutex<(usize, Vec<u8>)>>);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (room, content) = &mut *self.0.lock();
        let count = bytes.len().min(*room);
        if count == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        *room -= count;
        content.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_drops_lines_and_the_log_goes_on_when_there_is_room_again() {
    let disk = Arc::new(Mutex::new((9, Vec::new())));
    let dropped = counter();
    let reports = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&reports);
    let report = move |report: &Report<'_>| {
        told.lock().push(match report {
            Report::Failing(error) => error.kind().to_string(),
            Report::Recovered => "recovered".to_owned(),
            Report::Dropped(lines) => format!("{lines} dropped"),
        });
    };
    let writer = Writer::start("test", Disk(Arc::clone(&disk)), Duration::ZERO, dropped.clone(), report).unwrap();
    for line in [b"one..\n", b"two..\n", b"three\n"] {
        writer.push(line);
        assert!(writer.flush(LONG));
    }
    assert_eq!(dropped.get(), 2);
    disk.lock().0 = 100;
    writer.push(b"four.\n");
    assert!(writer.flush(LONG));
    assert_eq!(String::from_utf8_lossy(&disk.lock().1), "one..\ntwo\nfour.\n");
    assert_eq!(*reports.lock(), ["no storage space", "1 dropped", "1 dropped", "recovered"]);
    assert_eq!(dropped.get(), 2);
}

#[test]
fn lines_after_a_reopen_go_to_the_new_place() {
    let (mut old, pipe) = io::pipe().unwrap();
    let writer = writer(pipe, &counter());
    writer.push(b"before\n");
    assert!(writer.flush(LONG));
    let (mut new, pipe) = io::pipe().unwrap();
    writer.reopen(pipe);
    writer.push(b"after\n");
    let mut text = String::new();
    old.read_to_string(&mut text).unwrap(); // ends because the old pipe was let go
    assert_eq!(text, "before\n");
    drop(writer);
    text.clear();
    new.read_to_string(&mut text).unwrap();
    assert_eq!(text, "after\n");
}
