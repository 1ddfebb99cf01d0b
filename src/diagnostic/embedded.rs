//! A text that is written inside another file, as a manifest holds the files of a configuration.
//!
//! Its places are places of the file that holds it, so that whoever reads a finding can open it. The
//! lines of a block scalar stand there as they are behind a constant indentation, and map exactly;
//! of any other notation (quotes, folding, base64) only the start is known.

use std::ops::Range;

use super::{Place, Source, Written};

/// Where a text stands in the file that holds it.
#[derive(Debug, Clone)]
pub(super) struct Embedded {
    /// The file that holds it.
    pub(super) outer: Source,
    /// Its first byte there.
    start: usize,
    /// Where each of its lines starts there, and the spaces before each; absent when its notation is
    /// another.
    lines: Option<(Vec<usize>, u16)>,
}

impl Embedded {
    /// Looks for the lines of `text` in those of `outer` behind the one that `key` stands on.
    pub(super) fn find(text: &str, outer: &Source, key: &Range<usize>, value: usize) -> Self {
        Self {
            lines: lines(text, outer.text(), key.end),
            outer: outer.clone(),
            // An empty block has no place of its own.
            start: if text.is_empty() { key.start } else { value },
        }
    }

    /// The place of a byte range of `inner`, which is cut to it already.
    pub(super) fn place(&self, inner: &Source, bytes: Range<usize>) -> Place {
        let Some((starts, indent)) = &self.lines else {
            let place = self.outer.place(self.start..self.start);
            return Place {
                written: Written::Otherwise,
                ..place
            };
        };
        let at = |byte: usize| {
            let line = inner.line_of(byte);
            let offset = byte - inner.lines.get(line).copied().unwrap_or(0);
            starts.get(line).copied().unwrap_or(self.start) + offset
        };
        Place {
            written: Written::Indented(*indent),
            ..self.outer.place(at(bytes.start)..at(bytes.end))
        }
    }

    /// Whether a place of the outer file lies inside this text.
    pub(super) fn holds(&self, place: &Place) -> bool {
        let (first, last) = match &self.lines {
            Some((starts, _)) => (starts.first().copied(), starts.last().copied()),
            None => (Some(self.start), Some(self.start)),
        };
        let (Some(first), Some(last)) = (first, last) else {
            return false;
        };
        place.file == *self.outer.name() && (first..=last).contains(&place.bytes.start)
    }
}

/// Where each line of a text starts in an outer text, and by how much they are indented; absent when
/// they do not stand there as they are.
fn lines(text: &str, outer: &str, key: usize) -> Option<(Vec<usize>, u16)> {
    let first = key + outer.get(key..)?.find('\n')? + 1;
    let mut at = first;
    let mut starts = Vec::new();
    let mut indent = None;
    let mut inner = text.split('\n').peekable();
    while let Some(line) = inner.next() {
        if inner.peek().is_none() && line.is_empty() {
            // What follows the last line end belongs to somebody else: the end of that line.
            starts.push(at.saturating_sub(1).max(first));
            break;
        }
        let rest = outer.get(at..)?;
        let whole = rest.split('\n').next()?;
        let next = at + whole.len() + 1;
        let whole = whole.strip_suffix('\r').unwrap_or(whole);
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() && whole.trim().is_empty() {
            starts.push(at + whole.len().min(indent.unwrap_or(0)));
        } else {
            let before = whole.strip_suffix(line)?;
            // The mark that some editors put before a text is no part of it.
            let spaces = before.trim_end_matches('\u{feff}').len();
            let spaces = *indent.get_or_insert(spaces);
            let blank = |part: &str| part.chars().all(|c| c == ' ' || c == '\u{feff}');
            if before.trim_end_matches('\u{feff}').len() != spaces || !blank(before) {
                return None;
            }
            starts.push(at + before.len());
        }
        at = next;
    }
    let indent = u16::try_from(indent?).ok()?;
    Some((starts, indent))
}
