//! `${NAME}`, `${NAME:-default}` and `$$` in the string values of a document.
//!
//! Keys are left alone, and so are bodies that come over the network: those must not be able to read the environment.

use super::scalar::resolve;
use super::tree::{Kind, Mark, Node, Written};
use crate::config::place::Place;
use crate::config::problem::Problem;

/// Gives the value of an environment variable.
pub(in crate::config) type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The variables of this process. One whose value is not UTF-8 counts as unset.
pub(in crate::config) fn process_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Replaces every reference in the tree; a reference that cannot be resolved is a problem and stays as it is.
pub(in crate::config) fn replace(tree: &mut Node, text: &str, variables: Variables) -> Vec<Problem> {
    let mut walk = Walk { lines: text.lines().collect(), variables, problems: Vec::new() };
    walk.node(tree, &Place::default());
    walk.problems
}

struct Walk<'a> {
    lines: Vec<&'a str>,
    variables: Variables<'a>,
    problems: Vec<Problem>,
}

impl Walk<'_> {
    fn node(&mut self, node: &mut Node, place: &Place) {
        match &mut node.kind {
            Kind::List(list) => {
                for (nth, element) in list.iter_mut().enumerate() {
                    self.node(element, &place.index(nth));
                }
            }
            Kind::Map(map) => {
                for entry in map {
                    self.node(&mut entry.value, &place.key(&entry.key));
                }
            }
            Kind::Text(text) if text.contains('$') => match expand(text, self.variables) {
                Ok(expanded) if expanded != *text => put(node, expanded),
                Ok(_) => {}
                Err(refused) => self.refuse(refused, node.mark, place),
            },
            _ => {}
        }
    }

    fn refuse(&mut self, refused: Refused, mark: Option<Mark>, place: &Place) {
        let mut problem = Problem::new(place.clone(), refused.message).hint(refused.hint);
        if let Some(mark) = mark {
            let Mark { line, column } = self.find(&refused.reference, mark);
            problem = problem.at(line, column);
        }
        self.problems.push(problem);
    }

    /// Where the reference stands: on the line where its value begins, or on one of the next in a block of text.
    fn find(&self, reference: &str, begins: Mark) -> Mark {
        for (nth, line) in self.lines.iter().enumerate().skip(begins.line - 1).take(MAX_BLOCK) {
            let skip = if nth + 1 == begins.line { begins.column - 1 } else { 0 };
            let from = line.char_indices().nth(skip).map_or(line.len(), |(at, _)| at);
            if let Some(at) = line[from..].find(reference) {
                return Mark { line: nth + 1, column: line[..from + at].chars().count() + 1 };
            }
        }
        begins
    }
}

/// Lines of a block of text that are searched for a reference.
const MAX_BLOCK: usize = 1000;

/// A whole unquoted value is what its replacement looks like; a quoted one stays a string that may be read as a number.
fn put(node: &mut Node, expanded: String) {
    if matches!(node.written, Written::Plainly(_)) {
        node.kind = resolve(&expanded);
        node.written = Written::Plainly(expanded);
    } else {
        node.kind = Kind::Text(expanded);
        node.written = Written::Replaced;
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Refused {
    reference: String,
    message: String,
    hint: String,
}

fn expand(text: &str, variables: Variables) -> Result<String, Refused> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("$$") {
            expanded.push('$');
            rest = after;
        } else if rest.starts_with("${") {
            let (value, after) = reference(rest, variables)?;
            expanded.push_str(&value);
            rest = after;
        } else {
            expanded.push('$');
            rest = &rest[1..];
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// The value of the reference that `text` begins with, and what follows it.
fn reference<'t>(text: &'t str, variables: Variables) -> Result<(String, &'t str), Refused> {
    let refuse = |reference: &str, message: String, hint: &str| {
        Err(Refused { reference: reference.to_owned(), message, hint: hint.to_owned() })
    };
    let Some(end) = text.find('}') else {
        return refuse("${", "`${` has no closing `}`".into(), "write `$$` for a dollar that starts no variable");
    };
    let (whole, after) = text.split_at(end + 1);
    let inner = &whole[2..end];
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if name.is_empty() || !letters || name.as_bytes()[0].is_ascii_digit() {
        return refuse(
            whole,
            format!("`{whole}` names no environment variable"),
            "the forms are `${NAME}` and `${NAME:-default}`; write `$$` for a dollar",
        );
    }
    match (variables(name), default) {
        (Some(value), Some(default)) if value.is_empty() => Ok((default.to_owned(), after)),
        (Some(value), _) => Ok((value, after)),
        (None, Some(default)) => Ok((default.to_owned(), after)),
        (None, None) => refuse(
            whole,
            format!("the environment variable `{name}` is not set"),
            &format!("set it, or give a default: `${{{name}:-default}}`"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(name: &str) -> Option<String> {
        match name {
            "PORT" => Some("8080".into()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    }

    #[test]
    fn references_are_replaced() {
        for (text, becomes) in [
            ("127.0.0.1:${PORT}", "127.0.0.1:8080"),
            ("${PORT:-1}", "8080"),
            ("${NONE:-1}", "1"),
            ("${NONE:-}", ""),
            ("${EMPTY}", ""),
            ("${EMPTY:-1}", "1"),
            ("$${PORT}", "${PORT}"),
            ("a$$b $c", "a$b $c"),
            ("${PORT}${PORT}", "80808080"),
            ("$", "$"),
            ("${NONE:-a:-b}", "a:-b"),
        ] {
            assert_eq!(expand(text, &variables).as_deref(), Ok(becomes), "{text}");
        }
    }

    #[test]
    fn a_replacement_is_not_read_again() {
        let nested = |_: &str| Some("${PORT} $$".to_owned());
        assert_eq!(expand("${A}", &nested).as_deref(), Ok("${PORT} $$"));
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for text in ["${NONE}", "${}", "${A B}", "${1A}", "${A", "${ü}"] {
            assert!(expand(text, &variables).is_err(), "{text}");
        }
    }
}
