//! Counts in metrics and in shared data, also in the background. `/numbers` is answered with all of it, as
//! `{"requests":1,"in_flight":1,"ticks":7,"shared":1}`; other paths pass.

use std::time::Duration;

use proxy_wasm::hostcalls::{define_metric, get_metric, increment_metric, record_metric};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, LogLevel, MetricType, Status};

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Root(None)));
}}

const TICK: Duration = Duration::from_millis(100);
const SHARED: &str = "requests";

#[derive(Clone, Copy)]
struct Metrics {
    requests: u32,
    in_flight: u32,
    headers: u32,
    ticks: u32,
}

impl Metrics {
    fn define() -> Result<Metrics, Status> {
        Ok(Metrics {
            requests: define_metric(MetricType::Counter, "demo_requests")?,
            in_flight: define_metric(MetricType::Gauge, "demo_in_flight")?,
            headers: define_metric(MetricType::Histogram, "demo_request_headers")?,
            ticks: define_metric(MetricType::Counter, "demo_ticks")?,
        })
    }
}

struct Root(Option<Metrics>);

impl Context for Root {}

impl RootContext for Root {
    fn on_vm_start(&mut self, _: usize) -> bool {
        self.0 = Metrics::define().inspect_err(|status| log::error!("no metrics: {status:?}")).ok();
        self.set_tick_period(TICK);
        // Only a key that exists has a version to compare with.
        if self.get_shared_data(SHARED).0.is_none() {
            let _ = self.set_shared_data(SHARED, Some(b"0"), None);
        }
        self.0.is_some()
    }

    fn on_tick(&mut self) {
        if let Some(metrics) = self.0 {
            let _ = increment_metric(metrics.ticks, 1);
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Filter(self.0?)))
    }
}

struct Filter(Metrics);

impl Context for Filter {}

impl HttpContext for Filter {
    fn on_http_request_headers(&mut self, num_headers: usize, _: bool) -> Action {
        let _ = increment_metric(self.0.requests, 1);
        let _ = increment_metric(self.0.in_flight, 1);
        let _ = record_metric(self.0.headers, num_headers as u64);
        self.count_in_shared_data();
        if self.get_http_request_header_bytes(":path").as_deref() != Some(b"/numbers") {
            return Action::Continue;
        }
        let headers = vec![("content-type", "application/json")];
        self.send_http_response(200, headers, Some(self.numbers().as_bytes()));
        Action::Pause
    }

    fn on_log(&mut self) {
        let _ = increment_metric(self.0.in_flight, -1);
    }
}

impl Filter {
    /// Adds one to the number that all vms share: read, add, write unless somebody else wrote meanwhile.
    fn count_in_shared_data(&self) {
        loop {
            let (value, cas) = self.get_shared_data(SHARED);
            let next = (number(value) + 1).to_string();
            if self.set_shared_data(SHARED, Some(next.as_bytes()), cas).is_ok() {
                return;
            }
        }
    }

    fn numbers(&self) -> String {
        let metric = |id| get_metric(id).unwrap_or(0);
        let Metrics { requests, in_flight, ticks, .. } = self.0;
        format!(
            r#"{{"requests":{},"in_flight":{},"ticks":{},"shared":{}}}"#,
            metric(requests),
            metric(in_flight),
            metric(ticks),
            number(self.get_shared_data(SHARED).0)
        )
    }
}

fn number(value: Option<Vec<u8>>) -> u64 {
    value.and_then(|value| std::str::from_utf8(&value).ok()?.parse().ok()).unwrap_or(0)
}
