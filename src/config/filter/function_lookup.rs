//! `function_lookup`: chooses the function by a request header.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::value::{HeaderName, Names};

/// Settings of the `function_lookup` filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FunctionLookup {
    /// The header that holds the id. Default `id`.
    #[serde(default = "default_header")]
    pub header: HeaderName,
    /// What happens to a request without a known id. Default `refuse`.
    #[serde(default)]
    pub missing: Missing,
    /// Functions that may be chosen; others are unknown. Default `["*"]`.
    #[serde(default = "all")]
    pub allow: Names,
}

/// What happens to a request without a known id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// 400 without an id, 404 with an unknown one.
    #[default]
    Refuse,
    /// It passes on without a function.
    Next,
}

impl Default for FunctionLookup {
    fn default() -> Self {
        Self { header: default_header(), missing: Missing::default(), allow: all() }
    }
}

fn default_header() -> HeaderName {
    HeaderName::from_static("id")
}

const fn all() -> Names {
    Names::All
}
