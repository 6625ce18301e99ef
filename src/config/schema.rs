//! The JSON Schema (2020-12) of the configuration, for editors: completion, descriptions, and red lines while typing.
//!
//! It follows from the types: doc comments are the descriptions, `Default` gives the defaults. It knows shapes and
//! ranges, not names that point nowhere; [`validate`](super::validate) has the last word.

use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::Config;

/// A text in which `${NAME}` is replaced may be anything before that.
pub(super) const REFERENCE: &str = r"\$\{";

/// The schema as text, as it is committed in `config/schema.json`.
#[must_use]
pub fn schema() -> String {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.untagged_enum_variant_titles = false);
    let mut schema = settings.with_transform(plain).into_generator().into_root_schema_for::<Config>();
    schema.insert("title".into(), "Outrigger configuration".into());
    format!("{:#}\n", schema.as_value())
}

/// A kind of text, by its pattern.
pub(super) fn text(pattern: &str) -> Schema {
    schemars::json_schema!({"type": "string", "pattern": format!("{pattern}|{REFERENCE}")})
}

/// Schemars' notes about Rust's types go; numbers, flags and words may come from the environment as well.
fn plain(schema: &mut Schema) {
    transform_subschemas(&mut plain, schema);
    schema.remove("format");
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = description.replace("[`", "`").replace("`]", "`"); // links of rustdoc
    }
    match schema.get("type") {
        Some(Value::String(kind)) if ["integer", "boolean"].contains(&kind.as_str()) && !is_const(schema) => {
            let kind = kind.clone();
            schema.insert("type".into(), json!([kind, "string"]));
            schema.insert("pattern".into(), REFERENCE.into());
        }
        _ => {}
    }
    if let Some(Value::Array(words)) = schema.get_mut("oneOf")
        && words.iter().all(|word| word.get("const").is_some())
    {
        words.push(json!({"type": "string", "pattern": REFERENCE}));
    }
}

fn is_const(schema: &Schema) -> bool {
    schema.get("const").is_some()
}

/// `JsonSchema` of a type that is read by hand: its name, and what it looks like.
macro_rules! schema_by_hand {
    ($type:ty, $name:literal, $schema:expr) => {
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let schema: fn(&mut schemars::SchemaGenerator) -> schemars::Schema = $schema;
                schema(generator)
            }
        }
    };
}
pub(super) use schema_by_hand;

/// The schema of a part, with a description of its own.
pub(super) fn described<T: JsonSchema>(generator: &mut schemars::SchemaGenerator, description: &str) -> Schema {
    let mut schema = generator.subschema_for::<T>();
    schema.insert("description".into(), description.into());
    schema
}
