//! References to names inside an expression: `<name>` among its literals.
//!
//! They are found on the syntax tree, so that `(?<name>…)`, an escaped or a bracketed `<` is never
//! taken for one.

use std::ops::Range;

use regex_syntax::ast::{self, Ast, LiteralKind};

/// A `<name>` among the literals of a sequence.
pub(super) struct Reference<'a> {
    pub(super) name: &'a str,
    pub(super) span: Range<usize>,
    /// How many elements of the sequence it takes.
    pub(super) width: usize,
    /// What repeats it (`<name>?`), the outermost first.
    pub(super) repetitions: Vec<&'a ast::Repetition>,
}

impl<'a> Reference<'a> {
    pub(super) fn read(text: &'a str, asts: &'a [Ast]) -> Option<Self> {
        let start = verbatim(asts.first()?, '<')?.start.offset;
        let mut next = start + 1;
        for (at, ast) in asts.iter().enumerate().skip(1) {
            let mut repetitions = Vec::new();
            let mut inner = ast;
            while let Ast::Repetition(repetition) = inner {
                repetitions.push(&**repetition);
                inner = &repetition.ast;
            }
            let span = inner.span();
            if span.start.offset != next {
                return None;
            }
            next = span.end.offset;
            if verbatim(inner, '>').is_some() {
                let name = text.get(start + 1..next - 1)?;
                let span = start..next;
                return is_reference(name).then_some(Self {
                    name,
                    span,
                    width: at + 1,
                    repetitions,
                });
            }
            let part = matches!(inner, Ast::Dot(_))
                || matches!(inner, Ast::Literal(literal) if literal.kind == LiteralKind::Verbatim);
            if !part || !repetitions.is_empty() {
                return None;
            }
        }
        None
    }
}

fn verbatim(ast: &Ast, c: char) -> Option<&ast::Span> {
    match ast {
        Ast::Literal(literal) if literal.kind == LiteralKind::Verbatim && literal.c == c => {
            Some(&literal.span)
        }
        _ => None,
    }
}

/// The names that an expression refers to, with their places.
pub(super) fn references(text: &str, ast: &Ast, found: &mut Vec<(String, Range<usize>)>) {
    match ast {
        Ast::Concat(concat) => {
            let mut rest = concat.asts.as_slice();
            while let Some(first) = rest.first() {
                let width = if let Some(reference) = Reference::read(text, rest) {
                    found.push((reference.name.to_owned(), reference.span));
                    reference.width
                } else {
                    references(text, first, found);
                    1
                };
                rest = rest.get(width..).unwrap_or_default();
            }
        }
        Ast::Alternation(alternation) => {
            for ast in &alternation.asts {
                references(text, ast, found);
            }
        }
        Ast::Group(group) => references(text, &group.ast, found),
        Ast::Repetition(repetition) => references(text, &repetition.ast, found),
        _ => {}
    }
}

/// Whether the text between `<` and `>` is a reference: `name` or `policy-name.name`.
pub(super) fn is_reference(text: &str) -> bool {
    match text.split_once('.') {
        Some((policy, name)) => is_name(policy) && is_name(name),
        None => is_name(text),
    }
}

/// Whether a text can be a name: a letter, then letters, digits, `_` and `-`.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}
