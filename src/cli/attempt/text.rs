//! The report as text, for a terminal.

use std::fmt::{self, Display, Formatter};

use dispatch::{Asked, EndedCall, Told};
use http::HeaderMap;

use super::report::{Report, headers, micros, path, text};

/// Bytes of an argument or an answer that a line shows.
const SHOWN: usize = 200;

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(function) = &self.function {
            writeln!(f, "function {}, ABI {}, sha256 {}", function.id, function.abi, function.sha256)?;
        }
        self.notes.iter().try_for_each(|note| writeln!(f, "note: {note}"))?;
        self.answer(f)?;
        self.upstream(f)?;
        self.log(f)?;
        self.host_calls(f)?;
        if self.function.is_some() {
            let kib = self.memory_bytes / 1024;
            writeln!(f, "\nguest: {} us of CPU, {kib} KiB of memory", micros(self.guest_time))?;
        }
        Ok(())
    }
}

impl Report {
    fn answer(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some((head, body)) = &self.answer else { return Ok(()) };
        writeln!(f, "\nanswer: {}", head.status)?;
        message(f, &head.headers, body)
    }

    fn upstream(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.upstream {
            Some(received) => {
                writeln!(f, "\nthe stub upstream received: {} {}", received.head.method, path(&received.head.uri))?;
                message(f, &received.head.headers, &received.body)
            }
            None if self.function.is_some() => writeln!(f, "\nthe stub upstream received nothing"),
            None => Ok(()),
        }
    }

    fn log(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.log.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nlog:")?;
        self.log.iter().try_for_each(|line| writeln!(f, "  {:5} {}: {}", line.level, line.function, line.message))
    }

    fn host_calls(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.host_calls.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nhost calls:")?;
        self.host_calls.iter().try_for_each(|call| {
            writeln!(f, "  {}", asked(call))?;
            writeln!(f, "    {} ({} us)", told(&call.told), micros(call.took))
        })
    }
}

fn message(f: &mut Formatter<'_>, fields: &HeaderMap, body: &[u8]) -> fmt::Result {
    headers(fields).iter().try_for_each(|(name, value)| writeln!(f, "  {name}: {value}"))?;
    if body.is_empty() {
        return Ok(());
    }
    writeln!(f)?;
    text(body).lines().try_for_each(|line| writeln!(f, "  {line}"))
}

fn asked(call: &EndedCall) -> String {
    let EndedCall { caller, target, kind, .. } = call;
    match &call.asked {
        Asked::Http { method, path, body } if body.is_empty() => {
            format!("{caller}: proxy_http_call to `{target}` ({kind}): {method} {path}")
        }
        Asked::Http { method, path, body } => {
            format!("{caller}: proxy_http_call to `{target}` ({kind}): {method} {path} {}", quoted(body))
        }
        Asked::GetState { key } => format!("{caller}: proxy_get_state of `{target}` ({kind}): {}", quoted(key)),
        Asked::Invoke { method, param } => {
            format!("{caller}: proxy_invoke_service of `{target}` ({kind}): {method} {}", quoted(param))
        }
    }
}

fn told(told: &Told) -> String {
    match told {
        Told::Response { status, body } if body.is_empty() => status.to_string(),
        Told::Response { status, body } => format!("{status} {}", quoted(body)),
        Told::Value(value) => quoted(value),
        Told::Failed(why) => format!("failed: {why}"),
    }
}

/// In quotes, on one line, cut where it is long.
fn quoted(bytes: &[u8]) -> String {
    let whole = text(bytes);
    let shown: String = whole.chars().take(SHOWN).collect();
    let more = if shown.len() < whole.len() { "…" } else { "" };
    format!("{shown:?}{more}")
}
