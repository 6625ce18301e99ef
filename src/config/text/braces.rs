//! Lets `{address: ${ADDRESS}}` be written: to YAML the braces of a variable would be those of a mapping.
//!
//! They are swapped for two letters that nobody uses before YAML is read, one for one, so that every column stays what
//! it was, and swapped back in what was read.

use std::borrow::Cow;

/// From Unicode's private use area, so that no text means anything by them.
const OPEN: char = '\u{f8f0}';
const CLOSE: char = '\u{f8f1}';

/// The text with the braces of its variables swapped.
pub(super) fn swap(text: &str) -> Cow<'_, str> {
    if !text.contains("${") || text.contains([OPEN, CLOSE]) {
        return text.into();
    }
    let mut swapped = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        swapped.push_str(&rest[..at]);
        rest = &rest[at + 2..];
        let inner = &rest[..variable(rest)];
        match rest[inner.len()..].strip_prefix('}') {
            Some(after) => {
                swapped.extend(['$', OPEN]);
                swapped.push_str(inner);
                swapped.push(CLOSE);
                rest = after;
            }
            None => swapped.push_str("${"),
        }
    }
    swapped.push_str(rest);
    swapped.into()
}

/// What `swap` has swapped, as it was.
pub(super) fn swap_back(text: String) -> String {
    if text.contains(OPEN) { text.replace(OPEN, "{").replace(CLOSE, "}") } else { text }
}

/// How many bytes of the text a variable's name and default take.
fn variable(text: &str) -> usize {
    let name = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    match text[name..].strip_prefix(":-") {
        Some(default) => name + 2 + default.find(['{', '}', '"', '\'', '\n']).unwrap_or(default.len()),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_braces_of_variables_are_swapped() {
        for (text, swapped) in [
            ("{a: ${B}}", "{a: $<B>}"),
            ("{a: ${B:-c/d}, e: ${F}}", "{a: $<B:-c/d>, e: $<F>}"),
            ("{a: \"${\", b: c}", "{a: \"${\", b: c}"),
            ("{a: ${B", "{a: ${B"),
            ("{a: \"${B\"}", "{a: \"${B\"}"),
            ("${}", "$<>"),
        ] {
            let shown = swap(text).replace(OPEN, "<").replace(CLOSE, ">");
            assert_eq!(shown, swapped);
            assert_eq!(swap_back(swap(text).into_owned()), text);
        }
    }
}
