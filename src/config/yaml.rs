//! A YAML file as a tree of nodes with places, or what is wrong with its syntax.
//!
//! The only module that knows the parser. A tree is read instead of deserialising into types,
//! because a deserialiser stops at its first error and loses the place of most of them; what the
//! nodes mean is read by [`reader`]. The dialect is strict on purpose: one document, no anchors,
//! aliases, merge keys or tags, no duplicate keys, so that what a reviewer reads is what is loaded.

mod build;

mod explain;

mod reader;

use std::ops::Range;

use crate::diagnostic::{Diagnostic, Place, Source};

#[cfg(test)]
pub(crate) use reader::asked;
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
    /// Something that this dialect does not have; it was reported, and nothing more is said of it.
    Refused,
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
            Kind::Refused => "what this dialect does not have".to_owned(),
            Kind::Scalar { .. } if self.is_null() => "nothing".to_owned(),
            Kind::Scalar { text, plain } => match self.plain_value() {
                Some(serde_json::Value::Bool(_)) => format!("the boolean `{text}`"),
                Some(serde_json::Value::Number(_)) => format!("the number `{text}`"),
                _ if *plain || text.chars().count() <= 40 => format!("the text `{text}`"),
                _ => "a text".to_owned(),
            },
        }
    }

    /// The value of a key, where it is a mapping that has one.
    pub(crate) fn member(&self, key: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Map(entries) => entries
                .iter()
                .find(|entry| entry.key == key)
                .map(|entry| &entry.value),
            _ => None,
        }
    }

    /// The text that it is, where it is a scalar.
    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Its items, where it is a list.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            _ => &[],
        }
    }

    /// Its entries, where it is a mapping.
    pub(crate) fn members(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Calls `visit` for the text of every value in it.
    pub(crate) fn each_text<'n>(&'n self, visit: &mut dyn FnMut(&'n str)) {
        match &self.kind {
            Kind::Scalar { text, .. } => visit(text),
            Kind::List(items) => items.iter().for_each(|item| item.each_text(visit)),
            Kind::Map(entries) => entries
                .iter()
                .for_each(|entry| entry.value.each_text(visit)),
            Kind::Refused => {}
        }
    }

    /// Whether anything in it was refused, so that its meaning is not known.
    pub(crate) fn holds_refused(&self) -> bool {
        match &self.kind {
            Kind::Refused => true,
            Kind::Scalar { .. } => false,
            Kind::List(items) => items.iter().any(Self::holds_refused),
            Kind::Map(entries) => entries.iter().any(|entry| entry.value.holds_refused()),
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

    /// A text as it is written inside this scalar: what its quotes give a meaning is escaped.
    pub(crate) fn write_inside(&self, source: &Source, text: String) -> String {
        let raw = source.text().get(self.span.clone()).unwrap_or_default();
        match raw.chars().next() {
            Some('"') => text.replace('\\', "\\\\").replace('"', "\\\""),
            Some('\'') => text.replace('\'', "''"),
            _ => text,
        }
    }
}

/// Whether a text can be read as one file of a configuration at all.
pub(crate) fn is_readable(source: &Source) -> bool {
    let mut found = Vec::new();
    build::tree(source, &mut found).is_ok() && found.is_empty()
}

/// Parses one file; answers a tree as far as there is one, and adds what is wrong.
pub(crate) fn parse(source: &Source, found: &mut Vec<Diagnostic>) -> Option<Node> {
    let root = build::tree(source, found).ok()?;
    if root.is_none() {
        found.push(
            Diagnostic::error("empty-file", source.place(0..0), "this file says nothing")
                .help("write its keys, or delete the file"),
        );
    }
    root
}

/// Parses a file that may say nothing: without content, or with comments only, it is a mapping
/// without keys. Absent when it cannot be read.
pub(crate) fn parse_optional(source: &Source, found: &mut Vec<Diagnostic>) -> Option<Node> {
    let nothing = Node {
        span: 0..0,
        kind: Kind::Map(Vec::new()),
    };
    build::tree(source, found)
        .ok()
        .map(|root| root.unwrap_or(nothing))
}

/// Parses a file of somebody else's, which may hold several documents: those that say something.
/// Absent when it cannot be read.
pub(crate) fn parse_documents(source: &Source, found: &mut Vec<Diagnostic>) -> Option<Vec<Node>> {
    build::trees(source, found).ok()
}
