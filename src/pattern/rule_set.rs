//! Many patterns compiled together: one pass over the words answers which of them match.
//!
//! Each word is read once, by the [`Lexicon`], into a signature; the patterns' automata walk together
//! over signatures. The sets of positions that walks come to are numbered as they are met, so that
//! the next walk over the same shape of words is a look-up for each word. The numbering is bounded:
//! beyond it a walk goes on plainly, and the answer is the same.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::Pattern;
use super::lexicon::{Collector, Lexicon, Signature};
use super::sequence::Symbol;

/// Sets of positions are numbered in blocks of this many,
const BLOCK: usize = 64;

/// at most this many blocks: some 4,000 sets, where a policy of 40 rules meets about a hundred,
const MOST_BLOCKS: usize = 64;

/// and as long as the steps from them, and the sets themselves, fit this many cells: about 1 MiB.
const MOST_CELLS: usize = 1 << 18;

/// A step that nobody has gone yet.
const UNKNOWN: u32 = u32::MAX;

/// The position before the first word, in front of all others.
const START: usize = 0;

/// A set of positions, ascending.
type Positions = Box<[usize]>;

/// Many patterns compiled together.
pub struct RuleSet {
    lexicon: Lexicon,
    positions: Vec<Position>,
    /// The patterns that match no words at all.
    empty: Vec<usize>,
    blocks: Box<[OnceLock<Block>]>,
    numbers: Mutex<Numbers>,
}

/// One position of one of the patterns.
#[derive(Debug)]
struct Position {
    /// The expressions that it takes; `None` takes any word.
    takes: Option<Vec<usize>>,
    followers: Vec<usize>,
    /// The pattern that matches when this takes the last word.
    accepts: Option<usize>,
}

type Block = Box<[OnceLock<State>]>;

/// A numbered set of positions that a walk has come to.
struct State {
    number: u32,
    positions: Positions,
    accepts: Box<[usize]>,
    /// The number of the state after each numbered signature, or [`UNKNOWN`].
    next: Box<[AtomicU32]>,
}

#[derive(Debug, Default)]
struct Numbers {
    by_positions: HashMap<Positions, u32>,
    cells: usize,
}

/// The patterns that match, ascending.
#[derive(Debug, Clone)]
pub struct Matches<'a> {
    all: Cow<'a, [usize]>,
    at: usize,
}

impl RuleSet {
    /// Compiles patterns; they are known by their place in the order given, counted from 0.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a Pattern>) -> Self {
        let mut collector = Collector::default();
        let mut positions = vec![Position {
            takes: None,
            followers: Vec::new(),
            accepts: None,
        }];
        let mut first = Vec::new();
        let mut empty = Vec::new();
        for (number, pattern) in patterns.into_iter().enumerate() {
            let sequence = pattern.sequence();
            let offset = positions.len();
            first.extend(sequence.first().iter().map(|at| at + offset));
            positions.extend(positions_of(number, offset, pattern, &mut collector));
            if sequence.takes_nothing() {
                empty.push(number);
            }
        }
        if let Some(start) = positions.get_mut(START) {
            start.followers = first;
        }
        Self {
            lexicon: collector.finish(),
            positions,
            empty,
            blocks: (0..MOST_BLOCKS).map(|_| OnceLock::new()).collect(),
            numbers: Mutex::default(),
        }
    }

    /// Which of the patterns match the whole list of words.
    pub fn matching<S: AsRef<str>>(&self, words: &[S]) -> Matches<'_> {
        let Some(mut state) = self.state(0).or_else(|| self.number([START].into())) else {
            return self.plainly([START].into(), words);
        };
        for (at, word) in words.iter().enumerate() {
            state = match self.step(state, word.as_ref()) {
                Ok(state) => state,
                Err(positions) => {
                    return self.plainly(positions, words.get(at + 1..).unwrap_or_default());
                }
            };
            if state.positions.is_empty() {
                break;
            }
        }
        Matches {
            all: Cow::Borrowed(&state.accepts),
            at: 0,
        }
    }

    /// One word further, over numbered states; else where the walk has come to.
    fn step(&self, from: &State, word: &str) -> Result<&State, Positions> {
        let Some(signature) = self.lexicon.number_of(word) else {
            return Err(self.after(&from.positions, &self.lexicon.signature_of(word)));
        };
        let Some(next) = from.next.get(signature) else {
            return Err(self.after(&from.positions, &self.lexicon.signature_of(word)));
        };
        if let Some(state) = self.state(next.load(Ordering::Acquire)) {
            return Ok(state);
        }
        let signature = self
            .lexicon
            .known()
            .get(signature)
            .cloned()
            .unwrap_or_default();
        let positions = self.after(&from.positions, &signature);
        match self.number(positions.clone()) {
            Some(state) => {
                next.store(state.number, Ordering::Release);
                Ok(state)
            }
            None => Err(positions),
        }
    }

    /// The rest of a walk without numbers.
    fn plainly<S: AsRef<str>>(&self, mut positions: Positions, words: &[S]) -> Matches<'_> {
        for word in words {
            positions = self.after(&positions, &self.lexicon.signature_of(word.as_ref()));
        }
        Matches {
            all: Cow::Owned(self.accepts(&positions)),
            at: 0,
        }
    }

    fn after(&self, from: &[usize], signature: &Signature) -> Positions {
        let takes = |at: &usize| {
            self.positions
                .get(*at)
                .is_some_and(|position| match &position.takes {
                    None => true,
                    Some(any) => any.iter().any(|expression| signature.holds(*expression)),
                })
        };
        let followers = from.iter().filter_map(|at| self.positions.get(*at));
        let mut next: Vec<usize> = followers
            .flat_map(|position| &position.followers)
            .copied()
            .filter(takes)
            .collect();
        next.sort_unstable();
        next.dedup();
        next.into()
    }

    fn accepts(&self, positions: &[usize]) -> Vec<usize> {
        if positions == [START] {
            return self.empty.clone();
        }
        let mut all: Vec<usize> = positions
            .iter()
            .filter_map(|at| self.positions.get(*at)?.accepts)
            .collect();
        all.dedup();
        all
    }

    fn state(&self, number: u32) -> Option<&State> {
        let number = number as usize;
        self.blocks
            .get(number / BLOCK)?
            .get()?
            .get(number % BLOCK)?
            .get()
    }

    /// The state of a set of positions; a new one when there is room for it.
    fn number(&self, positions: Positions) -> Option<&State> {
        // A panic while this was held has left at most a number without a state, which is skipped.
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = numbers.by_positions.get(&positions) {
            return self.state(*number);
        }
        let signatures = self.lexicon.known().len();
        let cells = numbers.cells + signatures + positions.len() * 2;
        let number = numbers.by_positions.len();
        if number >= BLOCK * MOST_BLOCKS || cells > MOST_CELLS {
            return None;
        }
        numbers.cells = cells;
        let block = self.blocks.get(number / BLOCK)?;
        let place = block.get_or_init(|| (0..BLOCK).map(|_| OnceLock::new()).collect());
        let number = u32::try_from(number).ok()?;
        numbers.by_positions.insert(positions.clone(), number);
        let state = State {
            number,
            accepts: self.accepts(&positions).into(),
            positions,
            next: (0..signatures).map(|_| AtomicU32::new(UNKNOWN)).collect(),
        };
        Some(place.get(number as usize % BLOCK)?.get_or_init(|| state))
    }
}

fn positions_of(
    number: usize,
    offset: usize,
    pattern: &Pattern,
    collector: &mut Collector,
) -> Vec<Position> {
    let sequence = pattern.sequence();
    let position = |(at, symbol): (usize, &Symbol)| {
        let takes = match symbol {
            Symbol::Any => None,
            Symbol::Word(word) => {
                let branches = word.branches().iter();
                Some(
                    branches
                        .map(|branch| collector.add(branch, pattern.lengths()))
                        .collect(),
                )
            }
        };
        let followers = sequence
            .followers(at)
            .iter()
            .map(|at| at + offset)
            .collect();
        let accepts = sequence.last().binary_search(&at).is_ok().then_some(number);
        Position {
            takes,
            followers,
            accepts,
        }
    };
    sequence
        .symbols()
        .iter()
        .enumerate()
        .map(position)
        .collect()
}

impl Default for RuleSet {
    /// No patterns: nothing matches.
    fn default() -> Self {
        Self::new([])
    }
}

impl fmt::Debug for RuleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuleSet")
            .field("positions", &self.positions)
            .finish_non_exhaustive()
    }
}

impl Matches<'_> {
    /// The first of those that are left.
    pub fn first(&self) -> Option<usize> {
        self.all.get(self.at).copied()
    }
}

impl Iterator for Matches<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let first = self.first()?;
        self.at += 1;
        Some(first)
    }
}
