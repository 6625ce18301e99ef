//! `instances`, and Layotto's `instance_num` in its place.

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{FailurePolicy, Function, FunctionLimits, Queue, ReloadConfig, VmConfig};
use crate::config::log::LogLevel;
use crate::config::place::{Place, Step};
use crate::config::text::Node;
use crate::config::value::{Auto, GuestSettings, Name};

/// `instances`: how many vms a version of a function has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Instances {
    /// Kept ready, 1 to 1024. Default `1`.
    #[schemars(range(min = 1, max = 1024))]
    pub min: u32,
    /// Most under load, `min` to 1024; `auto` = 8 x threads. Default `auto`.
    pub max: Auto,
}

impl Instances {
    /// Always so many.
    #[must_use]
    pub const fn exactly(count: u32) -> Self {
        Self { min: count, max: Auto::Count(count) }
    }
}

impl Default for Instances {
    fn default() -> Self {
        Self { min: 1, max: Auto::Auto }
    }
}

/// Layotto's key beside ours in the JSON Schema; only one of them may be written.
pub(super) fn or_instance_num(schema: &mut Schema) {
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    let description = "In place of `instances`, as Layotto has it: always so many vms.";
    let instance_num = json!({"description": description, "type": "integer", "minimum": 1, "maximum": 1024});
    properties.insert("instance_num".into(), instance_num);
    schema.insert("not".into(), json!({"required": ["instances", "instance_num"]}));
}

/// A function as it is written, with both ways to say how many vms it has.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    name: Name,
    instances: Option<Instances>,
    instance_num: Option<u32>,
    vm_config: VmConfig,
    #[serde(default)]
    root_id: String,
    #[serde(default)]
    configuration: GuestSettings,
    #[serde(default)]
    failure_policy: FailurePolicy,
    #[serde(default)]
    reload_config: ReloadConfig,
    #[serde(default)]
    limits: FunctionLimits,
    #[serde(default)]
    queue: Queue,
    #[serde(default)]
    log_level: LogLevel,
}

/// serde passes on one text, which holds the hint as well.
const BOTH_GIVEN: &str = "`instances` and `instance_num` are both given\nhint: remove one of them";

impl TryFrom<Written> for Function {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, &'static str> {
        let instances = match (written.instances, written.instance_num) {
            (Some(_), Some(_)) => return Err(BOTH_GIVEN),
            (Some(instances), None) => instances,
            (None, Some(count)) => Instances::exactly(count),
            (None, None) => Instances::default(),
        };
        Ok(Self {
            name: written.name,
            instances,
            vm_config: written.vm_config,
            root_id: written.root_id,
            configuration: written.configuration,
            failure_policy: written.failure_policy,
            reload_config: written.reload_config,
            limits: written.limits,
            queue: written.queue,
            log_level: written.log_level,
        })
    }
}

/// The place that a file has for a place of `instances`: the key in whose stead `instance_num` was written is that.
pub(in crate::config) fn as_written(place: Place, tree: &Node) -> Place {
    let steps = place.steps();
    let Some(at) = steps.iter().position(|step| *step == Step::Key("instances".into())) else { return place };
    let function = Place::from_steps(steps[..at].to_vec());
    let instance_num = function.key("instance_num");
    if tree.has(&instance_num) { instance_num } else { place }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(text: &str) -> Result<Function, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn instance_num_sets_both_ends() {
        let function = function(r#"{"name":"a","instance_num":3,"vm_config":{"path":"a.wasm"}}"#).unwrap();
        assert_eq!(function.instances, Instances::exactly(3));
    }

    #[test]
    fn instance_num_and_instances_exclude_each_other() {
        let error = function(r#"{"name":"a","instance_num":3,"instances":{},"vm_config":{"path":"a"}}"#).unwrap_err();
        assert!(error.contains("both given"), "{error}");
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let function = function(r#"{"name":"a","vm_config":{"path":"a.wasm"}}"#).unwrap();
        assert_eq!(function.instances, Instances { min: 1, max: Auto::Auto });
        assert_eq!(
            serde_json::to_value(&function).unwrap(),
            serde_json::json!({
                "name": "a", "instances": {"min": 1, "max": "auto"},
                "vm_config": {
                    "engine": "wasmtime", "path": "a.wasm", "sha256": null, "vm_id": "", "configuration": null,
                    "environment_variables": {"host_env_keys": [], "key_values": {}},
                },
                "root_id": "", "configuration": null, "failure_policy": "fail_closed",
                "reload_config": {"backoff": {"base_interval": "1s", "max_interval": "60s"}},
                "limits": {"cpu": "50ms", "start": "1s", "memory": "64MiB", "body": "1MiB"},
                "queue": {"length": 1024, "wait": "1s"}, "log_level": "info",
            })
        );
    }
}
