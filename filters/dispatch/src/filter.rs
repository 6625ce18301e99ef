//! The `dispatch` filter.

use std::sync::Arc;

use chain::{Failure, Filter, Next, Request, Response, async_trait};

use crate::Dispatcher;

/// Gives the guests behind it their [`Scope`](crate::Scope): an `Arc<Scope>` in the exchange.
///
/// A later dispatch filter of the chain replaces the scope of an earlier one, so the nearest in front counts.
pub struct DispatchFilter(pub Arc<Dispatcher>);

#[async_trait]
impl Filter for DispatchFilter {
    async fn handle(&self, request: Request, next: Next) -> Result<Response, Failure> {
        request.exchange.insert(self.0.open());
        next.run(request).await
    }
}
