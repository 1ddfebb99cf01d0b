//! Patterns that match less: each lacks one alternative that the pattern itself writes.
//!
//! What stands in a fragment of several words belongs to the grammar that rules share, and counts as
//! one alternative.

use std::sync::Arc;

use regex_syntax::hir::{Hir, HirKind};

use super::Pattern;
use super::length::{Length, Piece};
use super::notation::{Alternatives, Item, Kind};
use super::sequence::Sequence;
use super::shown::{innermost, is_letters, shown};
use super::word::{Branch, Word};

/// What is left of something that lacks one alternative.
#[derive(Debug, Clone)]
pub(crate) struct Weaker<T> {
    /// The alternative, as a reader would write it.
    pub(crate) lacks: String,
    pub(crate) left: T,
}

impl<T> Weaker<T> {
    /// What is left of the whole that this is a part of.
    pub(crate) fn within<W>(self, whole: impl FnOnce(T) -> W) -> Weaker<W> {
        Weaker {
            lacks: self.lacks,
            left: whole(self.left),
        }
    }
}

impl Pattern {
    /// Every pattern that lacks one alternative, standing or inside a word, of this one.
    pub(crate) fn weaker(&self) -> Vec<Weaker<Self>> {
        let all = of_alternatives(&self.body).into_iter();
        let patterns = all.filter_map(|Weaker { lacks, left: body }| {
            let left = Self {
                text: body.to_string(),
                sequence: Sequence::new(&body)?,
                body,
                lengths: self.lengths,
            };
            Some(Weaker { lacks, left })
        });
        patterns.collect()
    }
}

fn of_alternatives(body: &Alternatives) -> Vec<Weaker<Alternatives>> {
    let mut all = Vec::new();
    let Alternatives(sequences) = body;
    if sequences.len() > 1 {
        for (at, sequence) in sequences.iter().enumerate() {
            let mut left = sequences.clone();
            left.remove(at);
            all.push(Weaker {
                lacks: Alternatives(vec![sequence.clone()]).to_string(),
                left: Alternatives(left),
            });
        }
    }
    for (at, sequence) in sequences.iter().enumerate() {
        for (place, item) in sequence.iter().enumerate() {
            for weaker in of_item(item) {
                all.push(weaker.within(|item| {
                    let mut changed = sequences.clone();
                    let slot = changed.get_mut(at).and_then(|items| items.get_mut(place));
                    if let Some(slot) = slot {
                        *slot = item;
                    }
                    Alternatives(changed)
                }));
            }
        }
    }
    all
}

fn of_item(item: &Item) -> Vec<Weaker<Item>> {
    let kinds: Vec<Weaker<Kind>> = match &item.kind {
        Kind::Word(text, word) => each(of_word(word), |word| {
            Kind::Word(text.clone(), Arc::new(word))
        }),
        Kind::Name(name, word) => each(of_word(word), |word| {
            Kind::Name(name.clone(), Arc::new(word))
        }),
        Kind::Group(body) => each(of_alternatives(body), Kind::Group),
        Kind::Optional(body) => each(of_alternatives(body), Kind::Optional),
        Kind::Part(..) | Kind::Any | Kind::Rest => Vec::new(),
    };
    each(kinds, |kind| Item {
        kind,
        ..item.clone()
    })
}

fn of_word(word: &Word) -> Vec<Weaker<Word>> {
    let piece = |branch: &Branch| Piece {
        hir: branch.expression().clone(),
        length: branch
            .limit(super::Lengths::Enforced)
            .map_or(Length::Free, Length::Limited),
    };
    let pieces: Vec<Piece> = word.branches().iter().map(piece).collect();
    let mut all: Vec<Weaker<Vec<Piece>>> = Vec::new();
    for (at, one) in pieces.iter().enumerate() {
        all.extend(each(of_expression(&one.hir), |hir| {
            let mut changed = pieces.clone();
            if let Some(slot) = changed.get_mut(at) {
                slot.hir = hir;
            }
            changed
        }));
        if pieces.len() > 1 {
            let mut left = pieces.clone();
            left.remove(at);
            let lacks = shown(&one.hir);
            all.push(Weaker { lacks, left });
        }
    }
    let words = all.into_iter().filter_map(|Weaker { lacks, left }| {
        let left = Word::new(&left)?;
        Some(Weaker { lacks, left })
    });
    words.collect()
}

fn of_expression(hir: &Hir) -> Vec<Weaker<Hir>> {
    match hir.kind() {
        HirKind::Alternation(hirs) => {
            let mut all = Vec::new();
            for (at, one) in hirs.iter().enumerate() {
                let mut left = hirs.clone();
                left.remove(at);
                all.push(Weaker {
                    lacks: shown(one),
                    left: Hir::alternation(left),
                });
            }
            all.extend(inside(hirs, Hir::alternation));
            all
        }
        HirKind::Concat(hirs) => of_row(hirs),
        HirKind::Capture(capture) => each(of_expression(&capture.sub), |sub| {
            let mut capture = capture.clone();
            capture.sub = Box::new(sub);
            Hir::capture(capture)
        }),
        HirKind::Repetition(repetition) => each(of_expression(&repetition.sub), |sub| {
            Hir::repetition(repetition.with(sub))
        }),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => Vec::new(),
    }
}

/// A row without an alternative of one of its expressions, which is told with the letters before it:
/// those that all alternatives begin with may have been written in each of them.
fn of_row(hirs: &[Hir]) -> Vec<Weaker<Hir>> {
    let mut prefixes: Vec<String> = Vec::new();
    let mut letters = String::new();
    for hir in hirs {
        let is_alternation = matches!(innermost(hir).kind(), HirKind::Alternation(_));
        let count = of_expression(hir).len();
        let prefix = if is_alternation { letters.as_str() } else { "" };
        prefixes.extend(std::iter::repeat_n(prefix.to_owned(), count));
        if is_letters(hir) {
            letters.push_str(&shown(hir));
        } else {
            letters.clear();
        }
    }
    let all = inside(hirs, Hir::concat).into_iter().zip(prefixes);
    let all = all.map(|(weaker, prefix)| Weaker {
        lacks: prefix + &weaker.lacks,
        ..weaker
    });
    all.collect()
}

/// The same row with one of its expressions weaker.
fn inside(hirs: &[Hir], whole: impl Fn(Vec<Hir>) -> Hir) -> Vec<Weaker<Hir>> {
    let mut all = Vec::new();
    for (at, hir) in hirs.iter().enumerate() {
        all.extend(each(of_expression(hir), |weaker| {
            let mut changed = hirs.to_vec();
            if let Some(slot) = changed.get_mut(at) {
                *slot = weaker;
            }
            whole(changed)
        }));
    }
    all
}

/// Each part that is weaker, in its whole.
fn each<T, W>(parts: Vec<Weaker<T>>, whole: impl Fn(T) -> W) -> Vec<Weaker<W>> {
    let wholes = parts.into_iter().map(|part| part.within(&whole));
    wholes.collect()
}

#[cfg(test)]
mod tests {
    use crate::pattern::{Lengths, Names, Pattern};

    #[test]
    fn what_is_lacking_is_told_as_it_was_written() {
        let lacking = |text: &str| {
            let (pattern, _) = Pattern::parse(text, &Names::default(), Lengths::Ignored).unwrap();
            let all = pattern.weaker().into_iter();
            all.map(|weaker| weaker.lacks)
                .collect::<Vec<_>>()
                .join(" · ")
        };
        insta::assert_snapshot!(lacking("a|b c | [ -n|--namespace * ]... ( d | e f ... )"), @"a|b c · [ -n|--namespace * ]... ( d | e f ... ) · -n · --namespace · d · e f ...");
        insta::assert_snapshot!(lacking("--(as|user)(=.*)?|-s"), @"--(as|user)(=.*)? · -s · --as · --user");
        insta::assert_snapshot!(lacking("(?i:.*(sessions|sessionses)([./].*)?)"), @"sessions · sessionses");
        insta::assert_snapshot!(lacking("v[0-9]+(alpha|beta)"), @"alpha · beta");
        insta::assert_snapshot!(lacking("<int>|all"), @"[0-9]+ · all");
    }
}
