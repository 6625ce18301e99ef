//! How much of the machine there is: CPUs and descriptors.

use std::fs;

use crate::config::Limits;

/// CPUs that this process may use: those of its affinity, or fewer by the cgroup's quota, rounded up; at least 1.
#[must_use]
pub fn cpus() -> usize {
    let allowed = fs::read_to_string("/proc/self/status").ok().and_then(|status| allowed_cpus(&status));
    let allowed = allowed.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    match quota() {
        Some(quota) => quota.clamp(1, allowed),
        None => allowed,
    }
}

/// Connections of the whole process; `auto` leaves half of the descriptors, less a reserve, to upstreams.
pub(super) fn connections(limits: &Limits) -> usize {
    limits.connections.unwrap_or_else(|| {
        let limit = fs::read_to_string("/proc/self/limits").ok().and_then(|limits| open_files(&limits));
        let half = limit.unwrap_or(1024).saturating_sub(256) / 2;
        u32::try_from(half).unwrap_or(u32::MAX).max(1)
    }) as usize
}

/// `Cpus_allowed_list: 0-3,8` of proc(5).
fn allowed_cpus(status: &str) -> Option<usize> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    list.trim().split(',').map(range_len).sum()
}

fn range_len(range: &str) -> Option<usize> {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let (first, last) = (first.parse::<usize>().ok()?, last.parse::<usize>().ok()?);
    last.checked_sub(first).map(|steps| steps + 1)
}

/// The quota of this process' cgroup (version 2), in whole CPUs, rounded up.
fn quota() -> Option<usize> {
    let group = fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = group.lines().find_map(|line| line.strip_prefix("0::"))?.to_owned();
    let file = format!("/sys/fs/cgroup{}/cpu.max", group.trim_end_matches('/'));
    let text = fs::read_to_string(file).or_else(|_| fs::read_to_string("/sys/fs/cgroup/cpu.max")).ok()?;
    quota_cpus(&text)
}

/// `QUOTA PERIOD` or `max PERIOD`, in microseconds.
fn quota_cpus(text: &str) -> Option<usize> {
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period) = (quota.parse::<usize>().ok()?, period.parse::<usize>().ok()?);
    (period > 0).then(|| quota.div_ceil(period))
}

/// The soft limit of `Max open files` of proc(5).
fn open_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_rounded_up() {
        assert_eq!(quota_cpus("150000 100000\n"), Some(2));
        assert_eq!(quota_cpus("50000 100000\n"), Some(1));
        assert_eq!(quota_cpus("max 100000\n"), None);
    }

    #[test]
    fn the_affinity_is_a_list_of_ranges() {
        assert_eq!(allowed_cpus("Name:\tx\nCpus_allowed_list:\t0-3,8\n"), Some(5));
        assert_eq!(allowed_cpus("Name:\tx\n"), None);
    }

    #[test]
    fn the_soft_limit_of_open_files_is_read() {
        assert_eq!(
            open_files("Max open files            1024                 524288               files\n"),
            Some(1024)
        );
        assert_eq!(open_files("Max open files            unlimited            unlimited            files\n"), None);
    }
}
