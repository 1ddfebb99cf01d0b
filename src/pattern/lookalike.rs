//! Expressions that let letters through which a reader takes for others: the Cyrillic `а`, the Kelvin
//! sign.

use std::ops::Range;

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind};

use super::Pattern;

/// What a reader of a line would take for another letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lookalike {
    /// Letters of other scripts: a class of Unicode, or one that only says what is not meant.
    Script,
    /// A letter that `(?i)` counts as an ASCII one: this, for that.
    Folded(char, char),
}

/// Characters that `(?i)` adds to ASCII letters.
const FOLDED: [(char, char); 2] = [('\u{17f}', 's'), ('\u{212a}', 'k')];

/// A Cyrillic letter that looks like `a`: where it gets through, its whole script does.
const CYRILLIC_A: char = '\u{430}';

impl Pattern {
    /// The places of expressions that let such letters through. One that takes any character at all is
    /// none of them: its author knows.
    pub fn lookalike_words(&self) -> Vec<(Range<usize>, Lookalike)> {
        let mut places: Vec<(Range<usize>, Lookalike)> = Vec::new();
        self.body.any_word(&mut |word, place| {
            let branches = word.branches().iter();
            let worst = branches.filter_map(|branch| of(branch.expression())).min();
            if let Some(found) = worst
                && places.last().is_none_or(|(last, _)| last != place)
            {
                places.push((place.clone(), found));
            }
            false
        });
        places
    }
}

/// The worst that an expression lets through.
fn of(hir: &Hir) -> Option<Lookalike> {
    let mut classes = Vec::new();
    collect(hir, &mut classes);
    if classes.iter().any(|class| takes_anything(class)) {
        return None;
    }
    classes.into_iter().filter_map(of_class).min()
}

fn of_class(class: &ClassUnicode) -> Option<Lookalike> {
    if contains(class, CYRILLIC_A) {
        return Some(Lookalike::Script);
    }
    let foreign = class
        .iter()
        .filter(|range| range.end() > '\u{7f}')
        .map(|range| (range.start(), range.end()));
    let foreign: Vec<(char, char)> = foreign.collect();
    let folded = FOLDED.into_iter().find(|(folded, plain)| {
        contains(class, *folded)
            && contains(class, *plain)
            && contains(class, plain.to_ascii_uppercase())
    });
    // Between letters that were written, one more is nothing that `(?i)` brought in.
    let (folded, plain) = folded.filter(|_| foreign.iter().all(|(first, last)| first == last))?;
    Some(Lookalike::Folded(folded, plain))
}

/// Whether a class is `.`, with or without the end of a line.
fn takes_anything(class: &ClassUnicode) -> bool {
    let mut all = class.clone();
    all.negate();
    all.iter().all(|range| range.end() <= '\r')
}

fn contains(class: &ClassUnicode, character: char) -> bool {
    let mut ranges = class.iter();
    ranges.any(|range| (range.start()..=range.end()).contains(&character))
}

fn collect<'h>(hir: &'h Hir, classes: &mut Vec<&'h ClassUnicode>) {
    if let HirKind::Class(Class::Unicode(class)) = hir.kind() {
        classes.push(class);
    }
    for hir in hir.kind().subs() {
        collect(hir, classes);
    }
}
