//! Cutting a pattern's text into tokens.
//!
//! The cut follows the notation to the letter: a `[` or `(` before a space is a token; every other
//! token ends at a space that is not escaped, not inside a `[class]` and not inside a `(…)` that
//! began in it. Line breaks and tabs count as spaces.

use std::ops::Range;

use super::reference::is_reference;

/// What a token is, if it is not a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// `[` or `(`.
    Open(char),
    /// `]` or `)`.
    Close(char),
    /// A standing `|`.
    Or,
    /// `*`.
    Any,
    /// `**`.
    Rest,
    /// `...`.
    Repeat,
    /// `<name>`, by the text between the angles.
    Name(&'a str),
    /// One regular expression for one word.
    Word(&'a str),
}

/// One token with its place; `repeated` when a `...` is glued to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) repeated: bool,
    pub(super) span: Range<usize>,
}

/// All tokens of a text.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        at += rest.len() - rest.trim_start_matches(is_space).len();
        if at >= text.len() {
            return found;
        }
        let end = end(text, at);
        let written = text.get(at..end).unwrap_or_default();
        let (kind, repeated) = kind(written);
        found.push(Token {
            kind,
            repeated,
            span: at..end,
        });
        at = end;
    }
}

fn kind(written: &str) -> (Kind<'_>, bool) {
    match written {
        "[" => return (Kind::Open('['), false),
        "(" => return (Kind::Open('('), false),
        "|" => return (Kind::Or, false),
        "*" => return (Kind::Any, false),
        "**" => return (Kind::Rest, false),
        "..." => return (Kind::Repeat, false),
        _ => {}
    }
    let (stem, repeated) = match written.strip_suffix("...") {
        Some(stem) => (stem, true),
        None => (written, false),
    };
    match stem {
        "]" => (Kind::Close(']'), repeated),
        ")" => (Kind::Close(')'), repeated),
        _ => match stem
            .strip_prefix('<')
            .and_then(|stem| stem.strip_suffix('>'))
        {
            Some(name) if is_reference(name) => (Kind::Name(name), repeated),
            _ => (Kind::Word(written), false),
        },
    }
}

/// Where the token that starts at `start` ends.
fn end(text: &str, start: usize) -> usize {
    let mut characters = text
        .get(start..)
        .unwrap_or_default()
        .char_indices()
        .peekable();
    if let Some((_, '[' | '(')) = characters.next()
        && characters.peek().is_some_and(|&(_, c)| is_space(c))
    {
        return start + 1;
    }
    let mut at = start;
    let mut depth = 0_usize;
    while let Some(c) = text.get(at..).and_then(|rest| rest.chars().next()) {
        match c {
            '\\' => at = after_escape(text, at),
            '[' => at = class_end(text, at).unwrap_or(text.len()),
            _ if is_space(c) && depth == 0 => return at,
            _ => {
                depth = match c {
                    '(' => depth + 1,
                    ')' => depth.saturating_sub(1),
                    _ => depth,
                };
                at += c.len_utf8();
            }
        }
    }
    text.len()
}

/// Where the `[class]` that starts at `start` ends, if it does.
pub(super) fn class_end(text: &str, start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = start;
    loop {
        match text.get(at..)?.chars().next()? {
            '\\' => at = after_escape(text, at),
            '[' => {
                depth += 1;
                at += 1;
                at += usize::from(text.get(at..)?.starts_with('^'));
                // A `]` in the first place is one of the characters.
                at += usize::from(text.get(at..)?.starts_with(']'));
            }
            ']' => {
                depth -= 1;
                at += 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            c => at += c.len_utf8(),
        }
    }
}

/// Where the `(…)` that starts at `start` ends, if it does.
pub(super) fn group_end(text: &str, start: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = start;
    loop {
        match text.get(at..)?.chars().next()? {
            '\\' => at = after_escape(text, at),
            '[' => at = class_end(text, at)?,
            c => {
                at += c.len_utf8();
                match c {
                    '(' => depth += 1,
                    ')' => depth = depth.checked_sub(1)?,
                    _ => {}
                }
                if depth == 0 {
                    return Some(at);
                }
            }
        }
    }
}

fn after_escape(text: &str, at: usize) -> usize {
    let escaped = text.get(at + 1..).and_then(|rest| rest.chars().next());
    at + 1 + escaped.map_or(0, char::len_utf8)
}

fn is_space(c: char) -> bool {
    c.is_ascii_whitespace()
}
