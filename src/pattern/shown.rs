//! An expression as a reader would write it, once names are written out and case is folded.

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind, Repetition};

/// The text of an expression. A letter whose case is not minded is written once, in lower case.
pub(super) fn shown(hir: &Hir) -> String {
    match hir.kind() {
        HirKind::Empty => String::new(),
        HirKind::Literal(literal) => escaped(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(Class::Unicode(class)) => of_class(class).unwrap_or_else(|| hir.to_string()),
        HirKind::Class(Class::Bytes(_)) | HirKind::Look(_) => hir.to_string(),
        HirKind::Repetition(repetition) => of_repetition(repetition),
        HirKind::Capture(capture) => shown(&capture.sub),
        HirKind::Concat(hirs) => {
            let part = |hir: &Hir| match innermost(hir).kind() {
                HirKind::Alternation(_) => format!("({})", shown(hir)),
                _ => shown(hir),
            };
            hirs.iter().map(part).collect()
        }
        HirKind::Alternation(hirs) => hirs.iter().map(shown).collect::<Vec<_>>().join("|"),
    }
}

/// Whether an expression is nothing but certain letters.
pub(super) fn is_letters(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Literal(_) => true,
        HirKind::Class(Class::Unicode(class)) => one_letter(class).is_some(),
        _ => false,
    }
}

/// What an expression is without the brackets around it.
pub(super) fn innermost(hir: &Hir) -> &Hir {
    match hir.kind() {
        HirKind::Capture(capture) => innermost(&capture.sub),
        _ => hir,
    }
}

fn of_repetition(repetition: &Repetition) -> String {
    let sub = shown(&repetition.sub);
    let is_one = match innermost(&repetition.sub).kind() {
        HirKind::Class(_) => true,
        HirKind::Literal(_) => sub.trim_start_matches('\\').chars().count() == 1,
        _ => false,
    };
    let sub = if is_one { sub } else { format!("({sub})") };
    match (repetition.min, repetition.max) {
        (0, Some(1)) => format!("{sub}?"),
        (0, None) => format!("{sub}*"),
        (1, None) => format!("{sub}+"),
        (min, None) => format!("{sub}{{{min},}}"),
        (min, Some(max)) if min == max => format!("{sub}{{{min}}}"),
        (min, Some(max)) => format!("{sub}{{{min},{max}}}"),
    }
}

/// What a class is called that is no list of characters: anything, anything but some, or one letter in
/// either case.
fn of_class(class: &ClassUnicode) -> Option<String> {
    match class.ranges() {
        [all] if (all.start(), all.end()) == ('\0', char::MAX) => Some(".".to_owned()),
        [first, .., last] if (first.start(), last.end()) == ('\0', char::MAX) => {
            let mut others = class.clone();
            others.negate();
            let others = Hir::class(Class::Unicode(others)).to_string();
            let inner = others.strip_prefix('[').unwrap_or(&others);
            Some(format!("[^{}]", inner.strip_suffix(']').unwrap_or(inner)))
        }
        _ => one_letter(class).map(|letter| escaped(&letter.to_string())),
    }
}

fn one_letter(class: &ClassUnicode) -> Option<char> {
    let letter = folded(class.ranges().first()?.start())?;
    let is_same = |of: char| folded(of) == Some(letter);
    let mut ranges = class.ranges().iter();
    let all = ranges.all(|range| range.start() == range.end() && is_same(range.start()));
    all.then_some(letter)
}

/// A character in lower case, by way of its upper case: `ſ` is an `s` too.
fn folded(of: char) -> Option<char> {
    let mut upper = of.to_uppercase().flat_map(char::to_lowercase);
    match (upper.next(), upper.next()) {
        (Some(letter), None) => Some(letter),
        _ => None,
    }
}

fn escaped(text: &str) -> String {
    let one = |of: char| {
        let escape = r"\.+*?()|[]{}^$".contains(of).then_some('\\');
        escape.into_iter().chain([of])
    };
    text.chars().flat_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn an_expression_is_written_as_a_reader_would() {
        let written = |text: &str| {
            let hir = regex_syntax::ParserBuilder::new()
                .dot_matches_new_line(true)
                .build()
                .parse(text)
                .unwrap();
            shown(&hir)
        };
        insta::assert_snapshot!(written("(?i:authcodes?)"), @"authcodes?");
        insta::assert_snapshot!(written("(?i:(.*,)?(private|api)ke(ys?|ies))"), @"(.*,)?(private|api)ke(ys?|ies)");
        insta::assert_snapshot!(written("--tail=[0-9]+|[.][^/]*|[^ -.]"), @r"--tail=[0-9]+|\.[^/]*|[^ -\.]");
        insta::assert_snapshot!(written(r"\.?(ab)*[k\u{212A}]{2}x{1,3}y{2,}"), @r"\.?(ab)*k{2}x{1,3}y{2,}");
    }
}
