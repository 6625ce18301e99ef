//! Request targets (RFC 9112, section 3.2), with `host` folded into the URI's authority.

use bytes::Bytes;
use chain::Failure;
use http::Method;
use http::uri::{Authority, Parts, PathAndQuery, Scheme, Uri};

/// The URI of a request: path and query as they came, the authority from an absolute target, else from `host`.
pub(super) fn uri(method: &Method, target: Bytes, host: Option<Bytes>) -> Result<Uri, Failure> {
    if target.contains(&b'#') {
        return Err(refuse("the request target has a fragment"));
    }
    let host = host.map(authority).transpose()?;
    match target.first() {
        _ if *method == Method::CONNECT => Err(refuse("CONNECT is not served here")),
        Some(b'/') => assemble(host, path(target)?),
        Some(b'*') if target.len() == 1 && *method == Method::OPTIONS => assemble(host, path(target)?),
        _ => absolute(target),
    }
}

/// An absolute target; its authority takes the place of `host` (RFC 9112, section 3.2.2).
fn absolute(target: Bytes) -> Result<Uri, Failure> {
    let parts = Uri::from_maybe_shared(target).map_err(|_| refuse("the request target is malformed"))?.into_parts();
    let known = matches!(parts.scheme.as_ref().map(Scheme::as_str), Some("http" | "https"));
    let (true, Some(host)) = (known, parts.authority) else {
        return Err(refuse("the request target is neither a path nor an http URI"));
    };
    check(&host)?;
    assemble(Some(host), parts.path_and_query.unwrap_or(PathAndQuery::from_static("/")))
}

fn assemble(authority: Option<Authority>, path: PathAndQuery) -> Result<Uri, Failure> {
    let mut parts = Parts::default();
    parts.scheme = authority.is_some().then_some(Scheme::HTTP);
    parts.authority = authority;
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).map_err(|_| refuse("the request target is malformed"))
}

fn path(target: Bytes) -> Result<PathAndQuery, Failure> {
    PathAndQuery::from_maybe_shared(target).map_err(|_| refuse("the request target is malformed"))
}

fn authority(host: Bytes) -> Result<Authority, Failure> {
    let authority = Authority::from_maybe_shared(host).map_err(|_| refuse("`host` is malformed"))?;
    check(&authority).map(|()| authority)
}

/// Refuses what the parser lets pass: user information, an empty host, a port that is none.
fn check(authority: &Authority) -> Result<(), Failure> {
    let text = authority.as_str();
    let host = authority.host();
    let port = text.strip_prefix(host);
    let well_formed = match port {
        _ if host.is_empty() || text.contains('@') => false,
        Some("" | ":") => true,
        Some(_) => authority.port_u16().is_some(),
        None => false,
    };
    if well_formed { Ok(()) } else { Err(refuse("the authority is malformed")) }
}

fn refuse(reason: &'static str) -> Failure {
    Failure::BadRequest(reason.into())
}
