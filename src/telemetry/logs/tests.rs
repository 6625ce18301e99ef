use std::io::{BufRead, Write};

use parking_lot::Mutex;

use super::*;

const LONG: Duration = Duration::from_secs(10);

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs `act` with logs of its own; returns the lines.
fn logged(level: LevelFilter, format: LogFormat, act: impl FnOnce(&LogLevels)) -> Vec<String> {
    let kept = Kept::default();
    let (logs, dispatch) = Logs::to(kept.clone(), level, format, false).unwrap();
    tracing::dispatcher::with_default(&dispatch, || act(logs.levels()));
    assert!(logs.flush(LONG));
    let text = String::from_utf8(kept.0.lock().clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_text_line_has_time_level_target_sentence_and_fields() {
    let lines = logged(LevelFilter::INFO, LogFormat::Text, |_| {
        tracing::info!(target: "outrigger::server", admin = "127.0.0.1:1", "ready");
        tracing::debug!(target: "outrigger::server", "quiet");
    });
    assert_eq!(lines.len(), 1);
    let (time, rest) = lines[0].split_once(' ').unwrap();
    assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
    assert_eq!(rest.trim_start(), r#"INFO outrigger::server: ready admin="127.0.0.1:1""#);
}

#[test]
fn a_json_line_has_its_fields_beside_the_message() {
    let lines = logged(LevelFilter::INFO, LogFormat::Json, |_| {
        tracing::warn!(target: GUEST_TARGET, function = "id_1", version = 3, "quote \" and \n break");
    });
    let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["target"], GUEST_TARGET);
    assert_eq!(line["message"], "quote \" and \n break");
    assert_eq!(line["function"], "id_1");
    assert_eq!(line["version"], 3);
    assert!(line["timestamp"].is_string());
}

#[test]
fn levels_change_while_the_logs_run() {
    let lines = logged(LevelFilter::INFO, LogFormat::Text, |levels| {
        let say = |step: &str| {
            tracing::debug!(target: "outrigger::admin", "admin {step}");
            tracing::debug!(target: "outrigger_wasm::pool", "wasm {step}");
        };
        say("at info");
        levels.set("admin".parse().unwrap(), LevelFilter::DEBUG);
        say("with admin at debug");
        levels.set_all(LevelFilter::DEBUG);
        say("with all at debug");
        levels.set("wasm".parse().unwrap(), LevelFilter::OFF);
        say("with wasm off");
        levels.set_all(LevelFilter::ERROR);
        say("at error");
    });
    let said: Vec<_> = lines.iter().map(|line| line.rsplit_once(": ").unwrap().1).collect();
    assert_eq!(
        said,
        ["admin with admin at debug", "admin with all at debug", "wasm with all at debug", "admin with wasm off"]
    );
}

#[test]
fn the_list_of_levels_says_what_is_in_force() {
    logged(LevelFilter::INFO, LogFormat::Text, |levels| {
        levels.set("upstream".parse().unwrap(), LevelFilter::TRACE);
        let list = levels.list();
        assert!(list.contains(&("admin", LevelFilter::INFO)) && list.contains(&("upstream", LevelFilter::TRACE)));
        assert!(list.is_sorted());
        levels.set_all(LevelFilter::WARN);
        assert!(levels.list().iter().all(|(_, level)| *level == LevelFilter::WARN));
    });
}

#[test]
fn a_logger_that_does_not_exist_is_refused_by_name() {
    let error = "admn".parse::<Logger>().unwrap_err().to_string();
    assert!(error.starts_with("no logger is named `admn`; there are admin chain "), "{error}");
}

#[test]
fn a_guests_lines_follow_its_functions_level_alone() {
    let lines = logged(LevelFilter::ERROR, LogFormat::Text, |_| {
        tracing::trace!(target: GUEST_TARGET, function = "id_1", "let out by the function's own level");
        tracing::warn!(target: "outrigger_wasm", "not let out");
    });
    assert_eq!(lines.len(), 1);
}

#[test]
fn lines_that_a_stuck_stderr_cost_are_told_when_it_moves_again() {
    let (mut reader, pipe) = io::pipe().unwrap();
    let (_logs, dispatch) = Logs::to(pipe, LevelFilter::INFO, LogFormat::Text, false).unwrap();
    tracing::dispatcher::with_default(&dispatch, || {
        for number in 0..20_000 {
            tracing::info!(target: "outrigger::server", number, "said into a stuck pipe");
        }
    });
    let mut said = 0;
    let mut told = 0;
    for line in io::BufReader::new(&mut reader).lines().map(Result::unwrap) {
        match line.split_once("log lines were dropped because stderr is slower than they came lines=") {
            Some((_, lines)) => told += lines.parse::<usize>().unwrap(),
            None => said += 1,
        }
        if said + told == 20_000 {
            break;
        }
    }
    assert!(said >= 8192 && told > 0, "{said} arrived, {told} were told to be dropped");
}
