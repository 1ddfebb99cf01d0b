//! Reading typed values out of a tree, with every mismatch reported and none fatal: a field that
//! cannot be read is absent, and reading goes on.

#[cfg(test)]
pub(crate) mod asked;

use std::ops::Range;
use std::time::Duration;

use serde_json::Value;

use super::{Entry, Kind, Node};
use crate::diagnostic::{Diagnostic, Place, Severity, Source, listed, nearest, suggestion};

/// Words that YAML 1.1 readers take for booleans; without quotes nobody can know what was meant.
const YAML_1_1_BOOLEANS: [&str; 8] = ["yes", "no", "on", "off", "y", "n", "Yes", "No"];

/// The longest time that any key takes.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// Reads one file's tree and collects what is wrong with it.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    /// The file.
    pub(crate) source: &'a Source,
    /// What was found so far.
    pub(crate) found: &'a mut Vec<Diagnostic>,
}

/// The fields of a mapping whose keys are known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'n> {
    /// The mapping.
    pub(crate) node: &'n Node,
    entries: &'n [Entry],
}

impl<'n> Fields<'n> {
    /// The fields of a mapping whose keys were looked at before.
    pub(crate) fn known(node: &'n Node) -> Option<Self> {
        match &node.kind {
            Kind::Map(entries) => Some(Self { node, entries }),
            _ => None,
        }
    }

    /// The value of a key; absent when the key is, or when its value is null.
    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.entry(key)
            .map(|entry| &entry.value)
            .filter(|value| !value.is_null())
    }

    /// A key with its value, null included.
    pub(crate) fn entry(&self, key: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(source: &'a Source, found: &'a mut Vec<Diagnostic>) -> Self {
        Self { source, found }
    }

    /// The place of a node.
    pub(crate) fn place(&self, node: &Node) -> Place {
        self.source.place(node.span.clone())
    }

    /// The place of some bytes.
    pub(crate) fn place_of(&self, span: &Range<usize>) -> Place {
        self.source.place(span.clone())
    }

    /// Whether anything was found wrong since there were `before` findings.
    pub(crate) fn failed_since(&self, before: usize) -> bool {
        let since = self.found.get(before..).unwrap_or_default();
        since.iter().any(|found| found.severity == Severity::Error)
    }

    /// Reports an error on a node.
    pub(crate) fn error(
        &mut self,
        code: &'static str,
        node: &Node,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let place = self.place(node);
        self.found
            .push(Diagnostic::error(code, place, message).help(help));
    }

    /// The fields of a mapping; keys that are not known are reported with the nearest known one.
    pub(crate) fn fields<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        known: &[&str],
    ) -> Option<Fields<'n>> {
        #[cfg(test)]
        asked::remember(what, known);
        let entries = self.entries(node, what)?;
        for entry in entries {
            if !known.contains(&entry.key.as_str()) {
                self.unknown_key(entry, entries, what, known);
            }
        }
        Some(Fields { node, entries })
    }

    fn unknown_key(&mut self, entry: &Entry, beside: &[Entry], what: &str, known: &[&str]) {
        let place = self.source.place(entry.key_span.clone());
        let message = format!("`{}` is not a key of {what}", entry.key);
        let found = Diagnostic::error("unknown-key", place.clone(), message);
        let keys = || known.iter().copied();
        let found = found.help(suggestion(&entry.key, keys(), "its keys are"));
        self.found.push(match nearest(&entry.key, keys()) {
            // A key that stands here already cannot stand here twice.
            Some(near) if beside.iter().any(|other| other.key == near) => {
                found.proposal(place, near)
            }
            Some(near) => found.fix(place, near),
            None => found,
        });
    }

    /// Whether a key that is missing was written, but misspelt: that was reported, and its absence
    /// follows from it.
    pub(crate) fn misspelt(&self, fields: &Fields<'_>, key: &str) -> bool {
        let within = self.place(fields.node);
        self.found.iter().any(|found| {
            let here = found.place.file == within.file
                && (within.bytes.start..=within.bytes.end).contains(&found.place.bytes.start);
            let fix = found.fix.as_ref();
            let renamed =
                found.code.0 == "unknown-key" && fix.is_some_and(|fix| fix.replacement == key);
            // A merge key could have brought it.
            let merged = found.code.0 == "yaml-alias"
                && self
                    .source
                    .outermost()
                    .text()
                    .get(found.place.bytes.clone())
                    == Some("<<");
            here && (renamed || merged)
        })
    }

    /// The entries of a mapping whose keys are the operator's own.
    pub(crate) fn entries<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Entry]> {
        if let Kind::Map(entries) = &node.kind {
            return Some(entries);
        }
        self.wrong_type(node, what, "a mapping of `key: value`");
        None
    }

    /// A required key's value; its absence is reported at the mapping's start.
    pub(crate) fn required<'n>(
        &mut self,
        fields: &Fields<'n>,
        key: &str,
        what: &str,
        help: &str,
    ) -> Option<&'n Node> {
        let value = fields.get(key);
        if value.is_none() && !self.misspelt(fields, key) {
            let span = fields
                .entry(key)
                .map_or(fields.node.span.start..fields.node.span.start, |entry| {
                    entry.key_span.clone()
                });
            let place = self.source.place(span);
            self.found.push(
                Diagnostic::error("missing-key", place, format!("{what} needs `{key}`")).help(help),
            );
        }
        value
    }

    /// The items of a list.
    pub(crate) fn list<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [Node]> {
        if let Kind::List(items) = &node.kind {
            return Some(items);
        }
        self.wrong_type(node, what, "a list");
        None
    }

    /// A text. A plain number, boolean or null is not one, and neither is a plain `no`.
    pub(crate) fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        let Kind::Scalar { text, plain } = &node.kind else {
            self.wrong_type(node, what, "a text");
            return None;
        };
        if node.is_null() {
            self.wrong_type(node, what, "a text");
            return None;
        }
        if *plain && (node.plain_value().is_some() || YAML_1_1_BOOLEANS.contains(&text.as_str())) {
            self.unquoted(node, text);
            return None;
        }
        Some(text)
    }

    /// A text for a reader: one that says something.
    pub(crate) fn prose<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        let text = self.text(node, what)?;
        if text.trim().is_empty() {
            self.error(
                "empty-text",
                node,
                format!("{what} is empty"),
                "write a sentence, or remove the key where it is optional",
            );
            return None;
        }
        Some(text)
    }

    fn unquoted(&mut self, node: &Node, text: &str) {
        let place = self.place(node);
        let is = node
            .plain_value()
            .map_or("a boolean to many YAML readers", |value| {
                if value.is_boolean() {
                    "a boolean here"
                } else {
                    "a number here"
                }
            });
        self.found.push(
            Diagnostic::error(
                "unquoted-scalar",
                place.clone(),
                format!("`{text}` without quotes is {is}, and a text is needed"),
            )
            .help(format!("write \"{text}\""))
            .fix(place, format!("\"{text}\"")),
        );
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, node: &Node, what: &str) -> Option<Vec<String>> {
        let items = self.list(node, what)?;
        Some(
            items
                .iter()
                .filter_map(|item| self.text(item, what).map(str::to_owned))
                .collect(),
        )
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, node: &Node, what: &str) -> Option<bool> {
        let value = node.plain_value().as_ref().and_then(Value::as_bool);
        if value.is_none() {
            self.wrong_type(node, what, "`true` or `false`");
        }
        value
    }

    /// A whole number within bounds.
    pub(crate) fn integer(
        &mut self,
        node: &Node,
        what: &str,
        bounds: std::ops::RangeInclusive<i64>,
    ) -> Option<i64> {
        let Some(value) = node.plain_value().as_ref().and_then(Value::as_i64) else {
            self.wrong_type(node, what, "a whole number");
            return None;
        };
        if !bounds.contains(&value) {
            let (low, high) = (bounds.start(), bounds.end());
            self.error(
                "out-of-range",
                node,
                format!("{what} is {value}, and must be between {low} and {high}"),
                format!("write a number from {low} to {high}"),
            );
            return None;
        }
        Some(value)
    }

    /// A length of time: `250ms`, `60s`, `20m`, `1h`, `7d`; never zero, and at most a year, since a
    /// longer one is a slip of the keyboard.
    pub(crate) fn duration(&mut self, node: &Node, what: &str) -> Option<Duration> {
        let Kind::Scalar { text, .. } = &node.kind else {
            self.wrong_type(node, what, "a length of time such as `60s`");
            return None;
        };
        let duration = parse_duration(text).filter(|duration| !duration.is_zero());
        if duration.is_some_and(|duration| duration > LONGEST) {
            self.error(
                "out-of-range",
                node,
                format!("{what} is `{text}`, and at most a year is taken"),
                "write a shorter time: `60s`, `20m`, `1h`, `7d`",
            );
            return None;
        }
        if duration.is_none() {
            let help = match text.parse::<u64>() {
                Ok(number) if number > 0 => format!("give it a unit: `{number}s`"),
                _ => "write a number with `ms`, `s`, `m`, `h` or `d`: `60s`".to_owned(),
            };
            self.error(
                "bad-duration",
                node,
                format!("`{text}` is no length of time for {what}"),
                help,
            );
        }
        duration
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        node: &Node,
        what: &str,
        words: &[(&str, T)],
    ) -> Option<T> {
        // Read without the text check: `off` is a word here, not a boolean.
        let text = match &node.kind {
            Kind::Scalar { text, .. } => text.as_str(),
            _ => "",
        };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        if matches!(node.kind, Kind::Refused) {
            return None;
        }
        let known = || words.iter().map(|(word, _)| *word);
        let place = self.place(node);
        let message = format!(
            "{what} must be {}, not {}",
            listed(known(), "or"),
            node.describe()
        );
        let found = Diagnostic::error("unknown-value", place.clone(), message);
        self.found.push(match nearest(text, known()) {
            Some(near) => found
                .help(format!("did you mean `{near}`?"))
                .fix(place, near),
            None => found.help(format!("write {}", listed(known(), "or"))),
        });
        None
    }

    /// The value as JSON.
    pub(crate) fn json(&mut self, node: &Node) -> Value {
        match &node.kind {
            Kind::Refused => Value::Null,
            Kind::Scalar { .. } if node.is_null() => Value::Null,
            Kind::Scalar { text, plain } => {
                if *plain && YAML_1_1_BOOLEANS.contains(&text.as_str()) {
                    self.unquoted(node, text);
                }
                node.plain_value()
                    .unwrap_or_else(|| Value::String(text.clone()))
            }
            Kind::List(items) => items.iter().map(|item| self.json(item)).collect(),
            Kind::Map(entries) => Value::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), self.json(&entry.value)))
                    .collect(),
            ),
        }
    }

    /// Reports a value of the wrong type.
    pub(crate) fn wrong_type(&mut self, node: &Node, what: &str, expected: &str) {
        if matches!(node.kind, Kind::Refused) {
            return;
        }
        let message = format!("{what} must be {expected}, not {}", node.describe());
        let help = match &node.kind {
            Kind::Scalar { text, .. } if text.contains(": ") && expected.contains("mapping") => {
                "check the indentation of the lines below the key".to_owned()
            }
            Kind::Scalar { .. } if expected.contains("list") => {
                "write one `- item` a line, or `[item, item]`".to_owned()
            }
            _ => format!("write {expected}"),
        };
        self.error("wrong-type", node, message, help);
    }
}

/// A length of time as `[0-9]+(ms|s|m|h|d)`.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(split)?;
    let number: u64 = number.parse().ok()?;
    let seconds = match unit {
        "ms" => return Some(Duration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}
