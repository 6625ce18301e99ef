//! Problems as text for people and as JSON for machines.
//!
//! The text comes from files and request bodies, so control characters are escaped, and credentials in URLs are blanked.

use std::fmt;

use super::problem::{Problem, Problems, Source};

/// Longest part of a source line that is shown, in characters.
const WIDTH: usize = 120;

impl Problems {
    /// `{"ok":false,"problems":[{"path","line","column","message","hint"}]}`; `ok` is true when there is none.
    ///
    /// What a problem does not have is `null`.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({"ok": self.is_empty(), "problems": self.list})
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, problem) in self.iter().enumerate() {
            if nth > 0 {
                writeln!(f)?;
            }
            problem.write(f, self.source.as_deref())?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, None)
    }
}

impl Problem {
    fn write(&self, f: &mut fmt::Formatter<'_>, source: Option<&Source>) -> fmt::Result {
        if let Some(source) = source {
            write!(f, "{}:", visible(&source.name))?;
        }
        match (self.line, self.column) {
            (Some(line), Some(column)) => write!(f, "{line}:{column}: ")?,
            _ if !self.path.is_root() => write!(f, "{}{}: ", if source.is_some() { " " } else { "" }, self.path)?,
            _ if source.is_some() => f.write_str(" ")?,
            _ => {}
        }
        f.write_str(&visible(&self.message))?;
        if let Some((line, excerpt)) = source.and_then(|source| excerpt(&source.text, self)) {
            write!(
                f,
                "\n{line} | {}\n{:width$} | {:column$}^",
                excerpt.text,
                "",
                "",
                width = line.to_string().len(),
                column = excerpt.caret
            )?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {}", visible(hint))?;
        }
        Ok(())
    }
}

struct Excerpt {
    text: String,
    /// Characters in front of the caret.
    caret: usize,
}

fn excerpt(text: &str, problem: &Problem) -> Option<(usize, Excerpt)> {
    let (line, column) = (problem.line?, problem.column?);
    let shown = text.lines().nth(line - 1)?;
    let split = shown.char_indices().nth(column - 1).map_or(shown.len(), |(at, _)| at);
    let (shown, split) = without_credentials(shown, split);
    let (mut before, mut after) = (visible(&shown[..split]), visible(&shown[split..]));
    let long = before.chars().count() + after.chars().count() > WIDTH;
    let skip = before.chars().count().saturating_sub(WIDTH / 2);
    if long && skip > 0 {
        before = format!("…{}", before.chars().skip(skip + 1).collect::<String>());
    }
    let caret = before.chars().count();
    if after.chars().count() > WIDTH - caret {
        after = format!("{}…", after.chars().take(WIDTH - caret).collect::<String>());
    }
    Some((line, Excerpt { text: format!("{before}{after}").trim_end().to_owned(), caret }))
}

/// The line with every `://user:password@` blanked, and where the byte `split` of it has moved to.
fn without_credentials(line: &str, split: usize) -> (String, usize) {
    let (mut text, mut moved, mut rest) = (String::new(), None, 0);
    while let Some((start, end)) = userinfo(line, rest) {
        if (rest..end).contains(&split) {
            moved = Some(text.len() + split.min(start) - rest);
        }
        text.push_str(&line[rest..start]);
        text.push_str("[redacted]");
        rest = end;
    }
    let moved = moved.unwrap_or(text.len() + split.saturating_sub(rest));
    text.push_str(&line[rest..]);
    (text, moved)
}

/// The bytes of the next URL's userinfo at or after `from`. What follows up to a space or quote may be the password.
fn userinfo(line: &str, from: usize) -> Option<(usize, usize)> {
    let start = from + line[from..].find("://")? + 3;
    let end = line[start..].find([' ', '\t', '"', '\'']).map_or(line.len(), |end| start + end);
    match line[start..end].rfind('@') {
        Some(at) => Some((start, start + at)),
        None => userinfo(line, start),
    }
}

/// The text with everything escaped that could move a terminal's cursor.
pub(super) fn visible(text: &str) -> String {
    let hides = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars()
        .map(|c| {
            if c == '\t' {
                " ".into()
            } else if hides(c) {
                c.escape_default().to_string()
            } else {
                c.to_string()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn shown(text: &str, column: usize) -> String {
        let source = Arc::new(Source { name: "a.yaml".into(), text: text.into() });
        Problems::in_source(vec![Problem::new("a", "no").at(1, column)], source).to_string()
    }

    #[test]
    fn a_problem_shows_its_line_with_a_caret() {
        assert_eq!(shown("cluster: ap", 10), "a.yaml:1:10: no\n1 | cluster: ap\n  |          ^");
    }

    #[test]
    fn a_password_in_the_shown_line_is_blanked() {
        assert_eq!(
            shown("url: \"redis://me:hunter2@db/0\" x", 35),
            "a.yaml:1:35: no\n1 | url: \"redis://[redacted]@db/0\" x\n  |                                 ^"
        );
        assert!(!shown("url: redis://:hunter2@db", 6).contains("hunter2"));
        assert!(!shown("url: redis://:hunter2@db", 17).contains("hunter2"));
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let text = format!("{}X{}", "a".repeat(500), "b".repeat(500));
        let shown = shown(&text, 501);
        assert!(shown.lines().all(|line| line.chars().count() < 140), "{shown}");
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[1].chars().nth(lines[2].chars().count() - 1), Some('X'), "{shown}");
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        assert!(!shown("a: \u{1b}[2J", 2).contains('\u{1b}'));
    }

    #[test]
    fn a_machine_gets_null_for_what_is_not_known() {
        let json = Problems::from(Problem::new("functions[0].name", "no")).to_json().to_string();
        assert_eq!(
            json,
            r#"{"ok":false,"problems":[{"column":null,"hint":null,"line":null,"message":"no","path":"functions[0].name"}]}"#
        );
    }
}
