//! An exchange as a line of text.

use std::io::Write;

use super::super::timestamp;
use super::field::{Facts, Value};
use super::format::{Piece, Pieces};

/// Appends the line, without its line feed.
pub(super) fn render(pieces: &Pieces, facts: &Facts<'_>, line: &mut Vec<u8>) {
    for piece in &pieces.0 {
        match piece {
            Piece::Text(text) => line.extend_from_slice(text.as_bytes()),
            Piece::Field(field, limit) => push(field.of(facts), *limit, line),
        }
    }
}

fn push(value: Value<'_>, limit: Option<usize>, line: &mut Vec<u8>) {
    match value {
        Value::Unset => line.push(b'-'),
        Value::Text(text) => escape(text.get(..limit.unwrap_or(text.len())).unwrap_or(text), line),
        Value::Number(number) => push_number(number, line),
        Value::Time(time) => timestamp::push(line, time),
        Value::Address(address) => write!(line, "{address}").expect("a Vec takes every byte"),
        Value::List(items) => push_list(items, line),
    }
}

fn push_list(items: &[&str], line: &mut Vec<u8>) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            line.push(b',');
        }
        escape(item.as_bytes(), line);
    }
}

/// Appends a number in decimal.
pub(super) fn push_number(number: u64, line: &mut Vec<u8>) {
    line.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends text in which nothing can end a quotation or a line, or move a terminal's cursor: quotes, backslashes and
/// everything that is not printable ASCII become `\xNN`.
fn escape(text: &[u8], line: &mut Vec<u8>) {
    if all_plain(text) {
        return line.extend_from_slice(text); // almost always
    }
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| !is_plain(*byte)) {
        let (plain, others) = rest.split_at(at);
        line.extend_from_slice(plain);
        if let Some((byte, behind)) = others.split_first() {
            line.extend_from_slice(b"\\x");
            line.extend(hex(*byte));
            rest = behind;
        }
    }
    line.extend_from_slice(rest);
}

/// Whether text needs no escape. It looks at every byte: without an early way out the loop compiles to vector code.
pub(super) fn all_plain(text: &[u8]) -> bool {
    text.iter().fold(true, |plain, byte| plain & is_plain(*byte))
}

fn is_plain(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte) & (byte != b'"') & (byte != b'\\')
}

/// A byte as two digits.
pub(super) fn hex(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}
