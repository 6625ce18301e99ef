//! The line of an access log, parsed once into text and operators.

use std::str::FromStr;

use http::HeaderName;

use super::field::{Field, Name};

/// The format `default` of contract §7: Envoy's line, then four fields.
const DEFAULT: &str = concat!(
    r#"[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% "#,
    r#"%RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "#,
    r#""%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" "#,
    r#""%RESPONSE_CODE_DETAILS%" "%FUNCTION%" %FUNCTION_VERSION% %FUNCTION_DURATION%"#,
);

/// The operators that take no argument.
const PLAIN: &[(&str, Field)] = &[
    ("START_TIME", Field::StartTime),
    ("PROTOCOL", Field::Protocol),
    ("RESPONSE_CODE", Field::ResponseCode),
    ("RESPONSE_FLAGS", Field::ResponseFlags),
    ("RESPONSE_CODE_DETAILS", Field::ResponseCodeDetails),
    ("BYTES_RECEIVED", Field::BytesReceived),
    ("BYTES_SENT", Field::BytesSent),
    ("DURATION", Field::Duration),
    ("UPSTREAM_HOST", Field::UpstreamHost),
    ("UPSTREAM_CLUSTER", Field::UpstreamCluster),
    ("DOWNSTREAM_REMOTE_ADDRESS", Field::DownstreamRemoteAddress),
    ("DOWNSTREAM_LOCAL_ADDRESS", Field::DownstreamLocalAddress),
    ("LISTENER", Field::Listener),
    ("FUNCTION", Field::Function),
    ("FUNCTION_VERSION", Field::FunctionVersion),
    ("FUNCTION_DURATION", Field::FunctionDuration),
    ("HOST_CALLS", Field::HostCalls),
    ("HOST_CALL_DURATION", Field::HostCallDuration),
    ("TRAP", Field::Trap),
];

/// What an access log's lines look like.
#[derive(Debug, Clone)]
pub enum Format {
    /// One JSON object for each line, with the keys of contract §7.
    Json,
    /// Text between which operators stand.
    Line(Pieces),
}

/// A parsed line.
#[derive(Debug, Clone)]
pub struct Pieces(pub(super) Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    /// A field, and the number of bytes after which it is cut off.
    Field(Field, Option<usize>),
}

/// A line of operators that cannot be understood.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// A `%` without its partner.
    #[error("the operator that begins at column {column} has no closing `%`; a percent sign itself is `%%`")]
    Unclosed {
        /// From 1, in bytes.
        column: usize,
    },
    /// No operator has this name.
    #[error("`{operator}` is not an operator; known are REQ(NAME) RESP(NAME) {}", plain_names())]
    Unknown {
        /// Without percent signs.
        operator: String,
    },
    /// `REQ` or `RESP` without a name, with an impossible one, or another operator with an argument.
    #[error("`{operator}` is not written as it must be: {problem}")]
    Argument {
        /// Without percent signs.
        operator: String,
        /// What is wrong.
        problem: &'static str,
    },
}

fn plain_names() -> String {
    PLAIN.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

impl FromStr for Format {
    type Err = FormatError;

    /// `default`, `json`, or a line of operators.
    fn from_str(format: &str) -> Result<Self, FormatError> {
        match format {
            "default" => parse(DEFAULT),
            "json" => Ok(Self::Json),
            line => parse(line),
        }
    }
}

fn parse(line: &str) -> Result<Format, FormatError> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        let column = line.len() - after.len();
        let (operator, behind) = after.split_once('%').ok_or(FormatError::Unclosed { column })?;
        if operator.is_empty() {
            text.push('%');
        } else {
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
            }
            pieces.push(piece(operator)?);
        }
        rest = behind;
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(Format::Line(Pieces(pieces)))
}

fn piece(operator: &str) -> Result<Piece, FormatError> {
    if let Some((_, field)) = PLAIN.iter().find(|(name, _)| *name == operator) {
        return Ok(Piece::Field(field.clone(), None));
    }
    let wrong = |problem| FormatError::Argument { operator: operator.to_owned(), problem };
    let (name, arguments) = operator.split_once('(').unwrap_or((operator, ""));
    let is_plain = PLAIN.iter().any(|(plain, _)| operator.split([':', '(']).next() == Some(plain));
    match name {
        "REQ" => {
            let (first, second, limit) = names(arguments).map_err(wrong)?;
            let second = second.map(request_name).transpose().map_err(wrong)?;
            Ok(Piece::Field(Field::Request(request_name(first).map_err(wrong)?, second), limit))
        }
        "RESP" => {
            let (first, second, limit) = names(arguments).map_err(wrong)?;
            let second = second.map(header_name).transpose().map_err(wrong)?;
            Ok(Piece::Field(Field::Response(header_name(first).map_err(wrong)?, second), limit))
        }
        _ if is_plain => Err(wrong("it takes no argument and no length")),
        _ => Err(FormatError::Unknown { operator: operator.to_owned() }),
    }
}

/// The names and the length of `X)`, `X?Y)`, `X?Y):N`.
fn names(arguments: &str) -> Result<(&str, Option<&str>, Option<usize>), &'static str> {
    let (names, length) = arguments.split_once(')').ok_or("a name in parentheses is missing")?;
    let limit = match length.strip_prefix(':') {
        Some(digits) => Some(digits.parse().map_err(|_| "the length after `:` is not a number")?),
        None if length.is_empty() => None,
        None => return Err("only `:` and a length may follow the parenthesis"),
    };
    match names.split_once('?') {
        Some((first, second)) => Ok((first, Some(second), limit)),
        None => Ok((names, None, limit)),
    }
}

fn request_name(name: &str) -> Result<Name, &'static str> {
    match name.to_ascii_uppercase().as_str() {
        ":METHOD" => Ok(Name::Method),
        ":PATH" => Ok(Name::Path),
        ":AUTHORITY" => Ok(Name::Authority),
        ":SCHEME" => Ok(Name::Scheme),
        _ => header_name(name).map(Name::Header),
    }
}

fn header_name(name: &str) -> Result<HeaderName, &'static str> {
    HeaderName::from_str(name).map_err(|_| "the name in parentheses is not a header's name")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(line: &str) -> Vec<Piece> {
        match line.parse().unwrap() {
            Format::Line(Pieces(pieces)) => pieces,
            Format::Json => panic!("`{line}` is no line"),
        }
    }

    fn refusal(line: &str) -> String {
        line.parse::<Format>().unwrap_err().to_string()
    }

    #[test]
    fn a_line_becomes_text_and_fields() {
        let header = |name| Name::Header(HeaderName::from_static(name));
        assert_eq!(
            pieces("a %%b%% %REQ(:Path)% %REQ(X-Ab?:method):12%%RESP(via?server)%"),
            [
                Piece::Text("a %b% ".to_owned()),
                Piece::Field(Field::Request(Name::Path, None), None),
                Piece::Text(" ".to_owned()),
                Piece::Field(Field::Request(header("x-ab"), Some(Name::Method)), Some(12)),
                Piece::Field(Field::Response(http::header::VIA, Some(http::header::SERVER)), None),
            ]
        );
    }

    #[test]
    fn every_operator_of_the_table_parses_to_its_field() {
        for (name, field) in PLAIN {
            assert_eq!(pieces(&format!("%{name}%")), [Piece::Field(field.clone(), None)]);
        }
    }

    #[test]
    fn a_broken_line_is_refused_with_the_operator_and_the_reason() {
        assert_eq!(
            refusal("50% of %PROTOCOL%"),
            "` of ` is not an operator; known are REQ(NAME) RESP(NAME) ".to_owned() + &plain_names()
        );
        assert_eq!(
            refusal("%PROTOCOL% 50%"),
            "the operator that begins at column 14 has no closing `%`; a percent sign itself is `%%`"
        );
        assert_eq!(refusal("%REQ%"), "`REQ` is not written as it must be: a name in parentheses is missing");
        assert_eq!(
            refusal("%REQ(a b)%"),
            "`REQ(a b)` is not written as it must be: the name in parentheses is not a header's name"
        );
        assert_eq!(
            refusal("%RESP(:status)%"),
            "`RESP(:status)` is not written as it must be: the name in parentheses is not a header's name"
        );
        assert_eq!(
            refusal("%REQ(a):x%"),
            "`REQ(a):x` is not written as it must be: the length after `:` is not a number"
        );
        assert_eq!(
            refusal("%START_TIME(%s)%"),
            "`START_TIME(` is not written as it must be: it takes no argument and no length"
        );
        assert!(refusal("%TRAILER(x)%").starts_with("`TRAILER(x)` is not an operator; known are REQ(NAME)"));
    }
}
