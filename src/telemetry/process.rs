//! `process_*`: what the kernel says about this process, read from `/proc` whenever the metrics are asked for.

use std::collections::HashMap;
use std::fs;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, Metric, MetricFamily, MetricType};

/// Unit of the times in `/proc`: the kernel's USER_HZ, which is 100 on every architecture that Linux serves user space
/// on (its `sysconf` would need unsafe code).
const TICKS_PER_SECOND: f64 = 100.0;

const FAMILIES: [(&str, &str, MetricType); 4] = [
    ("process_resident_memory_bytes", "Memory in use, in bytes.", MetricType::GAUGE),
    ("process_open_fds", "File descriptors open.", MetricType::GAUGE),
    ("process_cpu_seconds_total", "User and system time, in seconds.", MetricType::COUNTER),
    ("process_start_time_seconds", "Start of the process, in seconds since 1970.", MetricType::GAUGE),
];

#[derive(Clone)]
pub(super) struct ProcessCollector(Vec<Desc>);

impl ProcessCollector {
    pub(super) fn new() -> Self {
        let desc = |(name, help, _): &(&str, &str, MetricType)| {
            Desc::new((*name).to_owned(), (*help).to_owned(), Vec::new(), HashMap::new())
                .expect("names are well-formed")
        };
        Self(FAMILIES.iter().map(desc).collect())
    }
}

impl Collector for ProcessCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.0.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let values = [resident_bytes(), open_files(), cpu_seconds(&stat), start_seconds(&stat)];
        let known = FAMILIES.iter().zip(values).filter_map(|(family, value)| Some((family, value?)));
        known.map(|((name, help, kind), value)| family(name, help, *kind, value)).collect()
    }
}

fn family(name: &str, help: &str, kind: MetricType, value: f64) -> MetricFamily {
    let mut metric = Metric::default();
    if kind == MetricType::COUNTER {
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
    }
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(vec![metric]);
    family
}

fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024.0)
}

/// The descriptor that the folder is read with is among them, and left out.
fn open_files() -> Option<f64> {
    Some(fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1) as f64)
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((field(stat, 14)? + field(stat, 15)?) / TICKS_PER_SECOND)
}

fn start_seconds(stat: &str) -> Option<f64> {
    let system = fs::read_to_string("/proc/stat").ok()?;
    let boot: f64 = system.lines().find_map(|line| line.strip_prefix("btime "))?.parse().ok()?;
    Some(boot + field(stat, 22)? / TICKS_PER_SECOND)
}

/// Field `number` of `/proc/PID/stat` as proc(5) counts them. The second one is the program's name in parentheses and
/// may hold anything, so counting begins behind it.
fn field(stat: &str, number: usize) -> Option<f64> {
    let (_, behind) = stat.rsplit_once(')')?;
    behind.split_ascii_whitespace().nth(number - 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use super::*;

    fn value(name: &str) -> f64 {
        let families = ProcessCollector::new().collect();
        let family = families.iter().find(|family| family.name() == name).unwrap();
        let metric = &family.get_metric()[0];
        metric.get_counter().get_value() + metric.get_gauge().get_value()
    }

    // Tests beside these take and free memory and descriptors too, hence the wide margins.

    #[test]
    fn memory_grows_with_what_is_touched() {
        let before = value("process_resident_memory_bytes");
        let touched = vec![1_u8; 256 << 20];
        let grown = value("process_resident_memory_bytes") - before;
        assert!(grown > 0.5 * touched.len() as f64, "grew by {grown} bytes");
    }

    #[test]
    fn open_files_are_counted() {
        let open: Vec<_> = (0..100).map(|_| fs::File::open("/proc/self/stat").unwrap()).collect();
        let counted = value("process_open_fds");
        assert!((open.len() as f64..100_000.0).contains(&counted), "{counted} are open");
    }

    #[test]
    fn the_start_lies_a_little_in_the_past_and_cpu_time_within_it() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let age = now - value("process_start_time_seconds");
        assert!((-2.0..3600.0).contains(&age), "started {age} s ago");
        let cpu = value("process_cpu_seconds_total");
        assert!(cpu >= 0.0 && cpu < (age + 2.0) * 256.0, "{cpu} s");
    }

    #[test]
    fn a_program_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        assert_eq!(field("1 (a) (b c) S 4 5 6", 4), Some(4.0));
        assert_eq!(field("1 (a) S", 4), None);
    }
}
