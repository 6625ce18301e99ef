use super::*;

struct Process {
    registry: Registry,
    metrics: GuestMetrics,
}

impl Process {
    fn new() -> Self {
        let registry = Registry::new();
        Self { metrics: GuestMetrics::new(&registry), registry }
    }

    fn open(&self, function: &str) -> GuestMetricsHandle {
        self.metrics.open(&function.into())
    }

    /// What a scrape gives, without comments and buckets.
    fn scrape(&self) -> Vec<String> {
        let text = prometheus::TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap();
        let keep = |line: &&str| !line.starts_with("# HELP") && !line.contains("_bucket{");
        text.lines().filter(keep).map(str::to_owned).collect()
    }
}

fn define(handle: &GuestMetricsHandle, kind: Kind, name: &str) -> Series {
    let id = handle.define(kind, name.as_bytes()).unwrap();
    handle.series(id).unwrap()
}

#[test]
fn values_follow_the_rules_of_their_kind() {
    let process = Process::new();
    let handle = process.open("f");
    let counter = define(&handle, Kind::Counter, "c");
    counter.increment(3).unwrap();
    counter.record(2);
    assert_eq!(counter.get(), Ok(5));
    assert_eq!(counter.increment(0), Ok(()));
    assert_eq!(counter.increment(-1), Err(Status::BadArgument));
    let gauge = define(&handle, Kind::Gauge, "g");
    gauge.record(5);
    gauge.increment(-2).unwrap();
    assert_eq!(gauge.get(), Ok(3));
    gauge.increment(-4).unwrap();
    assert_eq!(gauge.get(), Ok(u64::MAX));
    let histogram = define(&handle, Kind::Histogram, "h");
    histogram.record(7);
    assert_eq!(histogram.get(), Err(Status::BadArgument));
    assert_eq!(histogram.increment(1), Err(Status::BadArgument));
    let exported = process.scrape();
    for line in ["c{function=\"f\"} 5", "g{function=\"f\"} -1", "h_sum{function=\"f\"} 7", "h_count{function=\"f\"} 1"]
    {
        assert!(exported.iter().any(|exported| exported == line), "{line} is not in {exported:?}");
    }
}

#[test]
fn defining_again_gives_the_same_id() {
    let process = Process::new();
    let handle = process.open("f");
    let id = handle.define(Kind::Counter, b"a.b").unwrap();
    assert_eq!(handle.define(Kind::Counter, b"a.b"), Ok(id));
    assert_eq!(handle.define(Kind::Counter, b"a_b"), Ok(id));
    assert_ne!(handle.define(Kind::Gauge, b"a.b"), Ok(id));
    assert!(handle.series(0).is_err_and(|status| status == Status::NotFound));
    assert!(handle.series(99).is_err_and(|status| status == Status::NotFound));
}

#[test]
fn names_are_made_valid_and_ours_are_refused() {
    assert_eq!(exported_name("läuft.v-1".as_bytes()).unwrap(), "l_uft_v_1");
    assert_eq!(exported_name(b"9lives\xff").unwrap(), "_9lives_");
    for refused in ["", "outrigger_x", "outrigger.x", "envoy-x", "process_x", &"x".repeat(MAX_NAME + 1)] {
        assert_eq!(exported_name(refused.as_bytes()), None, "{refused}");
    }
}

#[test]
fn a_name_has_one_type_whoever_exports_it() {
    let process = Process::new();
    let (one, two) = (process.open("f1"), process.open("f2"));
    define(&one, Kind::Counter, "x").record(1);
    define(&one, Kind::Gauge, "x_gauge").record(2);
    define(&one, Kind::Gauge, "x").record(3);
    define(&two, Kind::Gauge, "x").record(4);
    define(&two, Kind::Counter, "x").record(5);
    assert_eq!(
        process.scrape(),
        [
            "# TYPE x counter",
            "x{function=\"f1\"} 1",
            "x{function=\"f2\"} 5",
            "# TYPE x_gauge gauge",
            "x_gauge{function=\"f1\"} 2",
            "x_gauge{function=\"f2\"} 4",
            "# TYPE x_gauge_gauge gauge",
            "x_gauge_gauge{function=\"f1\"} 3",
        ]
    );
}

#[test]
fn the_samples_of_a_histogram_are_names_too() {
    let process = Process::new();
    let handle = process.open("f");
    define(&handle, Kind::Counter, "a_count").record(1);
    define(&handle, Kind::Histogram, "a").record(2);
    define(&handle, Kind::Histogram, "b").record(3);
    define(&handle, Kind::Counter, "b_count").record(4);
    assert_eq!(
        process.scrape(),
        [
            "# TYPE a_count counter",
            "a_count{function=\"f\"} 1",
            "# TYPE a_histogram histogram",
            "a_histogram_sum{function=\"f\"} 2",
            "a_histogram_count{function=\"f\"} 1",
            "# TYPE b histogram",
            "b_sum{function=\"f\"} 3",
            "b_count{function=\"f\"} 1",
            "# TYPE b_count_counter counter",
            "b_count_counter{function=\"f\"} 4",
        ]
    );
}

#[test]
fn versions_share_a_value_and_it_goes_with_the_last_of_them() {
    let process = Process::new();
    let old = process.open("f");
    define(&old, Kind::Counter, "c").record(2);
    define(&old, Kind::Counter, "only_old").record(1);
    let new = process.open("f");
    define(&new, Kind::Counter, "c").record(3);
    assert_eq!(define(&old, Kind::Counter, "c").get(), Ok(5));
    drop(old);
    assert_eq!(process.scrape(), ["# TYPE c counter", "c{function=\"f\"} 5"]);
    drop(new);
    assert!(process.scrape().is_empty());
    assert_eq!(define(&process.open("f"), Kind::Gauge, "c").get(), Ok(0));
}

#[test]
fn a_function_cannot_define_more_than_its_share() {
    let process = Process::new();
    let handle = process.open("f");
    for number in 0..MAX_METRICS {
        define(&handle, Kind::Counter, &format!("c{number}"));
    }
    assert_eq!(handle.define(Kind::Counter, b"one_more"), Err(Status::InternalFailure));
    assert!(handle.define(Kind::Counter, b"c7").is_ok());
    assert!(process.open("g").define(Kind::Counter, b"one_more").is_ok());
}
