use super::*;
use crate::config::{Auto, GuestSettings, Size};

fn variables(name: &str) -> Option<String> {
    match name {
        "COUNT" => Some("8".into()),
        "SIZE" => Some("1024".into()),
        "YES" => Some("true".into()),
        "WORD" => Some("debug".into()),
        "YAML" => Some("{level: debug}".into()),
        _ => None,
    }
}

fn config(text: &str) -> Config {
    read_with(text, "a.yaml", &variables).unwrap_or_else(|problems| panic!("{problems}"))
}

fn refused(text: &str) -> String {
    read_with(text, "a.yaml", &variables).unwrap_err().to_string()
}

#[test]
fn a_variable_may_be_a_number_or_a_word() {
    let config = config(
        "threads: ${COUNT}\nlimits: {connections: \"${COUNT}\"}\nwasm: {vms: \"${COUNT}\", max_module: \"${SIZE}\"}\n\
         log: {level: \"${WORD}\"}\n",
    );
    assert_eq!((config.threads, config.limits.connections), (Auto::Count(8), Auto::Count(8)));
    assert_eq!((config.wasm.vms, config.wasm.max_module), (8, Size::kib(1)));
    assert_eq!(config.log.level, crate::config::LogLevel::Debug);
}

#[test]
fn a_variable_needs_no_quotes_in_braces() {
    let config = config("log: {level: ${WORD}}\nwasm: {vms: ${COUNT}, max_module: ${NONE:-2KiB}}\n");
    assert_eq!((config.log.level, config.wasm.vms), (crate::config::LogLevel::Debug, 8));
    assert_eq!(config.wasm.max_module, Size::kib(2));
}

#[test]
fn a_variable_cannot_add_structure() {
    assert!(refused("log: ${YAML}").contains("expected a mapping"));
}

#[test]
fn a_guests_settings_keep_their_kinds() {
    let text = "functions:\n- name: a\n  vm_config: {path: a}\n  configuration:\n    plain: ${COUNT}\n    \
                quoted: \"${COUNT}\"\n    truth: ${YES}\n    word: on\n    none:\n    1: [1.5, \"2\"]\n";
    let value = serde_json::json!({
        "plain": 8, "quoted": "8", "truth": true, "word": "on", "none": null, "1": [1.5, "2"]
    });
    assert_eq!(config(text).functions[0].configuration, GuestSettings::new(value));
}

#[test]
fn a_number_may_stand_where_a_text_is_asked_for() {
    let config = config("stores: [{name: 1, memory: {seed: {book1: 100, price: 1.10, is: true}}}]");
    let seed = &config.stores[0].memory.as_ref().unwrap().seed;
    assert_eq!(config.stores[0].name.as_str(), "1");
    assert_eq!((seed["book1"].as_str(), seed["price"].as_str(), seed["is"].as_str()), ("100", "1.10", "true"));
}

#[test]
fn an_alias_stands_for_a_whole_value() {
    let config = config("stores:\n- {name: a, memory: &m {max_bytes: 1MiB}}\n- {name: b, memory: *m}\n");
    assert_eq!(config.stores[1].memory.as_ref().unwrap().max_bytes, Size::mib(1));
}

#[test]
fn what_is_too_large_or_no_text_is_refused_before_it_is_read() {
    assert_eq!(
        refused(&"#".repeat(MAX_SIZE + 1)),
        "a.yaml: the configuration has 1048577 bytes\nhint: at most 1048576 are read"
    );
    let problems = read_with(b"a: 1\nb: \xff\n", "a.yaml", &variables).unwrap_err();
    assert_eq!(problems.to_string(), "a.yaml: line 2 is not UTF-8 text\nhint: save the file as UTF-8");
}

#[test]
fn parse_lets_names_point_nowhere_and_read_does_not() {
    let text = "listeners: [{name: a, address: \"0.0.0.0:0\", filters: [{name: router, config: {cluster: b}}]}]";
    assert!(parse(text, "a.yaml").is_ok());
    assert!(refused(text).contains("no cluster is named `b`"));
}

#[test]
fn what_is_found_later_gets_its_line_too() {
    let text = "functions:\n  - name: a\n    instance_num: 1\n    vm_config: {path: a.wasm}\n";
    let later = [
        Problem::new("functions[0].vm_config.path", "no such file"),
        Problem::new("functions[0].instances.max", "too many"),
        Problem::new("functions[0].limits.cpu", "too slow"),
    ];
    let problems = Problems::from_iter(later).located(text, "a.yaml");
    let places: Vec<_> =
        problems.iter().map(|problem| (problem.path.to_string(), problem.line, problem.column)).collect();
    assert_eq!(
        places,
        [
            ("functions[0].limits.cpu".to_owned(), Some(2), Some(5)),
            ("functions[0].instance_num".to_owned(), Some(3), Some(19)),
            ("functions[0].vm_config.path".to_owned(), Some(4), Some(23)),
        ]
    );
}

#[test]
fn a_machine_gets_path_line_and_column() {
    let problems = read_with("threads: 0\n", "a.yaml", &variables).unwrap_err();
    assert_eq!(
        problems.to_json(),
        serde_json::json!({"ok": false, "problems": [
            {"path": "threads", "line": 1, "column": 10, "message": "`0` is out of range", "hint": "write 1 to 1024"}
        ]})
    );
}

#[test]
fn only_so_many_problems_are_told() {
    let text: String = (0..1000).map(|nth| format!("key{nth}: 1\n")).collect();
    assert!(read_with(&text, "a.yaml", &variables).unwrap_err().len() <= MAX_PROBLEMS + 1);
    let text = format!("listeners:\n- name: a\n  address: 0.0.0.0:0\n  filters:\n{}", "  - name: wasm\n".repeat(500));
    let problems = read_with(&text, "a.yaml", &variables).unwrap_err();
    assert_eq!(problems.len(), MAX_PROBLEMS + 1);
    assert!(problems.to_string().ends_with("more problems are not shown"), "{problems}");
}

#[test]
fn secrets_are_not_read_back() {
    let text = "stores: [{name: a, redis: {url: \"redis://me:hunter2@db\"}}]\n\
                functions:\n- name: b\n  configuration: {token: hunter2}\n  vm_config:\n    path: a\n    \
                environment_variables: {key_values: {DB_PASSWORD: hunter2}}\n";
    let config = config(text);
    let dump = serde_json::to_string(&config).unwrap();
    assert_eq!((dump.matches("hunter2").count(), dump.matches("[redacted]").count()), (0, 3), "{dump}");
    assert!(!format!("{config:?}").contains("hunter2"));
}
