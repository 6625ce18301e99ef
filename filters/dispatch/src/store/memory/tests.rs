//! A memory store, with the time passed in.

use super::*;

fn memory(max_bytes: u64) -> Memory {
    Memory::new("test", "", MemorySettings { max_bytes, ..MemorySettings::default() }).unwrap()
}

fn run_at(memory: &Memory, now: Instant, line: &str) -> Result<Reply, Reason> {
    let mut words = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes()));
    let name = words.next().unwrap();
    memory.run(&Command::new(std::str::from_utf8(&name).unwrap(), words), now).map_err(|error| error.reason)
}

fn check(memory: &Memory, line: &str, expected: Result<Reply, Reason>) {
    assert_eq!(run_at(memory, Instant::now(), line), expected, "{line}");
}

fn text(text: &'static str) -> Result<Reply, Reason> {
    Ok(Reply::text(text))
}

fn number(number: i64) -> Result<Reply, Reason> {
    Ok(Reply::Integer(number))
}

#[test]
fn values_are_kept_counted_and_deleted() {
    let memory = memory(1000);
    check(&memory, "GET a", Ok(Reply::Nil));
    check(&memory, "SET a 1", text("OK"));
    check(&memory, "get a", text("1"));
    check(&memory, "SET a 2 nx", Ok(Reply::Nil));
    check(&memory, "SET b 5 NX", text("OK"));
    check(&memory, "INCRBY a -3", number(-2));
    check(&memory, "INCRBY new 7", number(7));
    check(&memory, "MGET a c b", Ok(Reply::List(vec![Reply::text("-2"), Reply::Nil, Reply::text("5")])));
    check(&memory, "EXISTS a a c", number(2));
    check(&memory, "DEL a a c", number(1));
    check(&memory, "GET a", Ok(Reply::Nil));
}

#[test]
fn keys_expire_with_the_time_that_is_passed_in() {
    let (memory, start) = (memory(1000), Instant::now());
    let at = |millis| start + Duration::from_millis(millis);
    assert_eq!(run_at(&memory, start, "SET a 1 EX 10"), text("OK"));
    assert_eq!(run_at(&memory, at(400), "TTL a"), number(10));
    assert_eq!(run_at(&memory, at(600), "TTL a"), number(9));
    assert_eq!(run_at(&memory, at(600), "INCRBY a 1"), number(2));
    assert_eq!(run_at(&memory, at(9_999), "GET a"), text("2"));
    assert_eq!(run_at(&memory, at(10_000), "GET a"), Ok(Reply::Nil));
    assert_eq!(run_at(&memory, at(10_000), "TTL a"), number(-2));
    assert_eq!(run_at(&memory, at(10_000), "SET a 1"), text("OK"));
    assert_eq!(run_at(&memory, at(10_000), "TTL a"), number(-1));
    assert_eq!(run_at(&memory, at(10_000), "EXPIRE a 1"), number(1));
    assert_eq!(run_at(&memory, at(11_000), "EXISTS a"), number(0));
    assert_eq!(run_at(&memory, at(11_000), "EXPIRE a 1"), number(0));
}

#[test]
fn a_time_that_is_over_removes_the_key_and_one_out_of_range_is_an_error() {
    let memory = memory(1000);
    check(&memory, "SET a 1", text("OK"));
    check(&memory, "EXPIRE a 9223372036854775807", Err(Reason::Other));
    check(&memory, "SET a 1 EX 0", Err(Reason::Other));
    check(&memory, "EXPIRE a -1", number(1));
    check(&memory, "GET a", Ok(Reply::Nil));
}

#[test]
fn what_it_does_not_know_is_an_error_of_the_other_kind() {
    let memory = memory(1000);
    check(&memory, "SET word abc", text("OK"));
    check(&memory, "SET high 9223372036854775807", text("OK"));
    for line in ["HGET a b", "PING", "GET", "GET a b", "SET a", "SET a 1 PX 5", "INCRBY word 1", "INCRBY high 1"] {
        check(&memory, line, Err(Reason::Other));
    }
}

#[test]
fn a_full_store_refuses_writes_until_something_expires_or_goes() {
    let (memory, start) = (memory(3 * (ENTRY + 2)), Instant::now());
    for line in ["SET a 1", "SET b 1 EX 1", "SET c 1"] {
        assert_eq!(run_at(&memory, start, line), text("OK"));
    }
    assert_eq!(run_at(&memory, start, "SET d 1"), Err(Reason::Oom));
    assert_eq!(run_at(&memory, start, "SET a 12"), Err(Reason::Oom));
    assert_eq!(run_at(&memory, start, "SET a 2"), text("OK"));
    assert_eq!(run_at(&memory, start + Duration::from_secs(1), "SET d 1"), text("OK"));
    assert_eq!(run_at(&memory, start, "DEL a c"), number(2));
    assert_eq!(run_at(&memory, start, "SET e 1"), text("OK"));
    let held: u64 = memory.table.lock().entries.iter().map(|(key, entry)| size(key, &entry.value)).sum();
    assert_eq!(memory.table.lock().bytes, held);
}

#[test]
fn a_seed_must_fit() {
    let seed = BTreeMap::from([("book1".to_owned(), "100".to_owned())]);
    let settings = |max_bytes| MemorySettings { seed: seed.clone(), max_bytes };
    let memory = Memory::new("test", "team:", settings(ENTRY + 13)).unwrap();
    check(&memory, "GET team:book1", text("100"));
    assert!(matches!(Memory::new("test", "team:", settings(ENTRY + 12)), Err(Error::Seed { .. })));
}
