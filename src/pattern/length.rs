//! Lengths beside expressions: a `max` is checked next to the automaton, never counted inside it.
//!
//! A limit belongs to one top-level alternative of a word; it is the sum of the alternative's
//! literals and of what each of its names says about length.

use regex_syntax::hir::{Hir, HirKind};

/// What a stretch of an expression adds to a word's length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// The `max` of a name: a limit that must be checked.
    Limited(u32),
    /// At most this many characters by its own form.
    Bounded(u32),
    /// No limit.
    Free,
}

/// One alternative of an expression.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub(super) hir: Hir,
    pub(super) length: Length,
}

/// Several alternatives as one, as long as the longest of them.
pub(super) fn merge(pieces: Vec<Piece>) -> Piece {
    let length = pieces
        .iter()
        .map(|piece| piece.length)
        .reduce(Length::or)
        .unwrap_or(Length::Free);
    let hir = Hir::alternation(pieces.into_iter().map(|piece| piece.hir).collect());
    Piece { hir, length }
}

impl Length {
    pub(super) fn then(self, next: Self) -> Self {
        match (self, next) {
            (Self::Free, _) | (_, Self::Free) => Self::Free,
            (Self::Bounded(a), Self::Bounded(b)) => Self::Bounded(a.saturating_add(b)),
            (Self::Limited(a) | Self::Bounded(a), Self::Limited(b) | Self::Bounded(b)) => {
                Self::Limited(a.saturating_add(b))
            }
        }
    }

    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Free, _) | (_, Self::Free) => Self::Free,
            (Self::Bounded(a), Self::Bounded(b)) => Self::Bounded(a.max(b)),
            (Self::Limited(a) | Self::Bounded(a), Self::Limited(b) | Self::Bounded(b)) => {
                Self::Limited(a.max(b))
            }
        }
    }

    /// The limit that has to be checked, if any.
    pub(super) fn limit(self) -> Option<u32> {
        match self {
            Self::Limited(limit) => Some(limit),
            Self::Bounded(_) | Self::Free => None,
        }
    }
}

/// The most characters an expression can match, when there is a bound.
pub(super) fn longest(hir: &Hir) -> Option<u32> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(0),
        HirKind::Literal(literal) => {
            let chars = String::from_utf8_lossy(&literal.0).chars().count();
            u32::try_from(chars).ok()
        }
        HirKind::Class(class) => Some(u32::from(!class.is_empty())),
        HirKind::Repetition(repetition) => {
            let sub = longest(&repetition.sub)?;
            if sub == 0 {
                return Some(0);
            }
            repetition.max.map(|max| max.saturating_mul(sub))
        }
        HirKind::Capture(capture) => longest(&capture.sub),
        HirKind::Concat(hirs) => hirs
            .iter()
            .try_fold(0_u32, |sum, hir| Some(sum.saturating_add(longest(hir)?))),
        HirKind::Alternation(hirs) => hirs
            .iter()
            .try_fold(0_u32, |most, hir| Some(most.max(longest(hir)?))),
    }
}
