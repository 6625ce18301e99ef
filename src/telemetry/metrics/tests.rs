use std::sync::Arc;

use chain::{Connection, Exchange};
use http::{Request, Response, StatusCode};

use super::*;

fn exchange(status: Option<u16>) -> Arc<Exchange> {
    let address = "127.0.0.1:1".parse().unwrap();
    let connection = Connection { id: 1, listener: "business".into(), peer: address, local: address };
    let (head, ()) = Request::new(()).into_parts();
    let exchange = Exchange::new(Arc::new(connection), None, &head);
    let response = status.map(|status| Response::builder().status(status).body(()).unwrap().into_parts().0);
    exchange.park(|parked| parked.response = response);
    exchange
}

/// Asserts that each of `lines` is a line of `text`.
fn has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|there| there == *line), "`{line}` is missing in\n{text}");
    }
}

#[test]
fn a_listeners_exchanges_are_counted_under_envoys_names() {
    let metrics = Metrics::new("1.2.3");
    let listener = metrics.listener("business", AccessLog::none());
    listener.connection_opened();
    listener.connection_opened();
    listener.connection_closed();
    for status in [Some(200), Some(204), Some(503), None, Some(999)] {
        listener.exchange_started();
        listener.exchange_ended(&exchange(status));
    }
    listener.exchange_started();
    has(
        &metrics.prometheus(),
        &[
            r#"envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix="business"} 6"#,
            r#"envoy_http_downstream_rq_xx{envoy_http_conn_manager_prefix="business",envoy_response_code_class="2"} 2"#,
            r#"envoy_http_downstream_rq_xx{envoy_http_conn_manager_prefix="business",envoy_response_code_class="4"} 0"#,
            r#"envoy_http_downstream_rq_xx{envoy_http_conn_manager_prefix="business",envoy_response_code_class="5"} 1"#,
            r#"envoy_http_downstream_rq_active{envoy_http_conn_manager_prefix="business"} 1"#,
            r#"envoy_http_downstream_rq_time_count{envoy_http_conn_manager_prefix="business"} 5"#,
            r#"envoy_http_downstream_rq_time_bucket{envoy_http_conn_manager_prefix="business",le="3600000"} 5"#,
            r#"envoy_http_downstream_cx_total{envoy_http_conn_manager_prefix="business"} 2"#,
            r#"envoy_http_downstream_cx_active{envoy_http_conn_manager_prefix="business"} 1"#,
        ],
    );
}

#[test]
fn a_clusters_requests_are_counted_under_envoys_names() {
    let metrics = Metrics::new("1.2.3");
    let cluster = metrics.cluster("app");
    cluster.request_started();
    cluster.request_ended(Some(StatusCode::OK));
    cluster.request_started();
    cluster.retried();
    cluster.timed_out();
    cluster.request_ended(None);
    cluster.connection_opened();
    cluster.connection_closed();
    cluster.connect_failed();
    has(
        &metrics.prometheus(),
        &[
            r#"envoy_cluster_upstream_rq_total{envoy_cluster_name="app"} 2"#,
            r#"envoy_cluster_upstream_rq_xx{envoy_cluster_name="app",envoy_response_code_class="2"} 1"#,
            r#"envoy_cluster_upstream_rq_retry{envoy_cluster_name="app"} 1"#,
            r#"envoy_cluster_upstream_rq_timeout{envoy_cluster_name="app"} 1"#,
            r#"envoy_cluster_upstream_cx_total{envoy_cluster_name="app"} 1"#,
            r#"envoy_cluster_upstream_cx_active{envoy_cluster_name="app"} 0"#,
            r#"envoy_cluster_upstream_cx_connect_fail{envoy_cluster_name="app"} 1"#,
        ],
    );
}

#[test]
fn the_next_configuration_goes_on_with_a_listeners_counters() {
    let metrics = Metrics::new("1.2.3");
    metrics.listener("business", AccessLog::none()).exchange_started();
    metrics.listener("business", AccessLog::none()).exchange_started();
    has(&metrics.prometheus(), &[r#"envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix="business"} 2"#]);
}

#[test]
fn the_process_tells_its_build_its_configuration_and_its_memory() {
    let metrics = Metrics::new("1.2.3");
    metrics.config_loaded(4);
    metrics.config_refused();
    let text = metrics.prometheus();
    has(
        &text,
        &[
            r#"outrigger_build_info{version="1.2.3"} 1"#,
            "outrigger_config_generation 4",
            r#"outrigger_config_reloads_total{result="ok"} 1"#,
            r#"outrigger_config_reloads_total{result="error"} 1"#,
            "outrigger_access_log_dropped_total 0",
            "# TYPE process_cpu_seconds_total counter",
        ],
    );
    for name in ["process_resident_memory_bytes ", "process_open_fds ", "process_start_time_seconds "] {
        assert!(text.lines().any(|line| line.starts_with(name)), "`{name}` is missing in\n{text}");
    }
}

#[test]
fn stats_give_envoys_metrics_the_names_of_envoys_stats() {
    let metrics = Metrics::new("1.2.3");
    let listener = metrics.listener("business", AccessLog::none());
    listener.exchange_started();
    listener.exchange_ended(&exchange(Some(404)));
    metrics.cluster("app").request_ended(Some(StatusCode::CREATED));
    metrics.config_loaded(4);
    let text = metrics.stats();
    has(
        &text,
        &[
            "http.business.downstream_rq_total: 1",
            "http.business.downstream_rq_4xx: 1",
            "http.business.downstream_rq_time.count: 1",
            "cluster.app.upstream_rq_2xx: 1",
            "outrigger_config_generation: 4",
            r#"outrigger_config_reloads_total{result="ok"}: 1"#,
        ],
    );
    assert!(text.lines().is_sorted(), "{text}");
}
