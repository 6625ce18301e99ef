//! `function_lookup`: chooses the function by a request header.

use std::sync::Arc;

use chain::{Failure, Filter, Next, Request, Response, async_trait};
use dispatch::Names;
use http::HeaderName;

use crate::registry::Registry;
use crate::version::Version;

/// What becomes of a request that names no function, or an unknown one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It is answered with 400 or 404.
    Refuse,
    /// It passes on.
    Next,
}

/// The `function_lookup` filter.
pub struct FunctionLookup {
    registry: Arc<Registry>,
    header: HeaderName,
    missing: Missing,
    allow: Names,
}

/// The version that was chosen for an exchange; it stays with it.
#[derive(Clone)]
pub(crate) struct Chosen(pub(crate) Arc<Version>);

impl FunctionLookup {
    /// Reads `header`; functions outside `allow` are unknown.
    #[must_use]
    pub fn new(registry: Arc<Registry>, header: HeaderName, missing: Missing, allow: Names) -> Self {
        Self { registry, header, missing, allow }
    }

    fn find(&self, request: &Request) -> Result<Arc<Version>, Failure> {
        let missing = || Failure::FunctionIdMissing { header: self.header.to_string() };
        let id = request.head.headers.get(&self.header).ok_or_else(missing)?;
        if id.is_empty() {
            return Err(missing());
        }
        let unknown = || Failure::FunctionNotFound { id: String::from_utf8_lossy(id.as_bytes()).into_owned() };
        let id = id.to_str().map_err(|_| unknown())?;
        if !self.allow.contains(id) {
            return Err(unknown());
        }
        self.registry.get(id).ok_or_else(unknown)
    }
}

#[async_trait]
impl Filter for FunctionLookup {
    async fn handle(&self, request: Request, next: Next) -> Result<Response, Failure> {
        match self.find(&request) {
            Ok(version) => {
                version.record(&request.exchange);
                request.exchange.insert(Chosen(version));
            }
            Err(failure) if self.missing == Missing::Refuse => return Ok(request.refuse(failure)),
            Err(_) => (),
        }
        next.run(request).await
    }
}
