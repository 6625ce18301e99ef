//! `log` and `access_log`: what the process says about itself and about exchanges.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::schema::{schema_by_hand, text};
use super::value::{Refusal, from_text};

/// `log`: what the process itself says, on stderr.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The least important lines that are written: `trace` `debug` `info` `warn` `error`. Default `info`.
    pub level: LogLevel,
    /// `text` for people, `json` for machines. Default `text`.
    pub format: LogFormat,
}

/// How important a line of the log is, the least important first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Each frame and host call.
    Trace,
    /// Each connection.
    Debug,
    /// What an operator did.
    #[default]
    Info,
    /// What the process coped with.
    Warn,
    /// What an operator must act on.
    Error,
}

impl LogLevel {
    /// The word that is written in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// The shape of the log's lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// `access_log`: one line for each exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessLog {
    /// `stdout`, `stderr`, `none`, or a file. Default `stdout`.
    pub path: AccessLogPath,
    /// `default`, `json`, or a line of operators such as `%RESPONSE_CODE%`. Default `default`.
    pub format: AccessLogFormat,
}

/// Where the access log is written to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum AccessLogPath {
    /// `stdout`.
    #[default]
    Stdout,
    /// `stderr`.
    Stderr,
    /// `none`: nowhere.
    None,
    /// A file; relative to the working directory.
    File(PathBuf),
}

impl FromStr for AccessLogPath {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text {
            "stdout" => Ok(Self::Stdout),
            "stderr" => Ok(Self::Stderr),
            "none" => Ok(Self::None),
            "" => Err(Refusal::new("the path is empty", "write `stdout`, `stderr`, `none` or a file")),
            file => Ok(Self::File(file.into())),
        }
    }
}

impl fmt::Display for AccessLogPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("stdout"),
            Self::Stderr => f.write_str("stderr"),
            Self::None => f.write_str("none"),
            Self::File(file) => write!(f, "{}", file.display()),
        }
    }
}

schema_by_hand!(AccessLogPath, "AccessLogPath", |_| json_schema!({
    "type": "string",
    "minLength": 1,
    "examples": ["stdout", "stderr", "none", "/var/log/outrigger/access.log"],
}));

from_text!(AccessLogPath, "`stdout`, `stderr`, `none` or a file");

/// What a line of the access log looks like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum AccessLogFormat {
    /// `default`: Envoy's line and four fields more.
    #[default]
    Default,
    /// `json`: one object a line.
    Json,
    /// A line of one's own, with operators between percent signs.
    Operators(String),
}

impl FromStr for AccessLogFormat {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        const HINT: &str = "write `default`, `json`, or a line with operators such as `%RESPONSE_CODE% %DURATION%`";
        match text {
            "default" => Ok(Self::Default),
            "json" => Ok(Self::Json),
            line if !line.contains('%') => Err(Refusal::new(format!("`{line}` is not a format"), HINT)),
            line if line.contains(['\n', '\r']) => Err(Refusal::new("the format has more than one line", HINT)),
            line if line.matches('%').count() % 2 == 1 => {
                Err(Refusal::new("the format has a `%` without its partner", HINT))
            }
            line => Ok(Self::Operators(line.to_owned())),
        }
    }
}

impl fmt::Display for AccessLogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Json => "json",
            Self::Operators(line) => line,
        })
    }
}

schema_by_hand!(AccessLogFormat, "AccessLogFormat", |_| {
    let mut schema = text("^(default|json)$|%[^\\r\\n]*%");
    schema.insert("examples".into(), json!(["default", "json", "%RESPONSE_CODE% %DURATION%"]));
    schema
});

from_text!(AccessLogFormat, "`default`, `json` or a line of operators");
