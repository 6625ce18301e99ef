//! `filters` of a listener: the stages of a chain, each `name`, `label`, `disabled`, `config` in that order.
//!
//! One table lists the filters; reading, printing and the list of names follow from it. What a filter's keys mean is
//! in the files beside this one.

mod keys;

mod direct_response;
mod dispatch;
mod function_lookup;
mod router;
mod schema;
mod wasm;

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, MapAccess};
use serde::ser::SerializeMap;

use super::nearest::{listed, nearest};
use super::value::{Name, Refusal, from_text};

pub use direct_response::DirectResponse;
pub use dispatch::{Budget, DEFAULT_COMMANDS, Dispatch};
pub use function_lookup::{FunctionLookup, Missing};
pub use router::Router;
pub use wasm::Wasm;

/// One stage of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// What admin paths, metrics and logs call it by; unlike every other in the chain. Default: the filter's name.
    pub label: Name,
    /// Whether exchanges skip it. Default `false`.
    pub disabled: bool,
    /// Which filter it is, and its settings.
    pub config: FilterConfig,
}

macro_rules! filters {
    ($(#[doc = $doc:literal] $filter:ident $name:literal)*) => {
        /// Which filter, and its settings.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum FilterConfig {
            $(#[doc = $doc] $filter($filter),)*
        }

        /// The filters by their names in a configuration.
        #[derive(Debug, Clone, Copy)]
        enum FilterName {
            $($filter,)*
        }

        impl FromStr for FilterName {
            type Err = Refusal;

            fn from_str(name: &str) -> Result<Self, Refusal> {
                match name {
                    $($name => Ok(Self::$filter),)*
                    _ => Err(unknown(name, &[$($name),*])),
                }
            }
        }

        impl FilterConfig {
            /// The filter's name in a configuration.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$filter(_) => $name,)*
                }
            }

            /// What each filter looks like in the JSON Schema.
            fn alternatives(generator: &mut schemars::SchemaGenerator) -> Vec<schemars::Schema> {
                vec![$(schema::alternative::<$filter>(generator, $name, $doc.trim())),*]
            }

            fn read<'de, A: MapAccess<'de>>(name: FilterName, map: &mut A) -> Result<Self, A::Error> {
                Ok(match name {
                    $(FilterName::$filter => Self::$filter(map.next_value()?),)*
                })
            }

            fn default_of<E: de::Error>(name: FilterName) -> Result<Self, E> {
                Ok(match name {
                    $(FilterName::$filter => Self::$filter(from_nothing()?),)*
                })
            }

            fn write<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
                match self {
                    $(Self::$filter(config) => map.serialize_entry("config", config),)*
                }
            }
        }

        impl fmt::Display for FilterName {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$filter => $name,)*
                })
            }
        }
    };
}

filters! {
    /// `dispatch`: what guests behind it may reach.
    Dispatch "dispatch"
    /// `function_lookup`: chooses the function by a request header.
    FunctionLookup "function_lookup"
    /// `wasm`: runs a function.
    Wasm "wasm"
    /// `router`: sends the exchange to a cluster and answers with its response.
    Router "router"
    /// `direct_response`: answers by itself.
    DirectResponse "direct_response"
}

from_text!(FilterName, "the name of a filter");

fn unknown(name: &str, known: &[&str]) -> Refusal {
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the filters are {}", listed(known)),
    };
    Refusal::new(format!("no filter is named `{name}`"), hint)
}

/// A filter's settings when `config` is left out.
fn from_nothing<'de, T: Deserialize<'de>, E: de::Error>() -> Result<T, E> {
    let nothing = std::iter::empty::<(&str, ())>();
    T::deserialize(de::value::MapDeserializer::new(nothing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> Result<Filter, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_filter_without_config_has_its_defaults() {
        let lookup = filter(r#"{"name":"function_lookup"}"#).unwrap();
        assert_eq!(lookup.label.as_str(), "function_lookup");
        assert_eq!(lookup.config, FilterConfig::FunctionLookup(FunctionLookup::default()));
    }

    #[test]
    fn a_router_cannot_do_without_a_cluster() {
        assert!(filter(r#"{"name":"router"}"#).unwrap_err().contains("`cluster`"));
    }

    #[test]
    fn a_filter_is_written_as_it_is_read() {
        let text = r#"{"name":"direct_response","label":"end","disabled":true,"config":{"status":204,"body":"","headers":{}}}"#;
        assert_eq!(serde_json::to_string(&filter(text).unwrap()).unwrap(), text);
    }

    #[test]
    fn the_keys_stand_in_their_order() {
        let error = filter(r#"{"config":{},"name":"wasm"}"#).unwrap_err();
        assert!(error.contains("`name` must stand before `config`"), "{error}");
        let error = filter(r#"{"name":"wasm","config":{},"label":"a"}"#).unwrap_err();
        assert!(error.contains("`label` must stand before `config`"), "{error}");
    }
}
