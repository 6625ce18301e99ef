//! From the file's text to a [`Config`]: tree, environment, types, checks; all problems of all four at once.

use std::sync::Arc;

use super::Config;
use super::function::as_written;
use super::problem::{MAX_PROBLEMS, Problem, Problems, Source};
use super::text::{Gaps, Node, Salvaged, Variables, process_environment, replace, salvage, tree_of};
use super::validate::{Known, validate_salvaged};

/// Largest configuration, in bytes: 1 MiB, a hundred times the largest that we know of.
pub const MAX_SIZE: usize = 1 << 20;

/// Reads a configuration and checks it whole. `source_name` is the file's name for messages.
///
/// # Errors
/// Everything that is wrong with it, in the order of its lines.
pub fn read(text: impl AsRef<[u8]>, source_name: &str) -> Result<Config, Problems> {
    read_with(text, source_name, &process_environment)
}

/// As [`read`], with `${NAME}` from these variables instead of the process's environment.
///
/// # Errors
/// Everything that is wrong with it, in the order of its lines.
pub fn read_with(
    text: impl AsRef<[u8]>,
    source_name: &str,
    variables: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Problems> {
    let source = source(text.as_ref(), source_name)?;
    let Parsed { tree, known, salvaged } = parsed(&source, variables)?;
    let Salvaged { value, gaps, mut problems } = salvaged;
    if let Some(config) = &value {
        let found = validate_salvaged(config, &known, &gaps);
        problems.extend(found.into_iter().map(|problem| located(problem, &tree, &gaps)));
    }
    match value {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(Problems::in_source(problems, source)),
    }
}

/// Reads a configuration into types and goes no further: names in it may point nowhere. [`read`] also validates.
///
/// # Errors
/// Everything that is not a configuration in it, in the order of its lines.
pub fn parse(text: impl AsRef<[u8]>, source_name: &str) -> Result<Config, Problems> {
    let source = source(text.as_ref(), source_name)?;
    let Salvaged { value, problems, .. } = parsed(&source, &process_environment)?.salvaged;
    match value {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(Problems::in_source(problems, source)),
    }
}

impl Problems {
    /// Gives the problems, which know their place in the configuration, a line and a column in its text.
    ///
    /// For what is found after reading, as a module that does not compile.
    #[must_use]
    pub fn located(self, text: impl AsRef<[u8]>, source_name: &str) -> Self {
        let Ok(source) = source(text.as_ref(), source_name) else { return self };
        let Ok((tree, _)) = tree_of(&source.text) else { return self };
        let list = self.into_iter().map(|problem| located(problem, &tree, &Gaps::default())).collect();
        Self::in_source(list, source)
    }
}

/// What a text holds.
struct Parsed {
    /// As it is written, for the places of what validation finds.
    tree: Node,
    known: Known,
    salvaged: Salvaged<Config>,
}

fn parsed(source: &Arc<Source>, variables: Variables) -> Result<Parsed, Problems> {
    let (mut tree, mut problems) =
        tree_of(&source.text).map_err(|problem| Problems::in_source(vec![problem], source.clone()))?;
    let unresolved = replace(&mut tree, &source.text, variables);
    if problems.len() + unresolved.len() >= MAX_PROBLEMS {
        problems.extend(unresolved);
        return Err(Problems::in_source(problems, source.clone()));
    }
    let (mut rest, mut gaps) = (tree.clone(), Gaps::default());
    for problem in unresolved {
        rest.remove(&problem.path);
        gaps.add(problem.path.clone());
        problems.push(problem);
    }
    let known = Known::in_tree(&tree);
    let mut salvaged = salvage(&mut rest, gaps);
    problems.append(&mut salvaged.problems);
    Ok(Parsed { tree, known, salvaged: Salvaged { problems, ..salvaged } })
}

fn source(text: &[u8], name: &str) -> Result<Arc<Source>, Problems> {
    let named = |text: &str| Arc::new(Source { name: name.to_owned(), text: text.to_owned() });
    if text.len() > MAX_SIZE {
        let problem = Problem::new("", format!("the configuration has {} bytes", text.len()));
        return Err(Problems::in_source(vec![problem.hint(format!("at most {MAX_SIZE} are read"))], named("")));
    }
    match std::str::from_utf8(text) {
        Ok(text) => Ok(named(text)),
        Err(error) => {
            let line = 1 + text[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            let problem = Problem::new("", format!("line {line} is not UTF-8 text"));
            Err(Problems::in_source(vec![problem.hint("save the file as UTF-8")], named("")))
        }
    }
}

fn located(problem: Problem, tree: &Node, gaps: &Gaps) -> Problem {
    let path = as_written(gaps.in_source(&problem.path), tree);
    match tree.locate(&path) {
        Some(mark) => Problem { path, ..problem }.at(mark.line, mark.column),
        None => Problem { path, ..problem },
    }
}

#[cfg(test)]
mod tests;
