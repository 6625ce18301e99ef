//! The logs of a whole process: this test runs itself as a child and reads what that wrote to stderr.

#![expect(clippy::unwrap_used, reason = "a test file")]

use std::process::{Command, Stdio};
use std::time::Duration;

use outrigger::telemetry::Logs;
use outrigger::telemetry::logs::LogFormat;
use tracing::level_filters::LevelFilter;
use tracing_log::log;

/// Set for the child.
const CHILD: &str = "OUTRIGGER_TEST_LOGS";

/// What the child says.
fn speak() {
    let logs = Logs::start(LevelFilter::INFO, LogFormat::Json).unwrap();
    assert!(Logs::start(LevelFilter::INFO, LogFormat::Text).is_err(), "a process has one log");
    tracing::info!(target: "outrigger::server", admin = "127.0.0.1:1", "ready");
    log::error!(target: "pingora_core::services::listening", "Downstream handshake error: eof");
    log::error!(target: "pingora_core::services::listening", "Accept() failed Too many open files");
    log::debug!(target: "redis", "quiet");
    logs.levels().set("pingora".parse().unwrap(), LevelFilter::DEBUG);
    log::error!(target: "pingora_core::connectors", "failed to acquire reusable stream");
    log::trace!(target: "pingora_core::connectors", "quieter");
    assert!(logs.flush(Duration::from_secs(10)));
}

#[test]
fn a_process_logs_its_own_lines_and_those_of_its_libraries() {
    if std::env::var_os(CHILD).is_some() {
        return speak();
    }
    let name = "a_process_logs_its_own_lines_and_those_of_its_libraries";
    let mut child = Command::new(std::env::current_exe().unwrap());
    let child = child.args(["--exact", name, "--nocapture"]).env(CHILD, "1").stdout(Stdio::piped());
    let output = child.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    let lines: Vec<[String; 3]> = stderr
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            ["level", "target", "message"].map(|key| line[key].as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(
        lines,
        [
            ["INFO", "outrigger::server", "ready"],
            ["ERROR", "pingora_core::services::listening", "Accept() failed Too many open files"],
            ["DEBUG", "pingora_core::connectors", "failed to acquire reusable stream"],
        ]
    );
}
