//! Commands, patterns, and what the server itself says about them.

use super::*;

fn command(line: &str) -> Command {
    let mut words = line.split(' ');
    let name = words.next().unwrap();
    Command::new(name, words.map(|word| Bytes::copy_from_slice(word.as_bytes())))
}

fn strings<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

fn prefixed(line: &str) -> String {
    let command = command(line).with_prefix(b"p:").unwrap();
    let words = command.arguments().iter().map(|argument| std::str::from_utf8(argument).unwrap());
    [command.name()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_prefix_stands_before_keys_alone() {
    assert_eq!(prefixed("set k v NX"), "SET p:k v NX");
    assert_eq!(prefixed("MGET a b"), "MGET p:a p:b");
    assert_eq!(prefixed("MSET a 1 b 2"), "MSET p:a 1 p:b 2");
    assert_eq!(prefixed("HSET h f v"), "HSET p:h f v");
    assert_eq!(prefixed("SMOVE a b m"), "SMOVE p:a p:b m");
    assert_eq!(prefixed("PING hello"), "PING hello");
    assert_eq!(prefixed("GET"), "GET");
}

#[test]
fn a_command_with_unknown_keys_runs_without_prefix_and_patterns_alone() {
    let eval = command("EVAL script 1 k");
    assert!(eval.clone().with_prefix(b"p:").is_err());
    assert_eq!(eval.clone().with_prefix(b""), Ok(eval.clone()));
    assert!(KeyPatterns::new(&strings(["*"])).unwrap().check(&eval).is_ok());
    assert!(KeyPatterns::new(&strings(["k*"])).unwrap().check(&eval).is_err());
}

#[test]
fn commands_are_permitted_by_default_by_name_or_besides() {
    let default = Allowed::new(None, &[]).unwrap();
    let listed = Allowed::new(Some(&strings(["get"])), &strings(["zrank"])).unwrap();
    let more = Allowed::new(None, &strings(["ZRANK"])).unwrap();
    let allowed = |allowed: &Allowed| ["GET", "set", "zrank"].map(|name| allowed.check(&command(name)).is_ok());
    assert_eq!(allowed(&default), [true, true, false]);
    assert_eq!(allowed(&listed), [true, false, true]);
    assert_eq!(allowed(&more), [true, true, true]);
}

#[test]
fn no_default_command_is_one_that_never_runs_or_hides_its_keys() {
    for name in DEFAULT {
        assert!(!NEVER.contains(name), "{name}");
        assert_ne!(keys_of(name), Keys::Unknown, "{name}");
    }
    assert_eq!(DEFAULT.len(), 59);
}

#[test]
fn patterns_match_whole_keys_of_any_bytes() {
    let patterns = KeyPatterns::new(&strings(["user:*", "[ab]?", "x\\*"])).unwrap();
    let check = |key: &'static [u8]| patterns.check(&Command::new("GET", [Bytes::from_static(key)])).is_ok();
    for key in [&b"user:"[..], b"user:1/2", b"user:\xff\n\0", b"a1", b"x*"] {
        assert!(check(key), "{key:?}");
    }
    for key in [&b"user"[..], b"my user:1", b"a", b"c1", b"xy", b""] {
        assert!(!check(key), "{key:?}");
    }
}

/// What the server itself says about a command.
struct Info {
    name: String,
    flags: Vec<String>,
    /// First key, last key, step; counted with the name.
    keys: (i64, i64, i64),
    categories: Vec<String>,
}

fn infos() -> Vec<Info> {
    let server = crate::server::RedisServer::start();
    let rows: Vec<Vec<::redis::Value>> = ::redis::cmd("COMMAND").query(&mut server.client()).unwrap();
    let info = |row: &[::redis::Value]| Info {
        name: ::redis::from_redis_value::<String>(row[0].clone()).unwrap().to_ascii_uppercase(),
        flags: ::redis::from_redis_value(row[2].clone()).unwrap(),
        keys: [3, 4, 5].map(|at: usize| ::redis::from_redis_value::<i64>(row[at].clone()).unwrap()).into(),
        categories: ::redis::from_redis_value(row[6].clone()).unwrap(),
    };
    rows.iter().map(|row| info(row)).collect()
}

#[test]
fn the_server_agrees_about_every_key_position() {
    let infos = infos();
    for info in &infos {
        let expected = match keys_of(&info.name) {
            Keys::Unknown => continue,
            Keys::None => (0, 0, 0),
            Keys::First => (1, 1, 1),
            Keys::FirstTwo => (1, 2, 1),
            Keys::All => (1, -1, 1),
            Keys::EveryOther => (1, -1, 2),
        };
        assert_eq!(info.keys, expected, "{}", info.name);
        assert!(!info.flags.iter().any(|flag| flag == "movablekeys"), "{}", info.name);
    }
    for name in DEFAULT {
        assert!(infos.iter().any(|info| info.name == *name), "{name}");
    }
}

#[test]
fn whatever_blocks_or_changes_a_connection_never_runs() {
    let harmless = ["PING", "ECHO", "COMMAND", "PUBLISH", "SPUBLISH"];
    for info in infos() {
        let of_connection = info.flags.iter().any(|flag| flag == "blocking")
            || ["@connection", "@transaction", "@pubsub"]
                .iter()
                .any(|category| info.categories.iter().any(|of| of == category));
        if of_connection && !harmless.contains(&info.name.as_str()) {
            assert!(Allowed::new(None, std::slice::from_ref(&info.name)).is_err(), "{}", info.name);
        }
    }
}
