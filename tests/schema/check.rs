//! Checks a value against a JSON Schema (2020-12): the keywords that the schema of the configuration uses. Another keyword
//! is a panic, never passed over.

use regex_lite::Regex;
use serde_json::{Map, Value};

/// Keywords that say something to people and editors alone.
const ANNOTATIONS: [&str; 6] = ["$schema", "$defs", "title", "description", "default", "examples"];

/// A schema.
pub(crate) struct Checker(Value);

impl Checker {
    pub(crate) fn new(schema: Value) -> Self {
        Self(schema)
    }

    /// Every place at which the value is not what the schema wants, and the keyword that it breaks.
    pub(crate) fn complaints(&self, value: &Value) -> Vec<String> {
        let mut found = Vec::new();
        self.check(&self.0, value, "$", &mut found);
        found
    }

    fn fits(&self, schema: &Value, value: &Value) -> bool {
        let mut found = Vec::new();
        self.check(schema, value, "$", &mut found);
        found.is_empty()
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
        let keywords = match schema {
            Value::Bool(true) => return,
            Value::Bool(false) => return found.push(format!("{at}: nothing may stand here")),
            schema => schema.as_object().expect("a schema is an object or a boolean"),
        };
        for (keyword, wanted) in keywords {
            if !self.holds(keywords, keyword, wanted, value, at, found) {
                found.push(format!("{at}: `{keyword}` wants {wanted}, found {value}"));
            }
        }
    }

    /// Whether one keyword holds; what is wrong further down goes to `found` with its own place.
    fn holds(
        &self,
        keywords: &Map<String, Value>,
        keyword: &str,
        wanted: &Value,
        value: &Value,
        at: &str,
        found: &mut Vec<String>,
    ) -> bool {
        let all = || wanted.as_array().expect("a list");
        match keyword {
            "$ref" => {
                let pointer = wanted.as_str().and_then(|name| name.strip_prefix('#')).expect("a place in the schema");
                self.check(self.0.pointer(pointer).expect("a definition"), value, at, found);
                true
            }
            "type" => match wanted {
                Value::Array(kinds) => kinds.iter().any(|kind| is_a(kind, value)),
                kind => is_a(kind, value),
            },
            "const" => value == wanted,
            "enum" => all().contains(value),
            "pattern" => value.as_str().is_none_or(|text| matches(wanted, text)),
            "minLength" => value.as_str().is_none_or(|text| text.chars().count() as u64 >= number(wanted)),
            "minimum" => value.as_i64().is_none_or(|found| found >= wanted.as_i64().expect("a number")),
            "maximum" => value.as_i64().is_none_or(|found| found <= wanted.as_i64().expect("a number")),
            "minItems" => value.as_array().is_none_or(|list| list.len() as u64 >= number(wanted)),
            "maxItems" => value.as_array().is_none_or(|list| list.len() as u64 <= number(wanted)),
            "contains" => value.as_array().is_none_or(|list| list.iter().any(|element| self.fits(wanted, element))),
            "items" => {
                for (nth, element) in value.as_array().into_iter().flatten().enumerate() {
                    self.check(wanted, element, &format!("{at}[{nth}]"), found);
                }
                true
            }
            "required" => {
                let keys = || all().iter().map(|key| key.as_str().expect("a key"));
                value.as_object().is_none_or(|object| keys().all(|key| object.contains_key(key)))
            }
            "properties" => {
                let wanted = wanted.as_object().expect("schemas by their keys");
                for (key, value) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = wanted.get(key) {
                        self.check(schema, value, &format!("{at}.{key}"), found);
                    }
                }
                true
            }
            "patternProperties" => {
                for (pattern, schema) in wanted.as_object().expect("schemas by patterns") {
                    let object = value.as_object().into_iter().flatten();
                    for (key, value) in object.filter(|(key, _)| matches(&pattern.as_str().into(), key)) {
                        self.check(schema, value, &format!("{at}.{key}"), found);
                    }
                }
                true
            }
            "additionalProperties" => {
                for (key, value) in value.as_object().into_iter().flatten().filter(|(key, _)| !is_named(keywords, key))
                {
                    self.check(wanted, value, &format!("{at}.{key}"), found);
                }
                true
            }
            "oneOf" => all().iter().filter(|schema| self.fits(schema, value)).count() == 1,
            "anyOf" => all().iter().any(|schema| self.fits(schema, value)),
            "not" => !self.fits(wanted, value),
            "if" => !self.fits(wanted, value) || self.fits(&keywords["then"], value),
            "then" => keywords.contains_key("if"),
            annotation => {
                assert!(ANNOTATIONS.contains(&annotation), "the keyword `{annotation}` is not known here");
                true
            }
        }
    }
}

fn is_a(kind: &Value, value: &Value) -> bool {
    match kind.as_str().expect("the name of a type") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("no type is named `{other}`"),
    }
}

fn is_named(keywords: &Map<String, Value>, key: &str) -> bool {
    let by_name = keywords.get("properties").is_some_and(|properties| properties.get(key).is_some());
    let patterns = keywords.get("patternProperties").and_then(Value::as_object);
    by_name || patterns.into_iter().flatten().any(|(pattern, _)| matches(&pattern.as_str().into(), key))
}

fn matches(pattern: &Value, text: &str) -> bool {
    Regex::new(pattern.as_str().expect("a pattern")).expect("a well-formed pattern").is_match(text)
}

fn number(wanted: &Value) -> u64 {
    wanted.as_u64().expect("a number")
}
