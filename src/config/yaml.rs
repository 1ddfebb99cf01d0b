//! A YAML file as a tree of nodes with places, or what is wrong with its syntax.
//!
//! The only module that knows the parser. A tree is read instead of deserialising into types,
//! because a deserialiser stops at its first error and loses the place of most of them; what the
//! nodes mean is read by [`reader`]. The dialect is strict on purpose: one document, no anchors,
//! aliases, merge keys or tags, no duplicate keys, so that what a reviewer reads is what is loaded.

mod reader;

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, ScanError};

use crate::diagnostic::{Diagnostic, Place, Source};

pub(crate) use reader::{Fields, Reader};

/// The largest file that is read, in bytes: a ConfigMap, the whole of it, holds no more.
pub(crate) const MAX_FILE_BYTES: usize = 1024 * 1024;

/// Deeper nesting than any format here needs; it bounds the recursion over the tree.
const MAX_DEPTH: usize = 64;

/// One value of a file.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Its bytes in the file, quotes included.
    pub(crate) span: Range<usize>,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// A single value.
    Scalar {
        /// The value, escapes and folding resolved.
        text: String,
        /// Whether it was written without quotes, and so may be a number, a boolean or null.
        plain: bool,
    },
    /// `- a` or `[a]`.
    List(Vec<Node>),
    /// `key: value` or `{key: value}`.
    Map(Vec<Entry>),
}

/// One key of a mapping with its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The key.
    pub(crate) key: String,
    /// The key's bytes in the file.
    pub(crate) key_span: Range<usize>,
    /// The value.
    pub(crate) value: Node,
}

impl Node {
    /// Whether it is null: `~`, `null` or nothing at all.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar { text, plain: true }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What it is, in words for a finding.
    pub(crate) fn describe(&self) -> String {
        match &self.kind {
            Kind::List(_) => "a list".to_owned(),
            Kind::Map(_) => "a mapping".to_owned(),
            Kind::Scalar { .. } if self.is_null() => "nothing".to_owned(),
            Kind::Scalar { text, plain } => match self.plain_value() {
                Some(serde_json::Value::Bool(_)) => format!("the boolean `{text}`"),
                Some(serde_json::Value::Number(_)) => format!("the number `{text}`"),
                _ if *plain || text.chars().count() <= 40 => format!("the text `{text}`"),
                _ => "a text".to_owned(),
            },
        }
    }

    /// The boolean or number that a plain scalar is in YAML 1.2's core schema.
    pub(crate) fn plain_value(&self) -> Option<serde_json::Value> {
        let Kind::Scalar { text, plain: true } = &self.kind else {
            return None;
        };
        match text.as_str() {
            "true" | "True" | "TRUE" => return Some(true.into()),
            "false" | "False" | "FALSE" => return Some(false.into()),
            _ => {}
        }
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        if !digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
            return None;
        }
        if let Ok(number) = text.strip_prefix('+').unwrap_or(text).parse::<i64>() {
            return Some(number.into());
        }
        let number: f64 = text.parse().ok()?;
        serde_json::Number::from_f64(number).map(serde_json::Value::Number)
    }

    /// Where a byte range of a scalar's text stands in the file: exact when the scalar is written
    /// on one line without escapes, otherwise the scalar's start.
    pub(crate) fn place_inside(&self, source: &Source, inside: Range<usize>) -> Place {
        let Kind::Scalar { text, .. } = &self.kind else {
            return source.place(self.span.clone());
        };
        let raw = source.text().get(self.span.clone()).unwrap_or_default();
        let skip = usize::from(raw.starts_with(['"', '\'']));
        let verbatim = raw
            .get(skip..)
            .is_some_and(|content| content.starts_with(text.as_str()))
            && raw.len() == text.len() + 2 * skip;
        if verbatim {
            let start = self.span.start + skip;
            source.place(start + inside.start..start + inside.end)
        } else {
            source.place(self.span.start..self.span.start)
        }
    }
}

/// Parses one file; answers a tree as far as there is one, and adds what is wrong.
pub(crate) fn parse(source: &Source, found: &mut Vec<Diagnostic>) -> Option<Node> {
    let mut builder = Builder {
        source,
        found,
        open: Vec::new(),
        root: None,
        last: 0,
    };
    for event in Parser::new_from_str(source.text()) {
        match event {
            Ok((event, span)) => {
                let span = span.byte_range().unwrap_or(builder.last..builder.last);
                builder.last = span.end.max(builder.last);
                if !builder.event(event, span) {
                    return None;
                }
            }
            Err(error) => {
                builder.syntax_error(&error);
                return None;
            }
        }
    }
    let root = builder.root;
    if root.as_ref().is_none_or(Node::is_null) {
        found.push(
            Diagnostic::error("empty-file", source.place(0..0), "this file is empty")
                .help("write its keys, or delete the file"),
        );
        return None;
    }
    root
}

struct Builder<'a> {
    source: &'a Source,
    found: &'a mut Vec<Diagnostic>,
    open: Vec<Open>,
    root: Option<Node>,
    last: usize,
}

enum Open {
    List {
        start: usize,
        items: Vec<Node>,
    },
    Map {
        start: usize,
        entries: Vec<Entry>,
        key: Option<(String, Range<usize>)>,
        /// A key that is not a scalar was reported; its value is dropped.
        skip_value: bool,
    },
}

impl Builder<'_> {
    /// Takes one event; false ends the reading of this file.
    fn event(&mut self, event: Event<'_>, span: Range<usize>) -> bool {
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                self.error(
                    "two-documents",
                    span,
                    "a second document starts here, and a file holds one",
                    "remove the `---`, or move what follows into a file of its own",
                );
                return false;
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_anchor(anchor, &span);
                self.refuse_tag(tag.is_some(), &span);
                let plain = style == ScalarStyle::Plain;
                self.add(Node {
                    span,
                    kind: Kind::Scalar {
                        text: text.into_owned(),
                        plain,
                    },
                });
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.error(
                    "yaml-alias",
                    span.clone(),
                    "an alias (`*name`) stands here, and this dialect has none",
                    "write the value out: a reviewer reads it where it counts",
                );
                self.add(Node {
                    span,
                    kind: Kind::Scalar {
                        text: String::new(),
                        plain: true,
                    },
                });
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_anchor(anchor, &span);
                self.refuse_tag(tag.is_some(), &span);
                self.open.push(Open::List {
                    start: span.start,
                    items: Vec::new(),
                });
                return self.depth_is_fine(&span);
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_anchor(anchor, &span);
                self.refuse_tag(tag.is_some(), &span);
                self.open.push(Open::Map {
                    start: span.start,
                    entries: Vec::new(),
                    key: None,
                    skip_value: false,
                });
                return self.depth_is_fine(&span);
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            _ => {}
        }
        true
    }

    fn depth_is_fine(&mut self, span: &Range<usize>) -> bool {
        if self.open.len() <= MAX_DEPTH {
            return true;
        }
        self.error(
            "too-deep",
            span.clone(),
            format!("this is nested more than {MAX_DEPTH} levels deep"),
            "no format here needs that depth; look for a bracket that was not closed",
        );
        false
    }

    fn refuse_anchor(&mut self, anchor: usize, span: &Range<usize>) {
        if anchor != 0 {
            self.error(
                "yaml-alias",
                span.start..span.start,
                "an anchor (`&name`) stands before this value, and this dialect has none",
                "remove it: without aliases nothing can refer to it",
            );
        }
    }

    fn refuse_tag(&mut self, tagged: bool, span: &Range<usize>) {
        if tagged {
            self.error(
                "yaml-tag",
                span.start..span.start,
                "a tag (`!name`) stands before this value, and this dialect has none",
                "remove it, or quote the value if the `!` belongs to it",
            );
        }
    }

    fn close(&mut self, span: Range<usize>) {
        let end = span.end.max(self.last);
        match self.open.pop() {
            Some(Open::List { start, items }) => {
                let end = trim_end(
                    self.source,
                    start,
                    end,
                    items.last().map(|node| node.span.end),
                );
                self.add(Node {
                    span: start..end,
                    kind: Kind::List(items),
                });
            }
            Some(Open::Map { start, entries, .. }) => {
                let last = entries.last().map(|entry| entry.value.span.end);
                let end = trim_end(self.source, start, end, last);
                self.add(Node {
                    span: start..end,
                    kind: Kind::Map(entries),
                });
            }
            None => {}
        }
    }

    fn add(&mut self, node: Node) {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        match open {
            Open::List { items, .. } => items.push(node),
            Open::Map {
                entries,
                key,
                skip_value,
                ..
            } => {
                if std::mem::take(skip_value) {
                    return;
                }
                if let Some((key, key_span)) = key.take() {
                    if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                        let found = Diagnostic::error(
                            "duplicate-key",
                            self.source.place(key_span),
                            format!("`{key}` stands here a second time"),
                        )
                        .label(self.source.place(first.key_span.clone()), "first here")
                        .help("keep one of the two");
                        self.found.push(found);
                        return;
                    }
                    entries.push(Entry {
                        key,
                        key_span,
                        value: node,
                    });
                    return;
                }
                match node.kind {
                    Kind::Scalar { text, .. } if text == "<<" => {
                        *skip_value = true;
                        let place = self.source.place(node.span);
                        self.found.push(
                            Diagnostic::error(
                                "yaml-alias",
                                place,
                                "a merge key (`<<`) stands here, and this dialect has none",
                            )
                            .help("write the keys out: a reviewer reads them where they count"),
                        );
                    }
                    Kind::Scalar { text, .. } => *key = Some((text, node.span)),
                    Kind::List(_) | Kind::Map(_) => {
                        *skip_value = true;
                        let found = key_is_no_scalar(self.source, node.span);
                        self.found.push(found);
                    }
                }
            }
        }
    }

    fn error(
        &mut self,
        code: &'static str,
        span: Range<usize>,
        message: impl Into<String>,
        help: &str,
    ) {
        let found = Diagnostic::error(code, self.source.place(span), message).help(help);
        self.found.push(found);
    }

    fn syntax_error(&mut self, error: &ScanError) {
        let at = error
            .marker()
            .byte_offset()
            .unwrap_or_else(|| byte_of(self.source, error.marker().index()));
        let found = explain(self.source, at, &error.info());
        self.found.push(found);
    }
}

/// `{{ name }}` without quotes is, to YAML, a mapping whose key is a mapping.
fn key_is_no_scalar(source: &Source, span: Range<usize>) -> Diagnostic {
    let before = source.text().get(..span.start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let is_template = before.ends_with('{');
    if is_template {
        let start = span.start.saturating_sub(1).max(line_start);
        return Diagnostic::error(
            "unquoted-template",
            source.place(start..span.end + 1),
            "`{{` without quotes starts a YAML mapping, not a template",
        )
        .help("put the template in quotes: \"{{ name }}\"");
    }
    Diagnostic::error(
        "yaml-key",
        source.place(span),
        "a key must be a plain word, not a list or a mapping",
    )
    .help("quote it if it is meant as text")
}

/// A block collection's end marker stands at the next token; the node ends with its last child.
fn trim_end(source: &Source, start: usize, end: usize, last_child: Option<usize>) -> usize {
    let first = source.text().as_bytes().get(start);
    if matches!(first, Some(b'[' | b'{')) {
        return end;
    }
    last_child.unwrap_or(end).max(start)
}

fn byte_of(source: &Source, characters: usize) -> usize {
    source
        .text()
        .char_indices()
        .nth(characters)
        .map_or(source.text().len(), |(at, _)| at)
}

/// Turns the parser's words into what a person who edits YAML can act on.
fn explain(source: &Source, at: usize, info: &str) -> Diagnostic {
    let text = source.text();
    let line_start = text
        .get(..at)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |newline| newline + 1);
    let line = text
        .get(line_start..)
        .and_then(|rest| rest.lines().next())
        .unwrap_or_default();
    let indent = line.len() - line.trim_start().len();
    if let Some(tab) = line.get(..indent).and_then(|space| space.find('\t')) {
        let tab = line_start + tab;
        return Diagnostic::error(
            "yaml-tab",
            source.place(tab..tab + 1),
            "this line is indented with a tab, and YAML allows only spaces",
        )
        .help("replace the tab by spaces");
    }
    if let Some(open) = line.find("{{").filter(|open| {
        line.get(..*open)
            .is_some_and(|before| !before.contains(['"', '\'']))
    }) {
        let open = line_start + open;
        return Diagnostic::error(
            "unquoted-template",
            source.place(open..open + 2),
            "`{{` without quotes starts a YAML mapping, not a template",
        )
        .help("put the template in quotes: \"{{ name }}\"");
    }
    Diagnostic::error("yaml-syntax", source.place(at..at + 1), lower_first(info)).help(
        "check this line's indentation against the lines above it, and that quotes and brackets are closed",
    )
}

fn lower_first(text: &str) -> String {
    let text = text.trim_end_matches('.');
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(characters).collect()
    })
}
