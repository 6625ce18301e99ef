//! The metrics as lines `name: value`.
//!
//! Envoy's own metrics get the names that Envoy's `/stats` gives them (`http.business.downstream_rq_2xx`), so that what
//! reads those reads these; all others keep their Prometheus name and labels.

use std::fmt::Write;

use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};

/// Renders gathered metrics, sorted by name.
pub(super) fn render(families: &[MetricFamily]) -> String {
    let mut lines: Vec<String> = families.iter().flat_map(family_lines).collect();
    lines.sort_unstable();
    lines.concat()
}

fn family_lines(family: &MetricFamily) -> impl Iterator<Item = String> {
    let kind = family.get_field_type();
    let name = family.name();
    family.get_metric().iter().flat_map(move |metric| {
        let name = stat_name(name, metric.get_label());
        samples(kind, metric).into_iter().map(move |(suffix, value)| format!("{name}{suffix}: {value}\n"))
    })
}

fn samples(kind: MetricType, metric: &Metric) -> Vec<(&'static str, f64)> {
    match kind {
        MetricType::COUNTER => vec![("", metric.get_counter().get_value())],
        MetricType::GAUGE => vec![("", metric.get_gauge().get_value())],
        MetricType::HISTOGRAM => {
            let histogram = metric.get_histogram();
            vec![(".count", histogram.get_sample_count() as f64), (".sum", histogram.get_sample_sum())]
        }
        MetricType::SUMMARY | MetricType::UNTYPED => Vec::new(), // nobody registers one
    }
}

fn stat_name(name: &str, labels: &[LabelPair]) -> String {
    let label = |wanted| labels.iter().find(|label| label.name() == wanted).map(LabelPair::value);
    let class = label("envoy_response_code_class");
    let leaf = |leaf: &str| class.map_or_else(|| leaf.to_owned(), |class| leaf.replace("_xx", &format!("_{class}xx")));
    if let (Some(rest), Some(listener)) = (name.strip_prefix("envoy_http_"), label("envoy_http_conn_manager_prefix")) {
        return format!("http.{listener}.{}", leaf(rest));
    }
    if let (Some(rest), Some(cluster)) = (name.strip_prefix("envoy_cluster_"), label("envoy_cluster_name")) {
        return format!("cluster.{cluster}.{}", leaf(rest));
    }
    with_labels(name, labels)
}

fn with_labels(name: &str, labels: &[LabelPair]) -> String {
    let mut text = name.to_owned();
    for (at, label) in labels.iter().enumerate() {
        let separator = if at == 0 { '{' } else { ',' };
        write!(text, "{separator}{}={:?}", label.name(), label.value()).expect("a String takes all text");
    }
    if !labels.is_empty() {
        text.push('}');
    }
    text
}
