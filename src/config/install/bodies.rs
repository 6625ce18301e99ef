//! The bodies that are less than an install: of a function whose name is in the path, of an uninstall, of an update.

use super::{function, json, typed};
use crate::config::problem::{Problem, Problems};
use crate::config::text::{Entry, Kind, Node};
use crate::config::value::Name;
use crate::config::{Function, Instances};

/// Reads the JSON body of `PUT /functions/{id}`: a function without `name`.
///
/// # Errors
/// Bad JSON, missing and mistyped keys, values out of range, a `name`.
pub fn function_body(body: &[u8], id: &Name) -> Result<Function, Problems> {
    let mut tree = json(body)?;
    let mut refused = Vec::new();
    if let Kind::Map(map) = &mut tree.kind {
        let before = map.len();
        map.retain(|entry| entry.key != "name");
        if map.len() < before {
            let problem = Problem::new("name", "`name` is given in the path and in the body");
            refused.push(problem.hint("remove it from the body"));
        }
        map.push(Entry { key: "name".into(), mark: None, value: Node::from_json(id.as_str().into()) });
    }
    function(tree, refused)
}

/// Reads the body of `POST /wasm/uninstall`: `{"name": ID}`.
///
/// # Errors
/// Bad JSON, a missing or mistyped `name`, other keys.
pub fn uninstall_body(body: &[u8]) -> Result<Name, Problems> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Uninstall {
        name: Name,
    }
    typed::<Uninstall>(json(body)?, Vec::new()).map(|body| body.name)
}

/// Reads the body of `POST /wasm/update`: `{"name": ID, "instance_num": N}`.
///
/// # Errors
/// Bad JSON, missing or mistyped keys, a number out of range, other keys.
pub fn update_body(body: &[u8]) -> Result<(Name, Instances), Problems> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Update {
        name: Name,
        instance_num: u32,
    }
    let Update { name, instance_num } = typed(json(body)?, Vec::new())?;
    if !(1..=1024).contains(&instance_num) {
        let problem = Problem::new("instance_num", format!("`{instance_num}` is out of range"));
        return Err(problem.hint("write 1 to 1024").into());
    }
    Ok((name, Instances::exactly(instance_num)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_put_body_takes_its_name_from_the_path() {
        let id: Name = "id_1".parse().unwrap();
        assert_eq!(function_body(br#"{"vm_config":{"path":"a"}}"#, &id).unwrap().name, id);
        let refused = function_body(br#"{"name":"id_1","vm_config":{"path":"a"}}"#, &id).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "name: `name` is given in the path and in the body\nhint: remove it from the body"
        );
    }

    #[test]
    fn uninstall_and_update_take_nothing_else() {
        assert_eq!(uninstall_body(br#"{"name":"id_1"}"#).unwrap().as_str(), "id_1");
        assert!(uninstall_body(br#"{"name":"id_1","force":true}"#).is_err());
        let (name, instances) = update_body(br#"{"name":"id_1","instance_num":4}"#).unwrap();
        assert_eq!((name.as_str(), instances), ("id_1", Instances::exactly(4)));
        for body in
            [r#"{"name":"a"}"#, r#"{"name":"a","instance_num":0}"#, r#"{"name":"a","instance_num":1025}"#, "{}", "1"]
        {
            assert!(update_body(body.as_bytes()).is_err(), "{body}");
        }
    }
}
