//! What concerns the process: its limits, and the addresses that it listens on.

use super::checks::Checks;
use crate::config::Config;
use crate::config::place::Place;
use crate::config::value::{Address, Auto, Size};

pub(super) fn check(checks: &mut Checks, config: &Config) {
    if let Auto::Count(threads) = config.threads {
        checks.range("threads".into(), threads, 1..=1024);
    }
    if let Auto::Count(connections) = config.limits.connections {
        checks.at_least_one("limits.connections".into(), connections);
    }
    checks.range("wasm.vms".into(), config.wasm.vms, 1..=100_000);
    checks.range("wasm.max_module".into(), config.wasm.max_module, Size::kib(1)..=Size::gib(1));
    check_vms(checks, config);
    check_admin(checks, config);
    check_addresses(checks, config);
}

/// The functions must fit into the process.
fn check_vms(checks: &mut Checks, config: &Config) {
    let kept: u64 = config.functions.iter().map(|function| u64::from(function.instances.min)).sum();
    let allowed = config.wasm.vms;
    if kept > u64::from(allowed) && checks.whole(&"wasm".into()) {
        let message = format!("the functions keep {kept} vms ready, but the process may have {allowed}");
        checks.refuse("functions".into(), message, "raise `wasm.vms`, or lower `instances.min` of the functions");
    }
}

fn check_admin(checks: &mut Checks, config: &Config) {
    let address = config.admin.address;
    if !address.is_loopback() && config.admin.token_file.is_none() {
        checks.refuse(
            "admin.token_file".into(),
            format!("the admin address `{address}` is not loopback, and no `token_file` protects it"),
            "set `admin.token_file` to a file that holds a secret, or listen on `127.0.0.1`",
        );
    }
}

/// Each address can be listened on once.
fn check_addresses(checks: &mut Checks, config: &Config) {
    let mut taken: Vec<(Place, Address)> = vec![("admin.address".into(), config.admin.address)];
    let probes = config.probes.address.map(|address| (Place::from("probes.address"), address));
    let listeners = config.listeners.iter().enumerate();
    let listeners =
        listeners.map(|(nth, listener)| (Place::from("listeners").index(nth).key("address"), listener.address));
    for (place, address) in probes.into_iter().chain(listeners) {
        if let Some((other, its)) = taken.iter().find(|(_, its)| clash(*its, address)) {
            let message = format!("`{address}` clashes with `{}`, which is `{its}`", checks.in_source(other));
            checks.refuse(place.clone(), message, "choose another port; port 0 takes any free one");
        }
        taken.push((place, address));
    }
}

fn clash(a: Address, b: Address) -> bool {
    let (a, b) = (a.get(), b.get());
    let same_family = a.is_ipv4() == b.is_ipv4();
    let same_ip = a.ip() == b.ip() || (same_family && (a.ip().is_unspecified() || b.ip().is_unspecified()));
    a.port() == b.port() && a.port() != 0 && same_ip
}
