//! An expression as text that is read back as the same expression, so that what prints alike is alike.
//!
//! `regex-syntax` prints `(?:a+)?` as `a+?`, which is another language: the second sign makes the first
//! one lazy. Here what is repeated twice stands in brackets; all else is printed as it is there.

use regex_syntax::hir::{Hir, HirKind, Repetition};

/// The text of an expression, for a parser with the settings that are usual.
pub(crate) fn printed(hir: &Hir) -> String {
    match hir.kind() {
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => {
            hir.to_string()
        }
        HirKind::Repetition(repetition) => {
            let sub = printed(&repetition.sub);
            match repetition.sub.kind() {
                HirKind::Repetition(_) => format!("(?:{sub}){}", count(repetition)),
                _ => format!("{sub}{}", count(repetition)),
            }
        }
        HirKind::Capture(capture) => match &capture.name {
            Some(name) => format!("(?P<{name}>{})", printed(&capture.sub)),
            None => format!("({})", printed(&capture.sub)),
        },
        HirKind::Concat(hirs) => {
            let parts: String = hirs.iter().map(printed).collect();
            format!("(?:{parts})")
        }
        HirKind::Alternation(hirs) => {
            let ways: Vec<String> = hirs.iter().map(printed).collect();
            format!("(?:{})", ways.join("|"))
        }
    }
}

/// How often, behind what is repeated.
fn count(repetition: &Repetition) -> String {
    let lazy = if repetition.greedy { "" } else { "?" };
    match (repetition.min, repetition.max) {
        (0, Some(1)) => format!("?{lazy}"),
        (0, None) => format!("*{lazy}"),
        (1, None) => format!("+{lazy}"),
        (least, None) => format!("{{{least},}}{lazy}"),
        (least, Some(most)) if least == most => format!("{{{least}}}"),
        (least, Some(most)) => format!("{{{least},{most}}}{lazy}"),
    }
}
