//! What a person who edits YAML can act on, in place of the parser's words.

use std::ops::Range;

use crate::diagnostic::{Diagnostic, Source};

/// `{{ name }}` without quotes is, to YAML, a mapping whose key is a mapping.
pub(super) fn key_is_no_scalar(source: &Source, span: Range<usize>) -> Diagnostic {
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

/// Turns the parser's words into what a person who edits YAML can act on.
pub(super) fn explain(source: &Source, at: usize, info: &str) -> Diagnostic {
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
