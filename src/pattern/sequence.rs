//! A pattern as an automaton over words: one position for each written word, and who follows whom.
//!
//! Between the words there is nothing to decide, so the automaton has no empty moves: it is at the
//! positions that took the last word, and moves to those followers whose expression takes the next.

use std::sync::Arc;

use super::notation::{Alternatives, Item, Kind};
use super::word::Word;

/// A pattern may have this many words once its fragments are written out,
const MOST_POSITIONS: usize = 4_096;

/// and this many pairs of words that can follow each other.
const MOST_FOLLOWERS: usize = 262_144;

/// What one position takes.
#[derive(Debug, Clone)]
pub(crate) enum Symbol {
    /// Any one word.
    Any,
    /// A word that this expression matches.
    Word(Arc<Word>),
}

/// The automaton of one pattern.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sequence {
    symbols: Vec<Symbol>,
    followers: Vec<Vec<usize>>,
    first: Vec<usize>,
    last: Vec<usize>,
    empty: bool,
}

impl Sequence {
    /// `None` when it would get too large.
    pub(super) fn new(body: &Alternatives) -> Option<Self> {
        let mut builder = Builder::default();
        let stretch = builder.alternatives(body);
        if builder.is_full() {
            return None;
        }
        let Builder {
            symbols,
            mut followers,
            ..
        } = builder;
        for followers in &mut followers {
            followers.sort_unstable();
            followers.dedup();
        }
        let mut last = stretch.last;
        last.sort_unstable();
        Some(Self {
            symbols,
            followers,
            first: stretch.first,
            last,
            empty: stretch.empty,
        })
    }

    /// What each position takes.
    pub(crate) fn symbols(&self) -> &[Symbol] {
        &self.symbols
    }

    /// The positions that can take the first word.
    pub(crate) fn first(&self) -> &[usize] {
        &self.first
    }

    /// The positions that can take the word after the one that `position` took.
    pub(crate) fn followers(&self, position: usize) -> &[usize] {
        self.followers.get(position).map_or(&[], Vec::as_slice)
    }

    /// The positions that can take the last word, in order.
    pub(crate) fn last(&self) -> &[usize] {
        &self.last
    }

    /// Whether no words at all match.
    pub(crate) fn takes_nothing(&self) -> bool {
        self.empty
    }

    /// Whether everything that matches is of exactly one word.
    pub(super) fn is_single_word(&self) -> bool {
        !self.empty && self.first.iter().all(|at| self.followers(*at).is_empty())
    }
}

/// The automaton while it is built.
#[derive(Default)]
struct Builder {
    symbols: Vec<Symbol>,
    followers: Vec<Vec<usize>>,
    links: usize,
}

/// A stretch of it.
#[derive(Default)]
struct Stretch {
    first: Vec<usize>,
    last: Vec<usize>,
    empty: bool,
}

impl Builder {
    fn is_full(&self) -> bool {
        self.symbols.len() >= MOST_POSITIONS || self.links >= MOST_FOLLOWERS
    }

    fn alternatives(&mut self, body: &Alternatives) -> Stretch {
        let mut whole = Stretch::default();
        for items in &body.0 {
            let stretch = self.items(items);
            whole.first.extend(stretch.first);
            whole.last.extend(stretch.last);
            whole.empty |= stretch.empty;
        }
        whole
    }

    fn items(&mut self, items: &[Item]) -> Stretch {
        let mut whole = Stretch {
            empty: true,
            ..Stretch::default()
        };
        for item in items {
            // Too large already: what is built now is thrown away.
            if self.is_full() {
                break;
            }
            let next = self.item(item);
            self.link(&whole.last, &next.first);
            if whole.empty {
                whole.first.extend(&next.first);
            }
            if next.empty {
                whole.last.extend(next.last);
            } else {
                whole.last = next.last;
            }
            whole.empty &= next.empty;
        }
        whole
    }

    fn item(&mut self, item: &Item) -> Stretch {
        let mut stretch = match &item.kind {
            Kind::Word(_, word) | Kind::Name(_, word) => self.position(Symbol::Word(word.clone())),
            Kind::Any | Kind::Rest => self.position(Symbol::Any),
            Kind::Part(_, fragment) => self.alternatives(&fragment.body),
            Kind::Group(body) | Kind::Optional(body) => self.alternatives(body),
        };
        if item.repeated || matches!(item.kind, Kind::Rest) {
            self.link(&stretch.last, &stretch.first);
        }
        stretch.empty |= matches!(item.kind, Kind::Rest | Kind::Optional(_));
        stretch
    }

    fn position(&mut self, symbol: Symbol) -> Stretch {
        let at = self.symbols.len();
        self.symbols.push(symbol);
        self.followers.push(Vec::new());
        Stretch {
            first: vec![at],
            last: vec![at],
            empty: false,
        }
    }

    fn link(&mut self, from: &[usize], to: &[usize]) {
        for at in from {
            self.links += to.len();
            if self.links >= MOST_FOLLOWERS {
                return;
            }
            if let Some(followers) = self.followers.get_mut(*at) {
                followers.extend(to);
            }
        }
    }
}
