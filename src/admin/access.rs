//! Who may ask the admin server.
//!
//! With a token, whoever shows it. Without one the server listens on loopback only, and what remains to be kept out is a
//! browser on the same host: DNS rebinding gives itself away by the `Host`, cross-site requests by the `Origin`.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::uri::Authority;
use http::{StatusCode, request};
use subtle::ConstantTimeEq;

use super::AdminError;

/// Who may ask.
pub enum Access {
    /// Whoever shows the token as `Authorization: Bearer TOKEN`.
    Token(Token),
    /// Programs of this host that address the server by a loopback name.
    Loopback(SocketAddr),
}

/// A secret: it is never printed.
pub struct Token(Vec<u8>);

/// The token of the admin server cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot be read.
    #[error("cannot read the admin token from `{}`", path.display())]
    Read {
        /// As configured.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file holds nothing but white space.
    #[error("the admin token file `{}` is empty", path.display())]
    Empty {
        /// As configured.
        path: PathBuf,
    },
}

impl Access {
    /// By the token in a file; white space around it does not count.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is empty.
    pub fn token_file(path: &Path) -> Result<Self, TokenError> {
        let content = std::fs::read(path).map_err(|source| TokenError::Read { path: path.to_owned(), source })?;
        match content.trim_ascii() {
            [] => Err(TokenError::Empty { path: path.to_owned() }),
            token => Ok(Self::Token(Token(token.to_vec()))),
        }
    }

    /// Without a token, on the loopback address that the server is bound to.
    #[must_use]
    pub fn loopback(bound: SocketAddr) -> Self {
        Self::Loopback(bound)
    }

    /// Admits a request or refuses it. `free` requests need no token.
    pub(super) fn admit(&self, head: &request::Parts, free: bool) -> Result<(), AdminError> {
        match self {
            Self::Token(_) if free => Ok(()),
            Self::Token(token) => token.admit(head),
            Self::Loopback(bound) => {
                admit_host(head)?;
                admit_origin(head, *bound)
            }
        }
    }
}

impl Token {
    fn admit(&self, head: &request::Parts) -> Result<(), AdminError> {
        let shown = head.headers.get(AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
        match shown {
            Some(shown) if bool::from(shown.ct_eq(&self.0)) => Ok(()),
            Some(_) => Err(AdminError::new(StatusCode::UNAUTHORIZED, "the bearer token is not the admin server's")),
            None => Err(AdminError::new(
                StatusCode::UNAUTHORIZED,
                "the admin server wants its token: `Authorization: Bearer TOKEN`",
            )),
        }
    }
}

/// The token of `Bearer TOKEN`; the scheme's case does not matter (RFC 9110 §11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

fn admit_host(head: &request::Parts) -> Result<(), AdminError> {
    let host = head.headers.get(HOST).and_then(|value| Authority::try_from(value.as_bytes()).ok());
    match head.uri.authority().or(host.as_ref()) {
        Some(authority) if is_loopback(authority.host()) => Ok(()),
        Some(authority) => Err(misdirected(&format!("`{authority}` is not a loopback name"))),
        None => Err(misdirected("the request names no host")),
    }
}

fn misdirected(problem: &str) -> AdminError {
    let way_out = "the admin server without a token answers to loopback names only, such as `localhost`";
    AdminError::new(StatusCode::MISDIRECTED_REQUEST, format!("{problem}; {way_out}"))
}

fn admit_origin(head: &request::Parts, bound: SocketAddr) -> Result<(), AdminError> {
    match head.headers.get_all(ORIGIN).iter().find(|origin| !is_own(origin.as_bytes(), bound)) {
        None => Ok(()),
        Some(_) => Err(AdminError::new(StatusCode::FORBIDDEN, "requests from pages of another origin are refused")),
    }
}

/// Whether an origin is a page of this server: a loopback name with the port that we are bound to.
fn is_own(origin: &[u8], bound: SocketAddr) -> bool {
    let authority = origin.strip_prefix(b"http://").and_then(|rest| Authority::try_from(rest).ok());
    authority.is_some_and(|own| is_loopback(own.host()) && own.port_u16().unwrap_or(80) == bound.port())
}

fn is_loopback(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    /// The status of the refusal of a request with these header fields; 200 for none.
    fn status(access: &Access, headers: &[(&str, &str)]) -> u16 {
        let request =
            headers.iter().fold(Request::get("/stats"), |request, (name, value)| request.header(*name, *value));
        let (head, ()) = request.body(()).unwrap().into_parts();
        access.admit(&head, false).map_or_else(|error| error.status.as_u16(), |()| 200)
    }

    #[test]
    fn without_a_token_only_loopback_names_are_answered() {
        let access = Access::loopback("127.0.0.1:34998".parse().unwrap());
        for host in ["localhost", "LOCALHOST:34998", "127.0.0.1:34998", "127.9.9.9", "[::1]:1"] {
            assert_eq!(status(&access, &[("host", host)]), 200, "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[::2]", "", "a b"]
        {
            assert_eq!(status(&access, &[("host", host)]), 421, "{host}");
        }
        assert_eq!(status(&access, &[]), 421);
    }

    #[test]
    fn the_host_in_the_request_line_goes_before_the_header() {
        let access = Access::loopback("127.0.0.1:34998".parse().unwrap());
        let request = Request::get("http://evil.example/stats").header("host", "localhost").body(()).unwrap();
        let refusal = access.admit(&request.into_parts().0, false).unwrap_err();
        assert_eq!(refusal.status, 421);
    }

    #[test]
    fn pages_of_another_origin_are_refused() {
        let access = Access::loopback("127.0.0.1:34998".parse().unwrap());
        let from = |origin| status(&access, &[("host", "localhost"), ("origin", origin)]);
        for origin in ["http://127.0.0.1:34998", "http://localhost:34998", "http://[::1]:34998"] {
            assert_eq!(from(origin), 200, "{origin}");
        }
        for origin in [
            "http://localhost:8080",
            "http://localhost",
            "https://localhost:34998",
            "null",
            "http://evil.example:34998",
        ] {
            assert_eq!(from(origin), 403, "{origin}");
        }
        let two = [("host", "localhost"), ("origin", "http://localhost:34998"), ("origin", "http://evil.example")];
        assert_eq!(status(&access, &two), 403);
    }

    #[test]
    fn with_a_token_nothing_but_the_token_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        std::fs::write(&path, "  s3cret\n").unwrap();
        let access = Access::token_file(&path).unwrap();
        for shown in ["Bearer s3cret", "bearer   s3cret "] {
            assert_eq!(status(&access, &[("authorization", shown), ("host", "10.0.0.1")]), 200, "{shown}");
        }
        for shown in ["Bearer s3cre", "Bearer s3crets", "Bearer ", "Bearer", "Basic s3cret", "s3cret", ""] {
            assert_eq!(status(&access, &[("authorization", shown)]), 401, "{shown}");
        }
        assert_eq!(status(&access, &[]), 401);
    }

    #[test]
    fn an_empty_token_file_admits_nobody_and_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), " \n").unwrap();
        assert!(matches!(Access::token_file(file.path()), Err(TokenError::Empty { .. })));
        assert!(matches!(Access::token_file(Path::new("/nowhere/token")), Err(TokenError::Read { .. })));
    }
}
