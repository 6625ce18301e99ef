//! Functions.

use super::checks::Checks;
use crate::config::place::Place;
use crate::config::value::{Auto, Size};
use crate::config::{EnvironmentVariables, Function, Instances};

/// Most vms of one function.
const MAX_INSTANCES: u32 = 1024;

pub(super) fn check(checks: &mut Checks, place: &Place, function: &Function) {
    check_instances(checks, place, function.instances);
    let vm_config = place.key("vm_config");
    if function.vm_config.path.as_os_str().is_empty() {
        checks.refuse(vm_config.key("path"), "the path is empty", "name the module's file, as `function_1.wasm`");
    }
    check_environment(checks, &vm_config.key("environment_variables"), &function.vm_config.environment_variables);
    let limits = place.key("limits");
    checks.some_time(limits.key("cpu"), function.limits.cpu);
    checks.some_time(limits.key("start"), function.limits.start);
    checks.range(limits.key("memory"), function.limits.memory, Size::kib(64)..=Size::gib(1));
    checks.range(limits.key("body"), function.limits.body, Size::from_bytes(0)..=Size::gib(1));
    let backoff = place.key("reload_config").key("backoff");
    let (base, max) = (function.reload_config.backoff.base_interval, function.reload_config.backoff.max_interval);
    checks.some_time(backoff.key("base_interval"), base);
    if base > max && checks.whole(&backoff) {
        let message = format!("`base_interval` is `{base}`, longer than `max_interval`, which is `{max}`");
        checks.refuse(
            backoff.key("base_interval"),
            message,
            "the time between attempts grows from the base to the maximum",
        );
    }
}

/// The place of what is wrong is that of the key which was written: `instances` or `instance_num`.
fn check_instances(checks: &mut Checks, place: &Place, instances: Instances) {
    let whole = place.key("instances");
    let Instances { min, max } = instances;
    if max == Auto::Count(min) {
        return checks.range(whole.key("min"), min, 1..=MAX_INSTANCES);
    }
    checks.range(whole.key("min"), min, 1..=MAX_INSTANCES);
    let Auto::Count(max) = max else { return };
    checks.range(whole.key("max"), max, 1..=MAX_INSTANCES);
    if min > max && checks.whole(&whole) {
        let message = format!("`min` is {min}, more than `max`, which is {max}");
        checks.refuse(whole.key("min"), message, "raise `max`, or lower `min`");
    }
}

fn check_environment(checks: &mut Checks, place: &Place, variables: &EnvironmentVariables) {
    let pairs = &variables.key_values.0;
    for (nth, key) in variables.host_env_keys.iter().enumerate() {
        let place = place.key("host_env_keys").index(nth);
        check_variable(checks, place.clone(), key, "");
        if pairs.contains_key(key) {
            let message = format!("`{key}` is in `host_env_keys` and in `key_values`");
            checks.refuse(place, message, "remove it from one of them");
        }
    }
    for (key, value) in pairs {
        check_variable(checks, place.key("key_values").key(key), key, value);
    }
}

fn check_variable(checks: &mut Checks, place: Place, key: &str, value: &str) {
    if key.is_empty() || key.contains(['=', '\0']) || value.contains('\0') {
        let message = format!("`{key}` cannot be an environment variable");
        checks.refuse(
            place,
            message,
            "the name of a variable is not empty and holds no `=`, and neither part holds a NUL",
        );
    }
}
