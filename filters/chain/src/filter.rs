//! Filters and the chain that they form.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Failure, Request, Response};

/// One stage of a chain.
///
/// One value serves every exchange, so what belongs to a single exchange lives in the call or in its
/// [`Exchange`](crate::Exchange). A `handle` may be dropped at any await (the client left, a reply won): nothing is
/// cleaned up after an await. Work that must happen is a finish hook
/// ([`Exchange::on_finish`](crate::Exchange::on_finish)).
#[async_trait]
pub trait Filter: Send + Sync + 'static {
    /// Handles one exchange: may change the request, answer by itself, or run the rest of the chain and change its
    /// response.
    ///
    /// # Errors
    ///
    /// A failure on the request side is turned into a response where it happens ([`Failure::into_response`]), so that
    /// outer filters see it. `Err` is for the response side: it travels past the outer filters to the exchange.
    async fn handle(&self, request: Request, next: Next) -> Result<Response, Failure>;
}

/// The rest of a chain: the filters behind the one that is running.
///
/// Owned, so that it can be carried into a `'static` service.
#[derive(Clone)]
pub struct Next {
    chain: Arc<[Arc<dyn Filter>]>,
    at: usize,
}

impl Next {
    /// A whole chain, before its first filter.
    #[must_use]
    pub fn new(chain: Arc<[Arc<dyn Filter>]>) -> Self {
        Self { chain, at: 0 }
    }

    /// Runs the remaining filters.
    ///
    /// # Errors
    ///
    /// Whatever travels on the response side (see [`Filter::handle`]).
    pub async fn run(self, request: Request) -> Result<Response, Failure> {
        let Self { chain, at } = self;
        match chain.get(at) {
            Some(filter) => filter.handle(request, Self { chain: Arc::clone(&chain), at: at + 1 }).await,
            None => Ok(request.refuse(Failure::NoFilterAnswered)),
        }
    }
}
