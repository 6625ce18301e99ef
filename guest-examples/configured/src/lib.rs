//! The root context that most filters need: it reads the configuration as JSON, refuses what does not fit, and makes a
//! filter for each exchange that knows the settings.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{ContextType, LogLevel};
use serde::de::DeserializeOwned;

/// A filter for one exchange, made from the settings of its function.
pub trait Filter: HttpContext + 'static {
    type Settings: DeserializeOwned + 'static;

    fn new(settings: Rc<Self::Settings>) -> Self;
}

/// Makes `F` the filter of this module. For the block of `proxy_wasm::main!`.
pub fn serve<F: Filter>() {
    // Lets `log` write through the host, and reports panics there too.
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Root::<F> { settings: None }));
}

struct Root<F: Filter> {
    settings: Option<Rc<F::Settings>>,
}

impl<F: Filter> Context for Root<F> {}

impl<F: Filter> RootContext for Root<F> {
    /// `false` refuses the configuration: the host does not put the function into service.
    fn on_configure(&mut self, _: usize) -> bool {
        let configuration = self.get_plugin_configuration().unwrap_or_default();
        match serde_json::from_slice(&configuration) {
            Ok(settings) => self.settings = Some(Rc::new(settings)),
            Err(error) => {
                log::error!("the configuration is refused: {error}");
                return false;
            }
        }
        true
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(F::new(self.settings.clone()?)))
    }
}
