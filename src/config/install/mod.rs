//! Bodies of the admin endpoints that install, change and remove functions, as Layotto has them.
//!
//! They come over the network: no environment variable is replaced in them.

mod bodies;

use std::collections::BTreeMap;

use super::Function;
use super::function::as_written;
use super::problem::{Problem, Problems};
use super::text::{Gaps, Kind, Node, Salvaged, salvage};
use super::validate::validate_function;
use super::value::Md5;

pub use bodies::{function_body, uninstall_body, update_body};

/// Body of `POST /wasm/install`: a function, and what Layotto allows beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct InstallBody {
    /// What is installed.
    pub function: Function,
    /// What the module must hash to, from `vm_config.md5`.
    pub md5: Option<Md5>,
    /// Strings under other keys: Layotto's way to configure a function, `name` not among them.
    pub pairs: BTreeMap<String, String>,
}

impl InstallBody {
    /// Reads the body of `POST /wasm/install`.
    ///
    /// # Errors
    /// Bad JSON, missing and mistyped keys, values out of range, `from_wasm_plugin`.
    pub fn parse(body: &[u8]) -> Result<Self, Problems> {
        let mut tree = json(body)?;
        let mut refused = Vec::new();
        let (pairs, md5) = (take_pairs(&mut tree, &mut refused), take_md5(&mut tree, &mut refused));
        let function = function(tree, refused)?;
        Ok(Self { function, md5, pairs })
    }
}

fn json(body: &[u8]) -> Result<Node, Problems> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::new("", "the body is empty").hint("send a JSON object").into());
    }
    let value: serde_json::Value = serde_json::from_slice(body)
        .map_err(|error| Problem::new("", format!("the body is not valid JSON: {error}")))?;
    if !value.is_object() {
        return Err(Problem::new("", "the body is not a JSON object").into());
    }
    Ok(Node::from_json(value))
}

fn function(tree: Node, refused: Vec<Problem>) -> Result<Function, Problems> {
    let function: Function = typed(tree.clone(), refused)?;
    let found = validate_function(&function).into_iter();
    let problems: Problems = found.map(|found| Problem { path: as_written(found.path, &tree), ..found }).collect();
    problems.into_result().map(|()| function)
}

fn typed<T: serde::de::DeserializeOwned>(mut tree: Node, mut refused: Vec<Problem>) -> Result<T, Problems> {
    let Salvaged { value, problems, .. } = salvage(&mut tree, Gaps::default());
    refused.extend(problems);
    match value {
        Some(value) if refused.is_empty() => Ok(value),
        _ => Err(refused.into_iter().collect()),
    }
}

/// Keys of a function; strings under any other are pairs.
const KEYS: [&str; 11] = [
    "name",
    "instances",
    "instance_num",
    "vm_config",
    "root_id",
    "configuration",
    "failure_policy",
    "reload_config",
    "limits",
    "queue",
    "log_level",
];

fn take_pairs(tree: &mut Node, refused: &mut Vec<Problem>) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    let Kind::Map(map) = &mut tree.kind else { return pairs };
    map.retain(|entry| match (entry.key.as_str(), &entry.value.kind) {
        ("root_context_id", _) => false,
        ("from_wasm_plugin", _) => {
            let problem = Problem::new("from_wasm_plugin", "`from_wasm_plugin` is not supported");
            refused.push(problem.hint("there are no shared plugins; give the module in `vm_config.path`"));
            false
        }
        (key, _) if KEYS.contains(&key) => true,
        (key, Kind::Text(text)) => {
            pairs.insert(key.to_owned(), text.clone());
            false
        }
        _ => true,
    });
    pairs
}

fn take_md5(tree: &mut Node, refused: &mut Vec<Problem>) -> Option<Md5> {
    let Kind::Map(map) = &mut tree.kind else { return None };
    let vm_config = map.iter_mut().find(|entry| entry.key == "vm_config")?;
    let Kind::Map(vm_config) = &mut vm_config.value.kind else { return None };
    let nth = vm_config.iter().position(|entry| entry.key == "md5")?;
    let md5 = vm_config.remove(nth).value;
    match typed(md5, Vec::new()) {
        Ok(md5) => md5,
        Err(problems) => {
            refused.extend(problems.into_iter().map(|problem| Problem { path: "vm_config.md5".into(), ..problem }));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Engine, Instances};

    fn install(body: &str) -> Result<InstallBody, String> {
        InstallBody::parse(body.as_bytes()).map_err(|problems| problems.to_string())
    }

    #[test]
    fn layottos_body_installs_a_function() {
        let body = r#"{"name":"id_1","instance_num":2,"vm_config":{"engine":"wasmer","path":"a.wasm"}}"#;
        let InstallBody { function, md5, pairs } = install(body).unwrap();
        assert_eq!((function.name.as_str(), function.instances), ("id_1", Instances::exactly(2)));
        assert_eq!(function.vm_config.engine, Engine::Wasmer);
        assert_eq!((md5, pairs.len()), (None, 0));
    }

    #[test]
    fn strings_under_other_keys_are_pairs() {
        let body = r#"{"name":"a","root_context_id":1,"user":"me","vm_config":{"path":"a","md5":"000102030405060708090a0b0c0d0e0F"}}"#;
        let InstallBody { md5, pairs, .. } = install(body).unwrap();
        assert_eq!(pairs, BTreeMap::from([("user".to_owned(), "me".to_owned())]));
        assert_eq!(md5.unwrap().to_string(), "000102030405060708090a0b0c0d0e0f");
    }

    #[test]
    fn what_is_missing_or_mistyped_is_said() {
        for (body, said) in [
            ("", "the body is empty\nhint: send a JSON object"),
            ("{", "the body is not valid JSON: EOF while parsing an object at line 1 column 1"),
            ("[]", "the body is not a JSON object"),
            (r#"{"vm_config":{"path":"a"}}"#, "the key `name` is missing"),
            (r#"{"name":5,"vm_config":{"path":"a"}}"#, "name: expected a name, found the number `5`"),
            (r#"{"name":"a"}"#, "the key `vm_config` is missing"),
            (r#"{"name":"a","vm_config":{}}"#, "vm_config: the key `path` is missing"),
            (r#"{"name":"a","vm_config":"a"}"#, "vm_config: expected a mapping, found `a`"),
            (
                r#"{"name":"a","instance_num":"2","vm_config":{"path":"a"}}"#,
                "instance_num: expected a whole number from 0 to 4294967295, found `2`",
            ),
            (
                r#"{"name":"a","instance_num":0,"vm_config":{"path":"a"}}"#,
                "instance_num: `0` is out of range\nhint: write 1 to 1024",
            ),
            (
                r#"{"name":"a","vm_config":{"path":"a","md5":"x"}}"#,
                "vm_config.md5: `x` is not an MD5 digest\nhint: it has 32 hexadecimal digits, as `md5sum FILE` prints",
            ),
            (
                r#"{"name":"a","from_wasm_plugin":"b","vm_config":{"path":"a"}}"#,
                "from_wasm_plugin: `from_wasm_plugin` is not supported\n\
                 hint: there are no shared plugins; give the module in `vm_config.path`",
            ),
            (
                r#"{"name":"a","vm_config":{"path":"a","url":"b"}}"#,
                "vm_config.url: unknown key `url`\n\
                 hint: the keys here are `configuration`, `engine`, `environment_variables`, `path`, `sha256`, `vm_id`",
            ),
        ] {
            assert_eq!(install(body).unwrap_err(), said, "{body}");
        }
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let problems = InstallBody::parse(br#"{"name":"a/b","log_level":"loud","vm_config":{"path":"a","md5":1}}"#);
        assert_eq!(problems.unwrap_err().len(), 3);
    }

    #[test]
    fn no_variable_of_the_environment_is_read() {
        let body = r#"{"name":"a","configuration":"${PATH}","vm_config":{"path":"a"}}"#;
        assert_eq!(install(body).unwrap().function.configuration.text().as_deref(), Some("${PATH}"));
    }
}
