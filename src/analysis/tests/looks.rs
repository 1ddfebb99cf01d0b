//! Every kind of look, in every place of an expression, over every short word of characters that
//! looks tell apart: what random expressions meet too rarely.

use regex_syntax::hir::{Dot, Hir, Look, Repetition};

use super::expressions::engine;
use super::words_over;
use crate::analysis::automaton::Automaton;

const LOOKS: [Look; 18] = [
    Look::Start,
    Look::End,
    Look::StartLF,
    Look::EndLF,
    Look::StartCRLF,
    Look::EndCRLF,
    Look::WordAscii,
    Look::WordAsciiNegate,
    Look::WordUnicode,
    Look::WordUnicodeNegate,
    Look::WordStartAscii,
    Look::WordEndAscii,
    Look::WordStartUnicode,
    Look::WordEndUnicode,
    Look::WordStartHalfAscii,
    Look::WordEndHalfAscii,
    Look::WordStartHalfUnicode,
    Look::WordEndHalfUnicode,
];

fn any() -> Hir {
    Hir::dot(Dot::AnyChar)
}

fn repeated(sub: Hir, min: u32, max: Option<u32>) -> Hir {
    Hir::repetition(Repetition {
        min,
        max,
        greedy: true,
        sub: Box::new(sub),
    })
}

fn anything() -> Hir {
    repeated(any(), 0, None)
}

fn text(text: &str) -> Hir {
    Hir::literal(text.as_bytes())
}

/// A look by itself in every place where it can stand.
fn alone(look: Look) -> Vec<Hir> {
    let here = || Hir::look(look);
    let either = || Hir::alternation(vec![here(), any()]);
    vec![
        here(),
        Hir::concat(vec![here(), anything()]),
        Hir::concat(vec![anything(), here()]),
        Hir::concat(vec![anything(), here(), anything()]),
        Hir::concat(vec![any(), here(), any()]),
        Hir::alternation(vec![Hir::concat(vec![here(), any()]), text("a_")]),
        Hir::concat(vec![repeated(here(), 0, Some(1)), anything()]),
        repeated(Hir::concat(vec![here(), any()]), 0, None),
        repeated(Hir::concat(vec![any(), here()]), 1, None),
        repeated(either(), 2, Some(3)),
    ]
}

/// One look before another.
fn together(look: Look, other: Look) -> Vec<Hir> {
    let here = || Hir::look(look);
    let there = || Hir::look(other);
    vec![
        Hir::concat(vec![anything(), here(), there(), anything()]),
        Hir::concat(vec![anything(), here(), any(), there(), anything()]),
        repeated(
            Hir::concat(vec![here(), repeated(any(), 0, Some(1)), there()]),
            0,
            None,
        ),
    ]
}

#[test]
fn every_look_holds_where_the_engine_says_it_does() {
    let words = words_over(&['a', '_', 'é', '-', '\n', '\r'], 3);
    let pairs = LOOKS.iter().flat_map(|look| {
        let others = LOOKS.iter().flat_map(|other| together(*look, *other));
        alone(*look).into_iter().chain(others)
    });
    let mut asked = 0;
    for hir in pairs {
        let automaton = Automaton::of(&hir).unwrap();
        let engine = engine(&hir).unwrap();
        for word in &words {
            asked += 1;
            assert_eq!(
                automaton.accepts(word),
                engine.is_match(word),
                "{hir}: {word:?}"
            );
        }
    }
    assert_eq!(asked, 18 * (10 + 18 * 3) * 259);
}
