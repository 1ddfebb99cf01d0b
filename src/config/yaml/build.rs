//! From the parser's events to a tree, refusing on the way what this dialect does not have.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, ScanError};

use super::explain::{explain, key_is_no_scalar};
use super::{Entry, Kind, MAX_DEPTH, Node};
use crate::diagnostic::{Diagnostic, Source};

/// The tree of a file; absent when it says nothing, an error when its syntax was reported as broken.
pub(super) fn tree(source: &Source, found: &mut Vec<Diagnostic>) -> Result<Option<Node>, ()> {
    let mut documents = read(source, Documents::One, found)?;
    Ok(documents.pop())
}

/// The trees of all documents of a file that say something.
pub(super) fn trees(source: &Source, found: &mut Vec<Diagnostic>) -> Result<Vec<Node>, ()> {
    read(source, Documents::Many, found)
}

/// How many documents a file may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Documents {
    /// A file of ours.
    One,
    /// A manifest.
    Many,
}

fn read(
    source: &Source,
    documents: Documents,
    found: &mut Vec<Diagnostic>,
) -> Result<Vec<Node>, ()> {
    let mut builder = Builder {
        source,
        found,
        documents,
        open: Vec::new(),
        done: Vec::new(),
        root: None,
        last: 0,
        anchors: BTreeMap::new(),
    };
    let options = granit_parser::options! { emit_unresolved_aliases: true };
    for event in Parser::new_from_str_with_options(source.text(), options) {
        match event {
            Ok((event, span)) => {
                let span = span.byte_range().unwrap_or(builder.last..builder.last);
                builder.last = span.end.max(builder.last);
                if !builder.event(event, span) {
                    return Err(());
                }
            }
            Err(error) => {
                builder.syntax_error(&error);
                return Err(());
            }
        }
    }
    let all = builder.done.into_iter().chain(builder.root);
    Ok(all.filter(|root| !root.is_null()).collect())
}

struct Builder<'a> {
    source: &'a Source,
    found: &'a mut Vec<Diagnostic>,
    documents: Documents,
    open: Vec<Open>,
    /// The documents before this one.
    done: Vec<Node>,
    root: Option<Node>,
    last: usize,
    /// The finding of each anchor, until an alias has been shown with it.
    anchors: BTreeMap<usize, usize>,
}

enum Open {
    List {
        start: usize,
        items: Vec<Node>,
    },
    Map {
        start: usize,
        entries: Vec<Entry>,
        /// Where each key first stood: a file may hold many thousands.
        first: HashMap<String, Range<usize>>,
        key: Option<(String, Range<usize>)>,
        /// A key that is not a scalar was reported; its value is dropped.
        skip_value: bool,
        /// It was meant as a text.
        refused: bool,
    },
}

impl Builder<'_> {
    /// Takes one event; false ends the reading of this file.
    fn event(&mut self, event: Event<'_>, span: Range<usize>) -> bool {
        match event {
            Event::DocumentStart(..) if self.documents == Documents::Many => {
                self.done.extend(self.root.take());
            }
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
                let kind = if tag.is_some() {
                    Kind::Refused
                } else {
                    Kind::Scalar {
                        text: text.into_owned(),
                        plain,
                    }
                };
                self.add(Node { span, kind });
            }
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::UnresolvedAlias(_) => {
                self.error(
                    "yaml-alias",
                    span.clone(),
                    "a value that begins with `*` is a YAML alias, and this dialect has none",
                    "put the whole value in quotes if it is a pattern: '** secrets **'",
                );
                self.add(Node {
                    span,
                    kind: Kind::Refused,
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
                    first: HashMap::new(),
                    key: None,
                    skip_value: false,
                    refused: false,
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
            self.anchors.insert(anchor, self.found.len());
            self.error(
                "yaml-alias",
                span.start..span.start,
                "an anchor (`&name`) stands before this value, and this dialect has no aliases",
                "remove it, and write the value out wherever `*name` stands: a reviewer reads it where it counts",
            );
        }
    }

    /// An alias goes with its anchor: one finding for both, which shows the first alias.
    fn alias(&mut self, anchor: usize, span: Range<usize>) {
        let place = self.source.place(span.clone());
        if let Some(finding) = self.anchors.remove(&anchor)
            && let Some(found) = self.found.get_mut(finding)
        {
            found.labels.push((place, "used here".to_owned()));
        }
        self.add(Node {
            span,
            kind: Kind::Refused,
        });
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
            Some(Open::Map {
                start,
                entries,
                refused,
                ..
            }) => {
                let last = entries.last().map(|entry| entry.value.span.end);
                let end = trim_end(self.source, start, end, last);
                let kind = if refused {
                    Kind::Refused
                } else {
                    Kind::Map(entries)
                };
                self.add(Node {
                    span: start..end,
                    kind,
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
                first,
                key,
                skip_value,
                refused,
                ..
            } => {
                if std::mem::take(skip_value) {
                    return;
                }
                if let Some((key, key_span)) = key.take() {
                    if let Some(first) = first.get(&key) {
                        let found = Diagnostic::error(
                            "duplicate-key",
                            self.source.place(key_span),
                            format!("`{key}` stands here a second time"),
                        )
                        .label(self.source.place(first.clone()), "first here")
                        .help("keep one of the two");
                        self.found.push(found);
                        return;
                    }
                    first.insert(key.clone(), key_span.clone());
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
                    Kind::List(_) | Kind::Map(_) | Kind::Refused => {
                        *skip_value = true;
                        let found = key_is_no_scalar(self.source, node.span);
                        *refused = found.code.0 == "unquoted-template";
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
        // What stands behind an unquoted template breaks on it.
        let told = self.found.iter().any(|before| {
            before.code == found.code
                && before.place.file == found.place.file
                && before.place.start == found.place.start
        });
        if !told {
            self.found.push(found);
        }
    }
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
