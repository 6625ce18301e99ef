//! Where in a configuration something is: `listeners[0].filters[1].config.cluster`.

use std::fmt;

/// A way from the top of a configuration to one of its values.
///
/// Reads from and prints as `listeners[0].filters[1].config.cluster`. A key that such a text could not hold is printed
/// in quotes: `stores[0].memory.seed["a.b"]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

impl Place {
    /// The place of a key of the mapping at this place.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.step(Step::Key(key.to_owned()))
    }

    /// The place of an element (counted from 0) of the list at this place.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    /// Whether this is the place of the whole document.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    pub(super) fn from_steps(steps: Vec<Step>) -> Self {
        Self(steps)
    }

    /// Whether `inner` is this place or lies inside it.
    pub(super) fn holds(&self, inner: &Self) -> bool {
        inner.0.starts_with(&self.0)
    }

    fn step(&self, step: Step) -> Self {
        let mut steps = Vec::with_capacity(self.0.len() + 1);
        steps.extend_from_slice(&self.0);
        steps.push(step);
        Self(steps)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if is_plain(key) && nth == 0 => f.write_str(key)?,
                Step::Key(key) if is_plain(key) => write!(f, ".{key}")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
            }
        }
        Ok(())
    }
}

/// Reads what `Display` prints, except keys in quotes, which nobody writes by hand.
impl From<&str> for Place {
    fn from(text: &str) -> Self {
        let words = text.split(['.', '[', ']']).filter(|word| !word.is_empty());
        Self(words.map(|word| word.parse().map_or_else(|_| Step::Key(word.to_owned()), Step::Index)).collect())
    }
}

impl From<String> for Place {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_place_prints_what_it_was_read_from() {
        let text = "listeners[0].filters[12].config.cluster";
        assert_eq!(Place::from(text).to_string(), text);
    }

    #[test]
    fn a_key_with_a_dot_is_printed_in_quotes() {
        assert_eq!(Place::from("stores[0].memory.seed").key("a.b").to_string(), r#"stores[0].memory.seed["a.b"]"#);
    }
}
