//! Replies of any shape, in pieces of any size.

use proptest::prelude::*;

use super::*;

/// How far it reads, and why not further.
fn read(limit: u64, bytes: &[u8]) -> Result<(), (usize, Cut)> {
    Scanner::new(limit).read(bytes)
}

#[test]
fn a_reply_up_to_the_limit_passes_and_one_over_it_does_not() {
    assert_eq!(read(9, b"$3\r\nabc\r\n"), Ok(()));
    assert_eq!(read(8, b"$3\r\nabc\r\n"), Err((0, Cut::TooLarge)));
    assert_eq!(read(5, b"+OK\r\n:1\r\n-NO\r\n"), Ok(()));
    assert_eq!(read(5, b"+OK\r\n+NOT\r\n"), Err((5, Cut::TooLarge)));
}

#[test]
fn a_large_string_is_known_by_its_length_alone() {
    assert_eq!(read(1000, b"+OK\r\n$1000\r\n"), Err((5, Cut::TooLarge)));
    assert_eq!(read(1000, b"$18446744073709551615\r\n"), Err((0, Cut::TooLarge)));
    assert_eq!(read(1000, b"$99999999999999999999999\r\n"), Err((0, Cut::TooLarge)));
}

#[test]
fn a_large_list_is_known_by_its_count_alone() {
    assert_eq!(read(1000, b"*334\r\n"), Err((0, Cut::TooLarge)));
    assert_eq!(read(1000, b"%200\r\n"), Err((0, Cut::TooLarge)));
    assert_eq!(read(1000, b"*18446744073709551615\r\n"), Err((0, Cut::TooLarge)));
    assert_eq!(read(1000, b"%18446744073709551615\r\n"), Err((0, Cut::TooLarge)));
}

#[test]
fn a_line_that_never_ends_is_cut() {
    assert_eq!(read(1000, &[b'+'; 1001]), Err((0, Cut::TooLarge)));
}

#[test]
fn what_is_no_reply_is_cut() {
    for bytes in [&b"HTTP/1.1 400\r\n"[..], b"$x\r\n", b"$-2\r\n", b"$\r\n", b"$+1\r\n", b"*1 \r\n", b"*--1\r\n"] {
        assert_eq!(read(1000, bytes), Err((0, Cut::Malformed)), "{bytes:?}");
    }
    assert_eq!(read(1000, &b"*1\r\n".repeat(101)), Err((0, Cut::Malformed)));
}

#[test]
fn nil_and_empty_replies_are_whole() {
    assert_eq!(read(5, b"$-1\r\n*-1\r\n*0\r\n_\r\n%0\r\n>0\r\n+\r\n"), Ok(()));
    assert_eq!(read(6, b"$0\r\n\r\n+OK\r\n+OK\r\n+TOO\r\n+LONG\r\n"), Err((22, Cut::TooLarge)));
}

#[test]
fn what_follows_an_attribute_belongs_to_it() {
    assert_eq!(read(18, b"|1\r\n+a\r\n+b\r\n+c\r\n"), Ok(()));
    assert_eq!(read(15, b"|1\r\n+a\r\n+b\r\n+c\r\n"), Err((0, Cut::TooLarge)));
}

/// A reply of any shape, encoded.
fn reply() -> impl Strategy<Value = Vec<u8>> {
    let line = ("[-+:_,#(]", "[a-z0-9 ]{0,20}").prop_map(|(kind, text)| format!("{kind}{text}\r\n").into_bytes());
    let bytes = prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| {
        let mut encoded = format!("${}\r\n", bytes.len()).into_bytes();
        encoded.extend(bytes);
        encoded.extend(b"\r\n");
        encoded
    });
    let nil = Just(b"$-1\r\n".to_vec());
    prop_oneof![line, bytes, nil].prop_recursive(4, 32, 6, |inner| {
        (prop::sample::select(&b"*~>%|"[..]), prop::collection::vec(inner, 0..6)).prop_map(|(kind, values)| {
            // Maps hold pairs, and an attribute is followed by one value more.
            let (kind, count) = match (kind, values.len()) {
                (b'%', many) if many % 2 == 0 => (b'%', many / 2),
                (b'|', many) if many % 2 == 1 => (b'|', many / 2),
                (b'%' | b'|', many) => (b'*', many),
                (kind, many) => (kind, many),
            };
            let mut encoded = format!("{}{count}\r\n", char::from(kind)).into_bytes();
            encoded.extend(values.concat());
            encoded
        })
    })
}

proptest! {
    /// However the bytes arrive, all replies pass up to the first that is over the limit.
    #[test]
    fn replies_pass_up_to_the_first_too_large_one(
        replies in prop::collection::vec(reply(), 1..8),
        limit in 1u64..200,
        chunks in prop::collection::vec(1usize..30, 1..20),
    ) {
        let fits = |reply: &&Vec<u8>| reply.len() as u64 <= limit;
        let expected: usize = replies.iter().take_while(fits).map(Vec::len).sum();
        let all = replies.concat();
        let (mut scanner, mut at, mut passed, mut cut) = (Scanner::new(limit), 0, 0, None);
        for chunk in chunks.iter().cycle() {
            let bytes = &all[at..all.len().min(at + chunk)];
            match scanner.read(bytes) {
                _ if bytes.is_empty() => break,
                Ok(()) => at += bytes.len(),
                Err((whole, why)) => {
                    // Bytes of the cut reply may have passed in earlier chunks, but never its end.
                    passed = at.max(at + whole);
                    cut = Some(why);
                    break;
                }
            }
        }
        if expected == all.len() {
            prop_assert_eq!((cut, at), (None, all.len()));
        } else {
            prop_assert_eq!(cut, Some(Cut::TooLarge));
            let first_too_large = replies.iter().find(|reply| !fits(reply)).unwrap();
            prop_assert!((expected..expected + first_too_large.len()).contains(&passed), "{} {}", expected, passed);
        }
    }

    #[test]
    fn no_bytes_make_it_panic_or_let_more_through_than_the_limit(
        bytes in prop::collection::vec(prop::sample::select(&b"+-:$*%|~>_=!(,#0123456789\r\nab"[..]), 0..300),
        limit in 1u64..50,
    ) {
        let mut scanner = Scanner::new(limit);
        for byte in bytes {
            if scanner.read(&[byte]).is_err() {
                break;
            }
            prop_assert!(scanner.size <= limit);
            prop_assert!(scanner.open.len() <= MAX_DEPTH);
        }
    }
}
