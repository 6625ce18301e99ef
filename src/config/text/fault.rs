//! The error that reading a tree into a type ends with: what serde found, turned into a problem.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use super::tree::Mark;
use crate::config::nearest::{listed, nearest};
use crate::config::place::{Place, Step};
use crate::config::problem::Problem;

/// What one `Deserialize` refused, and on its way up, where.
#[derive(Debug)]
pub(super) struct Fault {
    /// Innermost step first.
    steps: Vec<Step>,
    mark: Option<Mark>,
    message: String,
    hint: Option<String>,
    /// The key whose absence is the fault.
    pub(super) missing: Option<&'static str>,
}

/// Separates the message from the hint in errors that pass through serde, whose errors have no hint.
const HINT: &str = "\nhint: ";

/// An error of a `Deserialize` with a hint; in other formats than ours the hint follows the message.
pub(in crate::config) fn refuse<E: de::Error>(message: impl Display, hint: impl Display) -> E {
    E::custom(format!("{message}{HINT}{hint}"))
}

impl Fault {
    fn new(message: impl Into<String>, hint: Option<String>) -> Self {
        Self { steps: Vec::new(), mark: None, message: message.into(), hint, missing: None }
    }

    /// The fault lies inside this step; the innermost mark is kept.
    pub(super) fn inside(mut self, step: Step, mark: Option<Mark>) -> Self {
        self.steps.push(step);
        self.within(mark)
    }

    /// The fault lies inside what is here.
    pub(super) fn within(mut self, mark: Option<Mark>) -> Self {
        self.mark = self.mark.or(mark);
        self
    }

    pub(super) fn place(&self) -> Place {
        Place::from_steps(self.steps.iter().rev().cloned().collect())
    }

    pub(super) fn into_problem(self) -> Problem {
        let mut problem = Problem::new(self.place(), self.message);
        problem.hint = self.hint;
        match self.mark {
            Some(mark) => problem.at(mark.line, mark.column),
            None => problem,
        }
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        let text = message.to_string();
        match text.split_once(HINT) {
            Some((message, hint)) => Self::new(message, Some(hint.to_owned())),
            None => Self::new(text, None),
        }
    }

    fn invalid_type(found: Unexpected, expected: &dyn Expected) -> Self {
        let expected = plain(&expected.to_string()).to_owned();
        let hint = match found {
            Unexpected::Map if expected.starts_with("a list") => {
                Some("begin each entry of a list with `- `".to_owned())
            }
            Unexpected::Str("yes" | "on" | "y") if expected == TRUTH => Some("write `true`".to_owned()),
            Unexpected::Str("no" | "off" | "n") if expected == TRUTH => Some("write `false`".to_owned()),
            _ => None,
        };
        Self::new(format!("expected {expected}, found {}", described(&found)), hint)
    }

    fn invalid_value(found: Unexpected, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {}, found {length}", plain(&expected.to_string())), None)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("expected {}, found `{variant}`", one_of(expected)), did_you_mean(variant, expected))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        let hint = match (nearest(field, expected.iter().copied()), expected.is_empty()) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, true) => "remove it; no key is allowed here".to_owned(),
            (None, false) => format!("the keys here are {}", listed(&expected)),
        };
        Self::new(format!("unknown key `{field}`"), Some(hint))
    }

    fn missing_field(field: &'static str) -> Self {
        Self { missing: Some(field), ..Self::new(format!("the key `{field}` is missing"), None) }
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(format!("`{field}` is given twice"), None)
    }
}

const TRUTH: &str = "`true` or `false`";

fn did_you_mean(word: &str, known: &[&str]) -> Option<String> {
    nearest(word, known.iter().copied()).map(|near| format!("did you mean `{near}`?"))
}

/// `` `a`, `b` or `c` ``
fn one_of(words: &[&str]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [word] => format!("`{word}`"),
        [first @ .., last] => format!("{} or `{last}`", listed(first)),
    }
}

/// serde's and Rust's words for what is expected in words for whoever writes a configuration.
fn plain(expected: &str) -> &str {
    match expected {
        "a boolean" => TRUTH,
        "a sequence" => "a list",
        "a map" => "a mapping",
        "a string" | "a borrowed string" | "path string" | "string or map" => "a string",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number from 0 up",
        "a nonzero u32" | "a nonzero usize" | "a nonzero u64" => "a whole number from 1 up",
        derived if derived.starts_with("struct ") => "a mapping",
        derived if derived.starts_with("enum ") => "a word",
        other => other,
    }
}

fn described(found: &Unexpected) -> String {
    match found {
        Unexpected::Bool(value) => format!("`{value}`"),
        Unexpected::Unsigned(number) => format!("the number `{number}`"),
        Unexpected::Signed(number) => format!("the number `{number}`"),
        Unexpected::Float(number) => format!("the number `{number}`"),
        Unexpected::Str(text) => format!("`{}`", shortened(text)),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        Unexpected::Other(what) => (*what).to_owned(),
        other => other.to_string(),
    }
}

/// At most 60 characters of a text that a message repeats.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}
