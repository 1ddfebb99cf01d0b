//! The wording of what an expression may not say, and its fixes.

use std::ops::Range;

use regex_syntax::ast::{self, Ast, ErrorKind};
use regex_syntax::hir;

use super::problem::Problem;
use super::token::{class_end, group_end};

/// `regex-syntax` could not read the expression.
pub(super) fn of_syntax(text: &str, error: &ast::Error) -> Problem {
    let mut span = range(error.span());
    if span.is_empty() {
        span.end += tail(text, span.start)
            .chars()
            .next()
            .map_or(0, char::len_utf8);
    }
    let written = slice(text, &span);
    let bad = |message: String| Problem::new(span.clone(), "pattern-bad-expression", message);
    match error.kind() {
        ErrorKind::ClassUnclosed => bad("the class that begins with `[` is never closed".into())
            .help("an optional part needs spaces inside its brackets: `[ … ]`; to match a `[`, write `\\[`"),
        ErrorKind::GroupUnclosed => bad("the group that begins with `(` is never closed".into())
            .help("to match a `(`, write `\\(`"),
        ErrorKind::GroupUnopened => bad("`)` closes a group that was not opened in this word".into())
            .help("a bracket around several words is a word of its own: put a space before it; to match a `)`, write `\\)`"),
        ErrorKind::RepetitionMissing => bad(format!("`{written}` has nothing before it to repeat"))
            .help("expressions are not globs: `.*` is any text, and `*` by itself any one word"),
        ErrorKind::UnsupportedLookAround => bad("look-around such as `(?=…)` and `(?!…)` is not supported".into())
            .help("say what is allowed and leave the exceptions to a `deny` rule"),
        ErrorKind::UnsupportedBackreference => back_reference(text, span.clone(), written),
        ErrorKind::EscapeUnrecognized if written == "\\k" => back_reference(text, span.clone(), written),
        ErrorKind::FlagUnrecognized if tail(text, span.start).starts_with("P=") => {
            back_reference(text, span.clone(), written)
        }
        ErrorKind::EscapeUnrecognized => bad(format!("the escape `{written}` means nothing"))
            .help("only punctuation is escaped to stand for itself; a letter after `\\` is a class or an assertion"),
        ErrorKind::NestLimitExceeded(limit) => bad(format!("the expression nests deeper than {limit} levels"))
            .help("give parts of it a name with `let`"),
        kind => bad(format!("the expression cannot be read: {}", lower(&kind.to_string()))),
    }
}

/// The expression can be read, but one of its parts has no meaning.
pub(super) fn of_meaning(text: &str, error: &hir::Error) -> Problem {
    let span = range(error.span());
    let written = slice(text, &span);
    let bad = |message: String| Problem::new(span.clone(), "pattern-bad-expression", message);
    match error.kind() {
        hir::ErrorKind::UnicodePropertyNotFound | hir::ErrorKind::UnicodePropertyValueNotFound => {
            bad(format!("`{written}` is not a known Unicode property"))
        }
        hir::ErrorKind::InvalidUtf8 => bad(format!("`{written}` could match half a character"))
            .help("leave `(?-u)` out: `\\w`, `\\d`, `\\s` and `\\b` are ASCII anyway"),
        kind => bad(format!(
            "the expression has no meaning: {}",
            lower(&kind.to_string())
        )),
    }
}

fn back_reference(text: &str, span: Range<usize>, written: &str) -> Problem {
    let (span, referred) = match tail(text, span.start).strip_prefix("P=") {
        Some(rest) => {
            let end = rest
                .find(')')
                .map_or(text.len(), |at| span.start + 2 + at + 1);
            let name = rest.split(')').next().unwrap_or_default();
            (span.start.saturating_sub(2)..end, named_group(text, name))
        }
        None => match tail(text, span.end)
            .strip_prefix('<')
            .and_then(|rest| rest.split_once('>'))
        {
            Some((name, _)) if written == "\\k" => (
                span.start..span.end + name.len() + 2,
                named_group(text, name),
            ),
            _ => {
                let number = written.trim_start_matches('\\').parse().unwrap_or(0);
                (span, numbered_group(text, number))
            }
        },
    };
    let written = slice(text, &span);
    let problem = Problem::new(
        span,
        "pattern-back-reference",
        format!("`{written}` refers to a capture, and an expression remembers none"),
    )
    .help("write the group's expression again; the two then need not match the same text");
    match referred {
        // The two need not be the same text any more.
        Some(inner) => problem.proposal(format!("(?:{inner})")),
        None => problem,
    }
}

/// The inside of the capture group of that name.
fn named_group<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    ["(?<", "(?P<"].iter().find_map(|opener| {
        let opener = format!("{opener}{name}>");
        let start = text.find(&opener)?;
        text.get(start + opener.len()..group_end(text, start)?.checked_sub(1)?)
    })
}

/// The inside of the capture group of that number, counted from 1.
fn numbered_group(text: &str, number: usize) -> Option<&str> {
    let mut at = 0;
    let mut seen = 0;
    while let Some(c) = tail(text, at).chars().next() {
        let rest = tail(text, at);
        match c {
            '\\' => at += 1 + tail(text, at + 1).chars().next().map_or(0, char::len_utf8),
            '[' => at = class_end(text, at).unwrap_or(text.len()),
            '(' if !rest.starts_with("(?")
                || rest.starts_with("(?<")
                || rest.starts_with("(?P<") =>
            {
                seen += 1;
                if seen == number {
                    let inside = text.get(at + 1..group_end(text, at)?.checked_sub(1)?)?;
                    return match inside.strip_prefix("?") {
                        Some(_) => inside.split_once('>').map(|(_, inside)| inside),
                        None => Some(inside),
                    };
                }
                at += 1;
            }
            _ => at += c.len_utf8(),
        }
    }
    None
}

/// A count above what the notation takes.
pub(super) fn count(text: &str, span: &ast::Span, min: u32, max: Option<u32>) -> Problem {
    let span = range(span);
    let written = slice(text, &span);
    let free = if min == 0 { '*' } else { '+' };
    let length = match max {
        Some(max) => format!("max: {max}"),
        None => "max: …".to_owned(),
    };
    let message = format!(
        "`{written}` counts further than {}",
        super::translate::HIGHEST_COUNT
    );
    Problem::new(span, "pattern-count", message)
        .help(format!(
            "write `{free}`, and the length beside the expression: `name: {{re: '…', {length}}}`"
        ))
        // Without the `max` beside it, this matches texts of any length.
        .proposal(free)
}

/// `a|` or `(|a)`; the group's span when the alternatives stand in one.
pub(super) fn empty_branch(
    text: &str,
    alternation: &ast::Alternation,
    group: Option<&ast::Span>,
) -> Problem {
    let filled: Vec<&str> = alternation
        .asts
        .iter()
        .filter(|ast| !matches!(ast, Ast::Empty(_)))
        .map(|ast| slice(text, &range(ast.span())))
        .collect();
    let filled = filled.join("|");
    let span = range(group.unwrap_or(&alternation.span));
    let fix = match group {
        Some(group) => {
            let opener = slice(text, &(group.start.offset..alternation.span.start.offset));
            format!("{opener}{filled})?")
        }
        None => filled.clone(),
    };
    let written = slice(text, &span);
    let problem = Problem::new(
        span,
        "pattern-empty-alternative",
        format!("`{written}` has an empty alternative"),
    )
    .help("what may be left out is written `(…)?` inside a word and `[ … ]` around whole words");
    if filled.is_empty() {
        problem
    } else {
        problem.fix(fix)
    }
}

/// A written `^` or `$`, by where it stands.
pub(super) fn written_anchor(text: &str, span: &ast::Span, place: Anchor) -> Problem {
    let span = range(span);
    let written = slice(text, &span);
    let message = match place {
        Anchor::Edge | Anchor::Alone => {
            format!("`{written}` says nothing here: an expression always matches whole")
        }
        Anchor::Inside => {
            format!("`{written}` holds only at an edge of the word, and something stands beyond it")
        }
    };
    let hint = Problem::new(span, "pattern-written-anchor", message).hint();
    match place {
        Anchor::Edge => hint.help("leave it out").fix(""),
        Anchor::Inside => hint.help(format!("for the character write `\\{written}`")),
        Anchor::Alone => hint,
    }
}

/// Where a written `^` or `$` stands in its sequence.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    /// Before, or after, all else.
    Edge,
    /// There is nothing else.
    Alone,
    /// Something else stands on the side that it shuts.
    Inside,
}

/// A bare space that is a part of one word.
pub(super) fn inner_space(span: &ast::Span) -> Problem {
    Problem::new(
        range(span),
        "pattern-space-in-word",
        "this space is a part of one single word",
    )
    .help(
        "write `\\ ` if that is meant; brackets around several words need spaces inside: `( a b )`",
    )
    .fix("\\ ")
    .hint()
}

/// A `max` that cannot be added up.
pub(super) fn misplaced_max(span: Range<usize>, name: &str) -> Problem {
    Problem::new(
        span,
        "pattern-max-place",
        format!("`<{name}>` has a `max`, and can stand only beside literals and other names"),
    )
    .help("give the rest of the word a name of its own, or the whole of it a name with one `max`")
}

/// The code of [`idle_max`]: no hint where no `max` is applied anyway.
pub(super) const IDLE_MAX: &str = "pattern-idle-max";

/// A `max` beside something without a bound.
pub(super) fn idle_max(span: Range<usize>, name: &str) -> Problem {
    Problem::new(
        span,
        IDLE_MAX,
        format!("the `max` of `<{name}>` is not checked here: what stands beside it has no bound"),
    )
    .help("give the other name a `max` too")
    .hint()
}

/// An automaton, or an expansion, that does not fit.
pub(super) fn too_large(span: Range<usize>, what: &str) -> Problem {
    Problem::new(
        span,
        "pattern-too-large",
        format!("{what} is too large to be compiled"),
    )
    .help("take counts and wide Unicode classes out of it, or split it")
}

pub(super) fn slice<'a>(text: &'a str, span: &Range<usize>) -> &'a str {
    text.get(span.clone()).unwrap_or_default()
}

fn tail(text: &str, from: usize) -> &str {
    text.get(from..).unwrap_or_default()
}

fn range(span: &ast::Span) -> Range<usize> {
    span.start.offset..span.end.offset
}

/// Another crate's sentence in our form.
fn lower(message: &str) -> String {
    message.trim_end_matches('.').to_owned()
}
