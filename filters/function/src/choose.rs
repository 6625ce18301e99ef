//! Which function a `wasm` filter runs.

use std::sync::Arc;

use chain::{Exchange, Failure};
use wasm::{Choice, Choose};

use crate::lookup::Chosen;
use crate::registry::Registry;

/// Runs the function that `function_lookup` chose; without a choice the exchange passes on.
#[derive(Debug, Default)]
pub struct ChosenFunction;

impl Choose for ChosenFunction {
    fn choose(&self, exchange: &Exchange) -> Choice {
        match exchange.get::<Chosen>() {
            Some(Chosen(version)) => Choice::Run(Arc::clone(&version.pool)),
            None => Choice::PassOn,
        }
    }
}

/// Runs the function of one id, in the version that is current when the exchange meets the filter.
pub struct NamedFunction {
    registry: Arc<Registry>,
    id: String,
}

impl NamedFunction {
    /// `id` may be installed later; until then exchanges are refused.
    #[must_use]
    pub fn new(registry: Arc<Registry>, id: String) -> Self {
        Self { registry, id }
    }
}

impl Choose for NamedFunction {
    fn choose(&self, exchange: &Exchange) -> Choice {
        match self.registry.get(&self.id) {
            Some(version) => {
                // The access log names the function that was chosen, else the last one that ran.
                if exchange.get::<Chosen>().is_none() {
                    version.record(exchange);
                }
                Choice::Run(Arc::clone(&version.pool))
            }
            None => Choice::Refuse(Failure::NotReady(self.id.clone())),
        }
    }
}
