//! URLs of redis stores.

use std::fmt;
use std::str::FromStr;

use super::{REDACTED, Refusal, from_text};

/// Where a redis store is: `redis://HOST:PORT/DB`, `rediss://…` with TLS, or `redis+unix://PATH`.
///
/// Prints and serializes without the user and password that it may hold.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreUrl {
    scheme: &'static str,
    /// `user:password`, percent-encoded.
    userinfo: Option<String>,
    /// All that follows.
    rest: String,
}

const SCHEMES: [&str; 3] = ["redis", "rediss", "redis+unix"];

const HINT: &str = "write `redis://HOST:PORT`, `rediss://HOST:PORT` for TLS, or `redis+unix:///PATH`; a database number may follow, as `/0`";

impl StoreUrl {
    /// The whole URL with its secrets: for the one who connects.
    #[must_use]
    pub fn expose(&self) -> String {
        match &self.userinfo {
            Some(userinfo) => format!("{}://{userinfo}@{}", self.scheme, self.rest),
            None => format!("{}://{}", self.scheme, self.rest),
        }
    }

    /// Whether it holds a user or a password.
    #[must_use]
    pub const fn has_credentials(&self) -> bool {
        self.userinfo.is_some()
    }
}

impl FromStr for StoreUrl {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(Refusal::new("this is not a URL", HINT));
        };
        let Some(scheme) = SCHEMES.into_iter().find(|known| *known == scheme) else {
            return Err(Refusal::new(format!("`{scheme}://` is not a scheme of redis"), HINT));
        };
        let unix = scheme == "redis+unix";
        let (userinfo, rest) = match rest.rsplit_once('@') {
            Some((userinfo, rest)) if !unix => (Some(userinfo.to_owned()), rest),
            _ => (None, rest),
        };
        let url = Self { scheme, userinfo, rest: rest.to_owned() };
        match if unix { unix_fault(rest) } else { tcp_fault(rest) } {
            Some(fault) => Err(Refusal::new(format!("`{url}` {fault}"), HINT)),
            None => Ok(url),
        }
    }
}

fn unix_fault(path: &str) -> Option<&'static str> {
    if path.starts_with('/') && path.len() > 1 { None } else { Some("has no absolute path of a socket") }
}

fn tcp_fault(rest: &str) -> Option<&'static str> {
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let bad = |c: char| c.is_whitespace() || c.is_control() || "?#@\\".contains(c);
    if host.is_empty() || host.contains(bad) {
        return Some("has no host");
    }
    if port.is_some_and(|port| port.parse::<u16>().map_or(true, |port| port == 0)) {
        return Some("has a port that is not a number from 1 to 65535");
    }
    if !database.is_empty() && database.parse::<u32>().is_err() {
        return Some("has a database that is not a number");
    }
    None
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.userinfo {
            Some(_) => write!(f, "{}://{REDACTED}@{}", self.scheme, self.rest),
            None => write!(f, "{}://{}", self.scheme, self.rest),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

from_text!(StoreUrl, "a URL such as `redis://localhost:6379`");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_the_store_is() {
        for text in [
            "redis://localhost:6379",
            "redis://localhost",
            "redis://localhost:6379/3",
            "rediss://db.example:6380/",
            "redis://[::1]:6379",
            "redis+unix:///run/redis.sock",
        ] {
            assert_eq!(text.parse::<StoreUrl>().unwrap().expose(), text);
        }
    }

    #[test]
    fn the_password_is_not_printed_not_even_in_a_refusal() {
        let url: StoreUrl = "redis://me:hunter2@db:6379/0".parse().unwrap();
        assert_eq!(url.to_string(), "redis://[redacted]@db:6379/0");
        assert_eq!(format!("{url:?}"), "redis://[redacted]@db:6379/0");
        assert_eq!(url.expose(), "redis://me:hunter2@db:6379/0");
        for text in ["redis://me:hunter2@db:port", "redis://me:hunt@er2@", "http://me:hunter2@db", "me:hunter2@db"] {
            let refusal = text.parse::<StoreUrl>().unwrap_err();
            assert!(!format!("{refusal:?}").contains("hunt"), "{refusal:?}");
        }
    }

    #[test]
    fn what_names_no_store_is_refused() {
        for text in [
            "",
            "localhost:6379",
            "http://a",
            "redis://",
            "redis://:6379",
            "redis://a:0",
            "redis://a/b",
            "redis+unix://a",
        ] {
            assert!(text.parse::<StoreUrl>().is_err(), "{text}");
        }
    }
}
