//! A YAML text into a tree. Refuses what a configuration does not need and an attacker would use.
//!
//! Not supported, and said so: several documents, merge keys, tags other than `!!str`, keys that are not words.

use std::borrow::Cow;
use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::braces::{swap, swap_back};
use super::scalar::resolve;
use super::tree::{Entry, Kind, Mark, Node, Written};
use crate::config::place::Place;
use crate::config::problem::Problem;

/// Deepest nesting. The deepest place of a configuration without guests' own settings has 8 levels.
const MAX_DEPTH: usize = 64;

/// Most nodes that aliases may add: twenty times a large configuration, and small enough to be read in no time.
const MAX_COPIES: usize = 100_000;

/// Reads the one document of a text.
///
/// Gives the tree and the problems that do not keep it from being read, as keys given twice; or the problem that does.
pub(in crate::config) fn tree_of(text: &str) -> Result<(Node, Vec<Problem>), Problem> {
    let swapped = swap(text);
    let parser = Parser::new_from_str(&swapped);
    let mut loader = Loader { parser, anchors: HashMap::new(), copies: 0, problems: Vec::new() };
    match loader.document() {
        Ok(tree) => Ok((tree, loader.problems)),
        Err(problem) => Err(with_line_hint(problem, text)),
    }
}

struct Loader<'t> {
    parser: Parser<'t, StrInput<'t>>,
    anchors: HashMap<usize, Anchored>,
    copies: usize,
    problems: Vec<Problem>,
}

/// A node that aliases may stand for.
struct Anchored {
    node: Node,
    nodes: usize,
    height: usize,
}

/// A node on its way up, with what the limits are about.
struct Built {
    node: Node,
    nodes: usize,
    height: usize,
}

impl<'t> Loader<'t> {
    fn document(&mut self) -> Result<Node, Problem> {
        let mut tree = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
                _ if tree.is_some() => {
                    return Err(problem(span.start, "a second document begins here")
                        .hint("a configuration is one document; remove the `---` and what follows, or merge both"));
                }
                event => tree = Some(self.node(event, span, &Place::default(), 0)?.node),
            }
        }
        match tree {
            Some(Node { kind: Kind::Null, written: Written::Plainly(text), .. }) if text.is_empty() => Err(empty()),
            Some(tree) => Ok(tree),
            None => Err(empty()),
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, place: &Place, depth: usize) -> Result<Built, Problem> {
        if depth > MAX_DEPTH {
            return Err(problem(span.start, format!("nested more than {MAX_DEPTH} levels deep")));
        }
        let (anchor, kind, written, nodes, height) = match event {
            Event::Alias(anchor) => return self.alias(anchor, span, depth),
            Event::Scalar(text, style, anchor, tag) => {
                let (kind, written) = self.scalar(text, style, tag.as_deref(), span)?;
                (anchor, kind, written, 1, 0)
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_tag(tag.as_deref(), span)?;
                let (list, nodes, height) = self.list(place, depth)?;
                (anchor, Kind::List(list), Written::Strictly, nodes, height)
            }
            Event::MappingStart(anchor, tag) => {
                refuse_tag(tag.as_deref(), span)?;
                let (map, nodes, height) = self.map(place, depth)?;
                (anchor, Kind::Map(map), Written::Strictly, nodes, height)
            }
            _ => return Err(problem(span.start, "expected a value")),
        };
        let node = Node { mark: Some(mark(span.start)), kind, written };
        if anchor > 0 {
            self.anchors.insert(anchor, Anchored { node: node.clone(), nodes, height });
        }
        Ok(Built { node, nodes, height })
    }

    fn list(&mut self, place: &Place, depth: usize) -> Result<(Vec<Node>, usize, usize), Problem> {
        let (mut list, mut nodes, mut height) = (Vec::new(), 1, 0);
        loop {
            let (event, span) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok((list, nodes, height));
            }
            let built = self.node(event, span, &place.index(list.len()), depth + 1)?;
            (nodes, height) = (nodes + built.nodes, height.max(built.height + 1));
            list.push(built.node);
        }
    }

    fn map(&mut self, place: &Place, depth: usize) -> Result<(Vec<Entry>, usize, usize), Problem> {
        let (mut map, mut nodes, mut height): (Vec<Entry>, _, _) = (Vec::new(), 1, 0);
        let mut lines = HashMap::new();
        loop {
            let (event, span) = self.next()?;
            let key = match event {
                Event::MappingEnd => return Ok((map, nodes, height)),
                Event::Scalar(key, ..) => swap_back(key.into_owned()),
                _ => return Err(problem(span.start, "a key must be one word, not a list, a mapping or an alias")),
            };
            let (event, value) = self.next()?;
            let inner = place.key(&key);
            let built = self.node(event, value, &inner, depth + 1)?;
            (nodes, height) = (nodes + built.nodes, height.max(built.height + 1));
            let at = mark(span.start);
            if key == "<<" {
                let merge = Problem::new(inner, "merge keys (`<<`) are not supported").at(at.line, at.column);
                self.problems.push(merge.hint("write the keys out, or use an alias for a whole value"));
            } else if let Some(line) = lines.get(&key) {
                let twice = Problem::new(inner, format!("`{key}` is given twice")).at(at.line, at.column);
                self.problems.push(twice.hint(format!("the first one is on line {line}; remove one of them")));
            } else {
                lines.insert(key.clone(), at.line);
                map.push(Entry { key, mark: Some(at), value: built.node });
            }
        }
    }

    fn alias(&mut self, anchor: usize, span: Span, depth: usize) -> Result<Built, Problem> {
        let Some(Anchored { node, nodes, height }) = self.anchors.get(&anchor) else {
            return Err(problem(span.start, "an alias cannot stand inside the value that it names"));
        };
        self.copies += nodes;
        if self.copies > MAX_COPIES {
            return Err(problem(span.start, format!("aliases repeat more than {MAX_COPIES} values")));
        }
        if depth + height > MAX_DEPTH {
            return Err(problem(span.start, format!("nested more than {MAX_DEPTH} levels deep through aliases")));
        }
        let mut node = node.clone();
        node.mark = Some(mark(span.start));
        Ok(Built { node, nodes: *nodes, height: *height })
    }

    fn scalar(
        &self,
        text: Cow<'t, str>,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: Span,
    ) -> Result<(Kind, Written), Problem> {
        let text = swap_back(text.into_owned());
        let is_str = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
        if !is_str {
            refuse_tag(tag, span)?;
        }
        if is_str || style != ScalarStyle::Plain {
            return Ok((Kind::Text(text), Written::Strictly));
        }
        Ok((resolve(&text), Written::Plainly(text)))
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Problem> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(syntax(&error)),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }
}

fn refuse_tag(tag: Option<&Tag>, span: Span) -> Result<(), Problem> {
    match tag {
        None => Ok(()),
        Some(tag) => {
            let shown = if tag.is_yaml_core_schema() {
                format!("!!{}", tag.suffix)
            } else {
                format!("{}{}", tag.handle, tag.suffix)
            };
            Err(problem(span.start, format!("the tag `{shown}` is not supported"))
                .hint("remove it; quotes make a string"))
        }
    }
}

fn syntax(error: &ScanError) -> Problem {
    problem(*error.marker(), format!("not valid YAML: {}", error.info()))
}

/// What is often the cause, from the line that could not be read.
fn with_line_hint(problem: Problem, text: &str) -> Problem {
    let line = problem.line.and_then(|line| text.lines().nth(line - 1)).unwrap_or_default();
    match problem.hint {
        None if line.contains("${") => problem.hint("a variable is written `${NAME}` or `${NAME:-default}`"),
        None if line.contains('\t') => problem.hint("YAML is indented with spaces, not with tabs"),
        _ => problem,
    }
}

fn empty() -> Problem {
    Problem::new("", "the configuration is empty").at(1, 1).hint("start from `config/quickstart.yaml`")
}

fn problem(at: Marker, message: impl Into<String>) -> Problem {
    let mark = mark(at);
    Problem::new("", message).at(mark.line, mark.column)
}

fn mark(marker: Marker) -> Mark {
    Mark { line: marker.line(), column: marker.col() + 1 }
}
