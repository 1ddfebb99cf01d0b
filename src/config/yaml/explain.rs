//! What a person who edits YAML can act on, in place of the parser's words.

use std::ops::Range;

use crate::diagnostic::{Diagnostic, Source};

/// `{{ name }}` without quotes is, to YAML, a mapping whose key is a mapping.
pub(super) fn key_is_no_scalar(source: &Source, span: Range<usize>) -> Diagnostic {
    let before = source.text().get(..span.start).unwrap_or_default();
    if before.ends_with('{') {
        return unquoted_template(source, span.start - 1);
    }
    Diagnostic::error(
        "yaml-key",
        source.place(span),
        "a key must be a plain word, not a list or a mapping",
    )
    .help("quote it if it is meant as text")
}

/// A template that starts at `start` and has no quotes.
fn unquoted_template(source: &Source, start: usize) -> Diagnostic {
    let line = line_at(source, start);
    let rest = source.text().get(start..line.end).unwrap_or_default();
    let width = rest.find("}}").map_or(2, |at| at + 2);
    // What is glued to it belongs into the quotes too.
    let glued = rest.get(width..).map_or(0, |tail| {
        tail.find([',', ']', '}', ' ', '#']).unwrap_or(tail.len())
    });
    let written = rest.get(..width + glued).unwrap_or(rest);
    let quoted = if written.ends_with("}}") || glued > 0 {
        format!("\"{written}\"")
    } else {
        "\"{{ name }}\"".to_owned()
    };
    Diagnostic::error(
        "unquoted-template",
        source.place(start..start + width),
        "`{{` without quotes starts a YAML mapping, not a template",
    )
    .help(format!("put the template in quotes: {quoted}"))
}

/// The bytes of the line that holds a byte, without its end.
fn line_at(source: &Source, at: usize) -> Range<usize> {
    let text = source.text();
    let start = text
        .get(..at)
        .and_then(|before| before.rfind('\n'))
        .map_or(0, |newline| newline + 1);
    let length = text
        .get(start..)
        .and_then(|rest| rest.lines().next())
        .map_or(0, str::len);
    start..start + length
}

/// Turns the parser's words into what a person who edits YAML can act on.
pub(super) fn explain(source: &Source, at: usize, info: &str) -> Diagnostic {
    let span = line_at(source, at);
    let line = source.text().get(span.clone()).unwrap_or_default();
    if let Some(tab) = indenting_tab(source, &span) {
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
        return unquoted_template(source, span.start + open);
    }
    if let Some(star) = leading_star(line) {
        let star = span.start + star;
        return Diagnostic::error(
            "yaml-alias",
            source.place(star..star + 1),
            "a value that begins with `*` is a YAML alias, and this dialect has none",
        )
        .help("put the whole value in quotes if it is a pattern: '** secrets **'");
    }
    let at = place_of(source, at, info);
    let (message, help) = words(source, at, info);
    Diagnostic::error("yaml-syntax", source.place(at..at + 1), message).help(help)
}

/// Where a mistake is shown: the parser names a quoted text by its beginning, and a mapping by what
/// comes instead of its end.
fn place_of(source: &Source, at: usize, info: &str) -> usize {
    if info.contains("unknown escape character") {
        wrong_escape(source, at).unwrap_or(at)
    } else if ends_early(info) {
        open_bracket(source, at).unwrap_or(at)
    } else {
        at
    }
}

/// Whether something else stands where a list or a mapping in brackets could go on or end.
fn ends_early(info: &str) -> bool {
    info.contains("did not find expected ',' or") || info.contains("illegal placement of ':'")
}

/// The backslash of the first escape that YAML does not have, in the double quotes that start at
/// `at`.
fn wrong_escape(source: &Source, at: usize) -> Option<usize> {
    let text = source.text().get(at..)?;
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        if character == '\\' {
            let (_, escaped) = characters.next()?;
            if !"0abt\tnvfre \"/\\N_LPxuU\n\r".contains(escaped) {
                return Some(at + index);
            }
        }
    }
    None
}

/// The last bracket before `at` that is not closed until there; quotes and comments are passed over.
fn open_bracket(source: &Source, at: usize) -> Option<usize> {
    let text = source.text().get(..at)?;
    let mut open = Vec::new();
    let mut quote: Option<char> = None;
    let mut before = ' ';
    let mut in_comment = false;
    for (index, character) in text.char_indices() {
        match (quote, character) {
            _ if in_comment => in_comment = character != '\n',
            (Some(closing), _) if character == closing && before != '\\' => quote = None,
            // A quote within a plain text is an apostrophe.
            (None, '\'' | '"') if !before.is_alphanumeric() => quote = Some(character),
            (None, '#') if before.is_whitespace() => in_comment = true,
            (None, '{' | '[') => open.push(index),
            (None, '}' | ']') => drop(open.pop()),
            _ => {}
        }
        before = character;
    }
    open.pop()
}

/// Message and help for brackets, quotes and what stands beside them.
fn flow_or_quote(source: &Source, at: usize, info: &str) -> Option<(String, String)> {
    let both = |message: &str, help: &str| Some((message.to_owned(), help.to_owned()));
    if ends_early(info)
        && ["{", "["]
            .map(Some)
            .contains(&source.text().get(at..at + 1))
    {
        let (open, close) = match source.text().get(at..at + 1) {
            Some("[") => ("[", "]"),
            _ => ("{", "}"),
        };
        return Some((
            format!("this `{open}` is not closed where its content ends"),
            format!("close it with `{close}`, and put a comma between any two of its entries"),
        ));
    }
    if info.contains("misplaced bracket") {
        return both(
            "this bracket closes nothing",
            "remove it, or put the whole value in quotes if it is text",
        );
    }
    if info.contains("trailing content after single-quoted") {
        return both(
            "the quote before this ends the value, and something follows",
            "write a `'` inside single quotes twice (`'it''s'`), or use double quotes: \"it's\"",
        );
    }
    if info.contains("trailing content after double-quoted") {
        return both(
            "the quote before this ends the value, and something follows",
            "put the whole value in one pair of quotes; a `\"` inside is written `\\\"`",
        );
    }
    if info.contains("unknown escape character") {
        let escape: String = source.text().get(at..)?.chars().take(2).collect();
        return Some((
            format!("`{escape}` is no escape of double quotes"),
            format!(
                "use single quotes, where a backslash is one: '{escape}', or write it twice: \"\\{escape}\""
            ),
        ));
    }
    if info.contains("simple key expected") {
        let line = source.text().get(line_at(source, at))?.trim();
        let key = line.split_whitespace().next().unwrap_or(line);
        return Some((
            format!("`{key}` has no colon, so it is no key"),
            format!("write `{key}: …`, or indent the line if it belongs to the text above it"),
        ));
    }
    None
}

/// The first tab that indents this line or the next, which the parser may not have come to.
fn indenting_tab(source: &Source, line: &Range<usize>) -> Option<usize> {
    let next = line_at(source, (line.end + 1).min(source.text().len()));
    [line, &next].into_iter().find_map(|span| {
        let line = source.text().get(span.clone())?;
        let indent = line.len() - line.trim_start().len();
        let tab = line.get(..indent)?.find('\t')?;
        Some(span.start + tab)
    })
}

/// Where the value of a line begins, when that is with `*`.
fn leading_star(line: &str) -> Option<usize> {
    let item = line.trim_start().trim_start_matches("- ").trim_start();
    let value = if item.starts_with('*') {
        item
    } else {
        item.split_once(": ")?.1.trim_start()
    };
    let value = value.trim_start_matches('[').trim_start();
    value.starts_with('*').then(|| line.len() - value.len())
}

/// Message and help for what the parser says at a place.
fn words(source: &Source, at: usize, info: &str) -> (String, String) {
    let both = |message: &str, help: &str| (message.to_owned(), help.to_owned());
    if let Some(rest) = info.strip_prefix("unexpected character: `") {
        let character = rest.chars().next().unwrap_or_default();
        let message = format!("a value without quotes cannot begin with `{character}`");
        return (message, "put the whole value in quotes".to_owned());
    }
    if let Some(rest) = info.strip_prefix("mismatched bracket '") {
        let mut quoted = rest.split('\'').step_by(2);
        let (open, close) = (quoted.next().unwrap_or_default(), quoted.next());
        let message = format!("this `{open}` is closed by `{}`", close.unwrap_or_default());
        let help = "close each bracket by its own kind, the last one opened first";
        return (message, help.to_owned());
    }
    if let Some(rest) = info.strip_prefix("unclosed bracket '") {
        let message = format!(
            "this `{}` is never closed",
            rest.trim_end_matches(['\'', '.'])
        );
        let help = "close it, or put the whole value in quotes if it is text";
        return (message, help.to_owned());
    }
    if info.contains("unclosed quote") {
        return both(
            "this quote is never closed",
            "close it with the same quote; in single quotes a quote is written twice",
        );
    }
    if let Some(told) = flow_or_quote(source, at, info) {
        return told;
    }
    if info.contains("mapping values are not allowed") {
        let (message, help) = unexpected_value(source, at);
        return both(message, help);
    }
    if info.contains("did not find expected key") {
        let line = source.text().get(line_at(source, at)).unwrap_or_default();
        return if line.trim_start().starts_with("- ") {
            both(
                "a list item stands among the keys of a mapping",
                "indent it below the key that it belongs to, or remove the `- `",
            )
        } else {
            both(
                "this line is indented like none of the lines above that it could belong to",
                "give it the indentation of its neighbours",
            )
        };
    }
    let help = "check this line's indentation against the lines above it, and that quotes and brackets are closed";
    (lower_first(info), help.to_owned())
}

/// Message and help for a `key: value` where none can stand.
fn unexpected_value(source: &Source, at: usize) -> (&'static str, &'static str) {
    let span = line_at(source, at);
    let line = source.text().get(span.clone()).unwrap_or_default();
    let above = source.text().get(..span.start).unwrap_or_default();
    let above = above.lines().next_back().unwrap_or_default();
    let in_value = line
        .split_once(": ")
        .is_some_and(|(_, value)| value.contains(": ") || value.ends_with(':'));
    if in_value {
        (
            "a value without quotes cannot hold `: `",
            "put the whole value in quotes",
        )
    } else if above.contains(':') && !above.contains(": ") && !above.ends_with(':') {
        (
            "this key cannot stand here: the line above is no `key: value`",
            "write a space behind the colon of the line above",
        )
    } else {
        (
            "this key cannot stand here: the value above it goes on",
            "check the indentation of this line and of the line above it",
        )
    }
}

fn lower_first(text: &str) -> String {
    let text = text.trim_end_matches('.');
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(characters).collect()
    })
}
