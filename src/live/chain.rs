//! Chains: the filters of a listener, built in their order.

use std::sync::Arc;

use chain::{Filter, Route};
use dispatch::{DispatchFilter, Dispatcher, Names, Targets};
use function::{ChosenFunction, FunctionLookup, Missing, NamedFunction, Registry};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use wasm::WasmFilter;

use super::reach::Reach;
use super::spec;
use crate::config::filter::{self, FilterConfig};
use crate::config::{self, Place, Problem};
use crate::exchange::Chain;
use crate::upstream::{Clusters, DirectResponse, Router};

/// What filters are built with.
pub(super) struct Builder<'a> {
    pub(super) targets: &'a Arc<Targets>,
    pub(super) dispatch_metrics: &'a Arc<dispatch::Metrics>,
    pub(super) registry: &'a Arc<Registry>,
    pub(super) clusters: &'a Arc<Clusters>,
    pub(super) reach: &'a mut Reach,
}

/// What the filters behind one filter need to know of those in front.
#[derive(Default)]
struct InFront {
    dispatcher: Option<Arc<Dispatcher>>,
    /// Functions that `function_lookup` can choose.
    chosen: Option<Names>,
}

impl Builder<'_> {
    /// The filters that are not disabled, in their order.
    pub(super) fn chain(&mut self, listener: &config::Listener, place: &Place) -> Result<Chain, Problem> {
        let mut in_front = InFront::default();
        let mut filters = Vec::new();
        for (index, entry) in listener.filters.iter().enumerate().filter(|(_, entry)| !entry.disabled) {
            let place = place.key("filters").index(index).key("config");
            filters.push(self.filter(&entry.config, &mut in_front, &place)?);
        }
        Ok(filters.into())
    }

    fn filter(
        &mut self,
        config: &FilterConfig,
        in_front: &mut InFront,
        place: &Place,
    ) -> Result<Arc<dyn Filter>, Problem> {
        Ok(match config {
            FilterConfig::Dispatch(config) => {
                let dispatcher = self.dispatcher(config, place)?;
                self.reach.add(spec::names(&config.functions), &dispatcher);
                in_front.dispatcher = Some(Arc::clone(&dispatcher));
                Arc::new(DispatchFilter(dispatcher))
            }
            FilterConfig::FunctionLookup(config) => {
                in_front.chosen = Some(spec::names(&config.allow));
                Arc::new(self.function_lookup(config))
            }
            FilterConfig::Wasm(config) => self.wasm(config, in_front),
            FilterConfig::Router(config) => Arc::new(self.router(config, place)?),
            FilterConfig::DirectResponse(config) => Arc::new(direct_response(config, place)?),
        })
    }

    fn dispatcher(&self, config: &filter::Dispatch, place: &Place) -> Result<Arc<Dispatcher>, Problem> {
        let built = Dispatcher::new(spec::policy(config), Arc::clone(self.targets), Arc::clone(self.dispatch_metrics));
        built.map(Arc::new).map_err(|error| Problem::new(place.clone(), error.to_string()))
    }

    fn function_lookup(&self, config: &filter::FunctionLookup) -> FunctionLookup {
        let missing = match config.missing {
            filter::Missing::Refuse => Missing::Refuse,
            filter::Missing::Next => Missing::Next,
        };
        // The configuration takes tokens in lower case only, which are header names.
        let header = HeaderName::from_bytes(config.header.as_str().as_bytes());
        let header = header.unwrap_or(HeaderName::from_static("id"));
        FunctionLookup::new(Arc::clone(self.registry), header, missing, spec::names(&config.allow))
    }

    fn wasm(&mut self, config: &filter::Wasm, in_front: &InFront) -> Arc<dyn Filter> {
        let runs = match &config.function {
            Some(name) => Names::Some([name.to_string()].into()),
            None => in_front.chosen.clone().unwrap_or_default(),
        };
        if let Some(dispatcher) = &in_front.dispatcher {
            self.reach.add(runs, dispatcher);
        }
        match &config.function {
            Some(name) => Arc::new(WasmFilter::new(NamedFunction::new(Arc::clone(self.registry), name.to_string()))),
            None => Arc::new(WasmFilter::new(ChosenFunction)),
        }
    }

    fn router(&self, config: &filter::Router, place: &Place) -> Result<Router, Problem> {
        let missing = || Problem::new(place.key("cluster"), format!("no cluster is named `{}`", config.cluster));
        let cluster = self.clusters.get(&config.cluster).ok_or_else(missing)?;
        Ok(Router::new(Arc::clone(cluster))
            .timeout(config.timeout.into())
            .per_try_timeout(config.per_try_timeout.into())
            .retries(config.retries))
    }
}

fn direct_response(config: &filter::DirectResponse, place: &Place) -> Result<DirectResponse, Problem> {
    let status = StatusCode::from_u16(config.status)
        .map_err(|_| Problem::new(place.key("status"), format!("`{}` is not a status", config.status)))?;
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let place = place.key("headers").key(name.as_str());
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) else {
            return Err(Problem::new(place, "the value is not that of a header"));
        };
        headers.insert(name, value);
    }
    Ok(DirectResponse { status, body: config.body.clone().into(), headers })
}

/// The one route of a listener whose chain ends in a router.
pub(super) fn route(listener: &config::Listener) -> Option<Arc<Route>> {
    listener.filters.iter().filter(|entry| !entry.disabled).find_map(|entry| match &entry.config {
        FilterConfig::Router(router) => {
            let cluster = spec::shared(&router.cluster);
            Some(Arc::new(Route { name: Arc::clone(&cluster), cluster }))
        }
        _ => None,
    })
}
