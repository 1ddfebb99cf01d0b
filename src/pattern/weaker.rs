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
use super::word::{Branch, Word};

impl Pattern {
    /// Every pattern that lacks one alternative, standing or inside a word, of this one.
    pub(crate) fn weaker(&self) -> Vec<Self> {
        let bodies = of_alternatives(&self.body).into_iter();
        let patterns = bodies.filter_map(|body| {
            Some(Self {
                text: body.to_string(),
                sequence: Sequence::new(&body)?,
                body,
                lengths: self.lengths,
            })
        });
        patterns.collect()
    }
}

fn of_alternatives(body: &Alternatives) -> Vec<Alternatives> {
    let mut all = Vec::new();
    let Alternatives(sequences) = body;
    if sequences.len() > 1 {
        all.extend((0..sequences.len()).map(|at| {
            let mut left = sequences.clone();
            left.remove(at);
            Alternatives(left)
        }));
    }
    for (at, sequence) in sequences.iter().enumerate() {
        for (place, item) in sequence.iter().enumerate() {
            for weaker in of_item(item) {
                let mut changed = sequences.clone();
                let slot = changed.get_mut(at).and_then(|items| items.get_mut(place));
                if let Some(slot) = slot {
                    *slot = weaker;
                    all.push(Alternatives(changed));
                }
            }
        }
    }
    all
}

fn of_item(item: &Item) -> Vec<Item> {
    let kinds: Vec<Kind> = match &item.kind {
        Kind::Word(text, word) => {
            let words = of_word(word).into_iter();
            words
                .map(|word| Kind::Word(text.clone(), Arc::new(word)))
                .collect()
        }
        Kind::Name(name, word) => {
            let words = of_word(word).into_iter();
            words
                .map(|word| Kind::Name(name.clone(), Arc::new(word)))
                .collect()
        }
        Kind::Group(body) => of_alternatives(body).into_iter().map(Kind::Group).collect(),
        Kind::Optional(body) => {
            let bodies = of_alternatives(body).into_iter();
            bodies.map(Kind::Optional).collect()
        }
        Kind::Part(..) | Kind::Any | Kind::Rest => Vec::new(),
    };
    let items = kinds.into_iter().map(|kind| Item {
        kind,
        ..item.clone()
    });
    items.collect()
}

fn of_word(word: &Word) -> Vec<Word> {
    let piece = |branch: &Branch| Piece {
        hir: branch.expression().clone(),
        length: branch
            .limit(super::Lengths::Enforced)
            .map_or(Length::Free, Length::Limited),
    };
    let pieces: Vec<Piece> = word.branches().iter().map(piece).collect();
    let mut all = Vec::new();
    for (at, one) in pieces.iter().enumerate() {
        for hir in of_expression(&one.hir) {
            let mut changed = pieces.clone();
            if let Some(slot) = changed.get_mut(at) {
                slot.hir = hir;
            }
            all.extend(Word::new(&changed));
        }
        if pieces.len() > 1 {
            let mut left = pieces.clone();
            left.remove(at);
            all.extend(Word::new(&left));
        }
    }
    all
}

fn of_expression(hir: &Hir) -> Vec<Hir> {
    match hir.kind() {
        HirKind::Alternation(hirs) => {
            let mut all = Vec::new();
            for at in 0..hirs.len() {
                let mut left = hirs.clone();
                left.remove(at);
                all.push(Hir::alternation(left));
            }
            all.extend(inside(hirs, Hir::alternation));
            all
        }
        HirKind::Concat(hirs) => inside(hirs, Hir::concat),
        HirKind::Capture(capture) => {
            let subs = of_expression(&capture.sub).into_iter();
            let captures = subs.map(|sub| {
                let mut capture = capture.clone();
                capture.sub = Box::new(sub);
                Hir::capture(capture)
            });
            captures.collect()
        }
        HirKind::Repetition(repetition) => {
            let subs = of_expression(&repetition.sub).into_iter();
            subs.map(|sub| Hir::repetition(repetition.with(sub)))
                .collect()
        }
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) | HirKind::Look(_) => Vec::new(),
    }
}

/// The same row with one of its expressions weaker.
fn inside(hirs: &[Hir], whole: impl Fn(Vec<Hir>) -> Hir) -> Vec<Hir> {
    let mut all = Vec::new();
    for (at, hir) in hirs.iter().enumerate() {
        for weaker in of_expression(hir) {
            let mut changed = hirs.to_vec();
            if let Some(slot) = changed.get_mut(at) {
                *slot = weaker;
                all.push(whole(changed));
            }
        }
    }
    all
}
