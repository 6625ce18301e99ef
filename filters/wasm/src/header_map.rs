//! Header maps as guests see them: pseudo-headers first, then the fields; names in lower case.

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, StatusCode, Uri, request, response};

use crate::abi::Status;

/// A map that belongs to a head or to trailers.
pub(crate) enum MapMut<'a> {
    Request(&'a mut request::Parts),
    Response(&'a mut response::Parts),
    Fields(&'a mut HeaderMap),
}

/// The same, to look at.
#[derive(Clone, Copy)]
pub(crate) enum MapRef<'a> {
    Request(&'a request::Parts),
    Response(&'a response::Parts),
    Fields(&'a HeaderMap),
}

type Pair<'a> = (&'a [u8], &'a [u8]);

impl<'a> MapRef<'a> {
    fn fields(self) -> &'a HeaderMap {
        match self {
            Self::Request(head) => &head.headers,
            Self::Response(head) => &head.headers,
            Self::Fields(fields) => fields,
        }
    }

    fn pseudo(self) -> [Option<Pair<'a>>; 4] {
        match self {
            Self::Request(head) => [
                Some((&b":method"[..], head.method.as_str().as_bytes())),
                head.uri.path_and_query().map(|path| (&b":path"[..], path.as_str().as_bytes())),
                head.uri.authority().map(|authority| (&b":authority"[..], authority.as_str().as_bytes())),
                head.uri.scheme_str().map(|scheme| (&b":scheme"[..], scheme.as_bytes())),
            ],
            Self::Response(head) => [Some((&b":status"[..], head.status.as_str().as_bytes())), None, None, None],
            Self::Fields(_) => [None; 4],
        }
    }

    /// All entries, in the order in which guests get them.
    pub(crate) fn pairs(self) -> impl Iterator<Item = Pair<'a>> {
        let fields = self.fields().iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
        self.pseudo().into_iter().flatten().chain(fields)
    }

    /// Number of entries.
    pub(crate) fn len(self) -> u32 {
        let pseudo = self.pseudo().iter().flatten().count();
        u32::try_from(self.fields().len() + pseudo).unwrap_or(u32::MAX)
    }

    /// The first value of a name, which is compared without regard to case.
    pub(crate) fn get(self, name: &[u8]) -> Option<&'a [u8]> {
        if name.first() == Some(&b':') {
            let mut pseudo = self.pseudo().into_iter().flatten();
            return pseudo.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        }
        // `host` is folded into the authority; guests of other proxies ask for either.
        if let (Self::Request(head), true) = (self, name.eq_ignore_ascii_case(b"host")) {
            return head.uri.authority().map(|authority| authority.as_str().as_bytes());
        }
        let name = HeaderName::from_bytes(name).ok()?;
        self.fields().get(name).map(HeaderValue::as_bytes)
    }
}

impl MapMut<'_> {
    pub(crate) fn add(&mut self, name: &[u8], value: &[u8]) -> Result<(), Status> {
        if self.set_pseudo(name, value)? {
            return Ok(());
        }
        let (name, value) = (field_name(name)?, field_value(value)?);
        self.fields().try_append(name, value).map_err(|_| Status::BadArgument)?;
        Ok(())
    }

    pub(crate) fn replace(&mut self, name: &[u8], value: &[u8]) -> Result<(), Status> {
        if self.set_pseudo(name, value)? {
            return Ok(());
        }
        let (name, value) = (field_name(name)?, field_value(value)?);
        self.fields().try_insert(name, value).map_err(|_| Status::BadArgument)?;
        Ok(())
    }

    pub(crate) fn remove(&mut self, name: &[u8]) {
        match self {
            Self::Request(head) if name.eq_ignore_ascii_case(b":authority") || name.eq_ignore_ascii_case(b"host") => {
                remove_authority(head);
            }
            _ => {
                if let Ok(name) = HeaderName::from_bytes(name) {
                    self.fields().remove(name);
                }
            }
        }
    }

    /// Replaces the whole map; on an invalid entry nothing changes.
    pub(crate) fn set_all(&mut self, pairs: &[(&[u8], &[u8])]) -> Result<(), Status> {
        let mut fields = HeaderMap::with_capacity(pairs.len());
        for (name, value) in pairs.iter().filter(|(name, _)| !is_pseudo(name)) {
            fields.try_append(field_name(name)?, field_value(value)?).map_err(|_| Status::BadArgument)?;
        }
        self.set_all_pseudo(pairs.iter().filter(|(name, _)| is_pseudo(name)))?;
        *self.fields() = fields;
        Ok(())
    }

    fn set_all_pseudo<'p>(&mut self, pairs: impl Iterator<Item = &'p (&'p [u8], &'p [u8])>) -> Result<(), Status> {
        let before = match self {
            Self::Request(head) => Some((head.method.clone(), head.uri.clone())),
            _ => None,
        };
        for (name, value) in pairs {
            if let Err(status) = self.set_pseudo(name, value) {
                if let (Self::Request(head), Some((method, uri))) = (self, before) {
                    (head.method, head.uri) = (method, uri);
                }
                return Err(status);
            }
        }
        Ok(())
    }

    fn fields(&mut self) -> &mut HeaderMap {
        match self {
            Self::Request(head) => &mut head.headers,
            Self::Response(head) => &mut head.headers,
            Self::Fields(fields) => fields,
        }
    }

    /// `true` when the name was a pseudo-header (or `host`) and has been set.
    fn set_pseudo(&mut self, name: &[u8], value: &[u8]) -> Result<bool, Status> {
        match self {
            Self::Request(head) => set_request_pseudo(head, name, value),
            Self::Response(head) if name.eq_ignore_ascii_case(b":status") => {
                head.status = StatusCode::from_bytes(value).map_err(|_| Status::BadArgument)?;
                Ok(true)
            }
            _ if is_pseudo(name) => Err(Status::BadArgument),
            _ => Ok(false),
        }
    }
}

fn is_pseudo(name: &[u8]) -> bool {
    name.first() == Some(&b':')
}

fn field_name(name: &[u8]) -> Result<HeaderName, Status> {
    HeaderName::from_bytes(name).map_err(|_| Status::BadArgument)
}

/// Values are any bytes but control characters (RFC 9110 §5.5).
fn field_value(value: &[u8]) -> Result<HeaderValue, Status> {
    HeaderValue::from_bytes(value).map_err(|_| Status::BadArgument)
}

fn set_request_pseudo(head: &mut request::Parts, name: &[u8], value: &[u8]) -> Result<bool, Status> {
    let bad = |_| Status::BadArgument;
    if name.eq_ignore_ascii_case(b":method") {
        head.method = Method::from_bytes(value).map_err(|_| Status::BadArgument)?;
    } else if name.eq_ignore_ascii_case(b":path") {
        let path = PathAndQuery::from_maybe_shared(Bytes::copy_from_slice(value)).map_err(bad)?;
        edit_uri(head, |parts| parts.path_and_query = Some(path))?;
    } else if name.eq_ignore_ascii_case(b":authority") || name.eq_ignore_ascii_case(b"host") {
        let authority = Authority::from_maybe_shared(Bytes::copy_from_slice(value)).map_err(bad)?;
        edit_uri(head, |parts| {
            parts.authority = Some(authority);
            parts.scheme.get_or_insert(Scheme::HTTP);
        })?;
    } else if name.eq_ignore_ascii_case(b":scheme") {
        let scheme = Scheme::try_from(value).map_err(bad)?;
        edit_uri(head, |parts| parts.scheme = Some(scheme))?;
    } else {
        return if is_pseudo(name) { Err(Status::BadArgument) } else { Ok(false) };
    }
    Ok(true)
}

fn edit_uri(head: &mut request::Parts, edit: impl FnOnce(&mut http::uri::Parts)) -> Result<(), Status> {
    let mut parts = head.uri.clone().into_parts();
    edit(&mut parts);
    head.uri = Uri::from_parts(parts).map_err(|_| Status::BadArgument)?;
    Ok(())
}

fn remove_authority(head: &mut request::Parts) {
    // A URI without authority cannot have a scheme either.
    let _ = edit_uri(head, |parts| {
        parts.authority = None;
        parts.scheme = None;
    });
}
