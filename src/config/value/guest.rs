//! Settings that are a guest's own: passed on, not understood.

use std::collections::BTreeMap;
use std::fmt;

use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::REDACTED;
use super::secret::names_a_secret;

/// Any value, for a guest. Values of keys such as `password` and `token` read back as `[redacted]`.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct GuestSettings(Value);

impl GuestSettings {
    /// Keeps a value for a guest.
    #[must_use]
    pub const fn new(value: Value) -> Self {
        Self(value)
    }

    /// What the guest gets: a string as it is, anything else as JSON; `None` if nothing is set.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match &self.0 {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// The value itself.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.0
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.0.is_null()
    }
}

impl fmt::Debug for GuestSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", redacted(&self.0))
    }
}

impl Serialize for GuestSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        redacted(&self.0).serialize(serializer)
    }
}

fn redacted(value: &Value) -> Value {
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), redacted_at(key, value))).collect(),
        Value::Array(list) => list.iter().map(redacted).collect(),
        other => other.clone(),
    }
}

fn redacted_at(key: &str, value: &Value) -> Value {
    match value {
        Value::String(_) | Value::Number(_) if names_a_secret(key) => REDACTED.into(),
        other => redacted(other),
    }
}

/// Names and texts for a guest, as environment variables. Values of names such as `DB_PASSWORD` read back as `[redacted]`.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Pairs(pub BTreeMap<String, String>);

impl fmt::Debug for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(key, value)| (key, shown(key, value)))).finish()
    }
}

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, shown(key, value))?;
        }
        map.end()
    }
}

fn shown<'a>(key: &str, value: &'a str) -> &'a str {
    if names_a_secret(key) { REDACTED } else { value }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_string_is_passed_as_it_is_and_anything_else_as_json() {
        assert_eq!(GuestSettings::new(json!("a b")).text().as_deref(), Some("a b"));
        assert_eq!(GuestSettings::new(json!({"a": [1, true]})).text().as_deref(), Some(r#"{"a":[1,true]}"#));
        assert_eq!(GuestSettings::new(json!(12)).text().as_deref(), Some("12"));
        assert_eq!(GuestSettings::default().text(), None);
    }

    #[test]
    fn secrets_inside_are_not_read_back() {
        let settings = GuestSettings::new(json!({"db": [{"password": "hunter2", "user": "me"}]}));
        assert_eq!(serde_json::to_value(&settings).unwrap(), json!({"db": [{"password": "[redacted]", "user": "me"}]}));
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert!(settings.text().unwrap().contains("hunter2"));
        let pairs = Pairs([("API_TOKEN".to_owned(), "hunter2".to_owned())].into());
        assert!(!format!("{pairs:?}").contains("hunter2"));
    }
}
