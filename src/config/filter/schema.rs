//! What a filter looks like in the JSON Schema: one alternative for each name, which says what `config` is.

use schemars::{Schema, SchemaGenerator, json_schema};

use super::{Filter, FilterConfig};
use crate::config::schema::{described, schema_by_hand};
use crate::config::value::Name;

schema_by_hand!(Filter, "Filter", |generator| json_schema!({
    "description": "One stage of a chain; its keys stand in the order `name`, `label`, `disabled`, `config`.",
    "oneOf": FilterConfig::alternatives(generator),
}));

/// The alternative of one filter. `config` may be left out unless a key of it has no default.
pub(super) fn alternative<T: schemars::JsonSchema>(
    generator: &mut SchemaGenerator,
    name: &str,
    description: &str,
) -> Schema {
    let config = generator.subschema_for::<T>();
    let needs_config = T::json_schema(generator).get("required").is_some();
    let label = described::<Name>(generator, "What admin paths, metrics and logs call it by. Default: the name.");
    json_schema!({
        "description": description,
        "type": "object",
        "properties": {
            "name": {"const": name},
            "label": label,
            "disabled": {"description": "Whether exchanges skip it.", "type": "boolean", "default": false},
            "config": config,
        },
        "required": if needs_config { vec!["name", "config"] } else { vec!["name"] },
        "additionalProperties": false,
    })
}
