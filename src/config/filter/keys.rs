//! Reads and writes a filter: `name`, `label`, `disabled`, `config`, in that order, because `name` says what `config` is.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Filter, FilterConfig, FilterName};
use crate::config::text::Refused;
use crate::config::value::Name;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Key {
    Name,
    Label,
    Disabled,
    Config,
}

impl Key {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Label => "label",
            Self::Disabled => "disabled",
            Self::Config => "config",
        }
    }
}

impl<'de> Deserialize<'de> for Filter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Keys)
    }
}

struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = Filter;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a filter, a mapping that begins with `name`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Filter, A::Error> {
        let (mut name, mut label, mut disabled, mut config) = (None, None, false, None);
        let mut last = None;
        while let Some(key) = map.next_key::<Key>()? {
            if let Some(last) = last.filter(|last| key <= *last) {
                refuse_order(&mut map, key, last)?;
            }
            last = Some(key);
            match (key, name) {
                (Key::Name, _) => name = Some(map.next_value::<FilterName>()?),
                (Key::Label, _) => label = Some(map.next_value::<Name>()?),
                (Key::Disabled, _) => disabled = map.next_value()?,
                (Key::Config, Some(name)) => config = Some(FilterConfig::read(name, &mut map)?),
                (Key::Config, None) => map.next_value::<IgnoredAny>().map(|_| ())?,
            }
        }
        let name = name.ok_or_else(|| de::Error::missing_field("name"))?;
        let config = match config {
            Some(config) => config,
            None => FilterConfig::default_of(name)?,
        };
        let label = match label {
            Some(label) => label,
            None => name.to_string().parse().map_err(de::Error::custom)?,
        };
        Ok(Filter { label, disabled, config })
    }
}

fn refuse_order<'de, A: MapAccess<'de>>(map: &mut A, key: Key, last: Key) -> Result<(), A::Error> {
    let message = if key == last {
        format!("`{}` is given twice", key.as_str())
    } else {
        format!("`{}` must stand before `{}`", key.as_str(), last.as_str())
    };
    let refused = Refused { message: &message, hint: "the order in a filter is `name`, `label`, `disabled`, `config`" };
    map.next_value_seed(refused).map(|never| match never {})
}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("name", self.config.name())?;
        map.serialize_entry("label", &self.label)?;
        map.serialize_entry("disabled", &self.disabled)?;
        self.config.write(&mut map)?;
        map.end()
    }
}
