//! Requests to the admin server, taken apart.

use bytes::Bytes;
use http::Uri;
use percent_encoding::percent_decode_str;

use super::AdminError;

/// Where a request goes: the path in decoded segments, the query in decoded pairs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) segments: Vec<String>,
    pub(super) query: Vec<(String, String)>,
}

/// A request whose endpoint is found.
#[derive(Debug)]
pub(super) struct AdminRequest {
    /// What stands at the `{…}` of the endpoint's path.
    pub(super) parameter: String,
    pub(super) query: Vec<(String, String)>,
    /// Empty where the endpoint takes none.
    pub(super) body: Bytes,
}

impl Target {
    /// Decodes after splitting, so that `%2F` does not separate.
    pub(super) fn of(uri: &Uri) -> Result<Self, AdminError> {
        let path = uri.path().strip_prefix('/').unwrap_or(uri.path());
        let segments = path.split('/').map(decode).collect::<Result<_, _>>()?;
        let pairs = uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let query = pairs.map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(key)?, decode(value)?))
        });
        Ok(Self { segments, query: query.collect::<Result<_, AdminError>>()? })
    }
}

fn decode(text: &str) -> Result<String, AdminError> {
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| AdminError::bad_request(format!("`{text}` is not percent-encoded UTF-8")))?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_slash_stays_within_its_segment() {
        let target = Target::of(&"/functions/a%2Fb%20c?x=%3D1&y&&z=2=3".parse().unwrap()).unwrap();
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(target.segments, ["functions", "a/b c"]);
        assert_eq!(target.query, [pair("x", "=1"), pair("y", ""), pair("z", "2=3")]);
    }

    #[test]
    fn what_is_not_utf8_is_refused() {
        let error = Target::of(&"/functions/%ff".parse().unwrap()).unwrap_err();
        assert_eq!(error, AdminError::bad_request("`%ff` is not percent-encoded UTF-8"));
    }
}
