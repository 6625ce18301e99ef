//! What the kinds of value look like in the JSON Schema.

use schemars::{Schema, SchemaGenerator, json_schema};

use super::{Address, Auto, Command, Duration, GuestSettings, HeaderName, Name, Names, Pairs, Sha256, Size, StoreUrl};
use crate::config::schema::{REFERENCE, schema_by_hand, text};

/// A kind of text with a description and examples.
fn word(pattern: &str, description: &str, examples: &[&str]) -> Schema {
    let mut schema = text(pattern);
    schema.insert("description".into(), description.into());
    schema.insert("examples".into(), examples.into());
    schema
}

schema_by_hand!(Address, "Address", |_| word(
    r"^([0-9.]+|\[[0-9A-Fa-f:.]+(%[0-9]+)?\]):[0-9]{1,5}$",
    "An IP address and a port; port 0 is any free one where something listens.",
    &["127.0.0.1:8080", "[::1]:8080"]
));

schema_by_hand!(Command, "Command", |_| word(
    r"^[A-Za-z0-9._-]{1,64}$",
    "The name of a redis command, without arguments.",
    &["HGET"]
));

schema_by_hand!(Duration, "Duration", |_| word(
    r"^[0-9]+(us|ms|s|m|h)$",
    "A length of time: a whole number and `us`, `ms`, `s`, `m` or `h`; at most a year.",
    &["250us", "100ms", "10s", "5m", "1h"]
));

schema_by_hand!(HeaderName, "HeaderName", |_| word(
    r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,256}$",
    "The name of an HTTP header.",
    &["x-request-id"]
));

schema_by_hand!(Name, "Name", |_| word(
    r"^[!-.0-~]{1,128}$",
    "A name: 1 to 128 visible ASCII characters, no `/`.",
    &["state_demo"]
));

schema_by_hand!(Sha256, "Sha256", |_| text(r"^[0-9A-Fa-f]{64}$"));

schema_by_hand!(StoreUrl, "StoreUrl", |_| word(
    r"^rediss?://.+$|^redis\+unix:///.+$",
    "Where a redis server is; `rediss` with TLS; a database number may follow, as `/0`.",
    &["redis://localhost:6379", "rediss://redis.example:6380/1", "redis+unix:///run/redis.sock"]
));

schema_by_hand!(Size, "Size", |_| json_schema!({
    "description": "A number of bytes, with or without `KiB`, `MiB` or `GiB`.",
    "type": ["string", "integer"],
    "minimum": 0,
    "pattern": format!("^[0-9]+(KiB|MiB|GiB)?$|{REFERENCE}"),
    "examples": ["64KiB", "16MiB", "1GiB", 4096],
}));

schema_by_hand!(Auto, "Auto", |_| json_schema!({
    "description": "`auto`, or a whole number from 1.",
    "type": ["string", "integer"],
    "minimum": 1,
    "pattern": format!("^auto$|{REFERENCE}"),
    "examples": ["auto", 4],
}));

schema_by_hand!(Names, "Names", |generator| json_schema!({
    "description": "A list of names; `[\"*\"]` = all.",
    "type": "array",
    "items": generator.subschema_for::<Name>(),
    "if": {"contains": {"const": "*"}},
    "then": {"maxItems": 1},
}));

schema_by_hand!(GuestSettings, "GuestSettings", |_: &mut SchemaGenerator| json_schema!({
    "description": "Whatever the guest understands: a string is passed on as it is, anything else as JSON.",
}));

schema_by_hand!(Pairs, "Pairs", |_| json_schema!({
    "description": "Names and texts.",
    "type": "object",
    "additionalProperties": {"type": "string"},
}));
