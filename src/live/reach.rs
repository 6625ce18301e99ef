//! What root contexts may reach: they are in no chain, so whatever any chain that can run their function may reach.

use std::sync::Arc;

use dispatch::{Dispatcher, Names, Scope};

/// Which functions can run behind which dispatch filter.
#[derive(Default)]
pub(super) struct Reach(Vec<(Names, Arc<Dispatcher>)>);

impl Reach {
    /// Functions of these names can run behind the dispatcher.
    pub(super) fn add(&mut self, functions: Names, dispatcher: &Arc<Dispatcher>) {
        self.0.push((functions, Arc::clone(dispatcher)));
    }

    /// The scope of a function's root contexts; `None` reaches nothing.
    pub(super) fn root_scope(&self, function: &str) -> Option<Arc<Scope>> {
        let behind = self.0.iter().filter(|(functions, _)| functions.contains(function));
        let dispatchers: Vec<_> = behind.map(|(_, dispatcher)| Arc::clone(dispatcher)).collect();
        Some(Arc::new(Dispatcher::union(&dispatchers)?).open_root())
    }
}
