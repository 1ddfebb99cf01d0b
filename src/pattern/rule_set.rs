//! Many patterns compiled together: one pass over the words answers which of them match.
//!
//! The patterns' automata walk together. What a walk comes to is learned as it is met, so that the
//! next walk the same way is a look-up for each byte and each word; nothing is compiled that no word
//! ever reaches, because taken together the automata of forty rules have millions of states of which
//! words reach a few hundred.

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use arc_swap::ArcSwap;

use super::Pattern;
use super::known::Known;
use super::learner::Learner;
use super::lexicon::{Collector, Lexicon, Set};

/// Each table of what is learned may have this many cells: 1 MiB. A policy of 40 rules needs a tenth.
const MOST_CELLS: usize = 1 << 18;

/// The position before the first word, in front of all others.
const START: usize = 0;

/// A set of positions, ascending.
pub(super) type Positions = Box<[usize]>;

/// Many patterns compiled together.
pub struct RuleSet {
    rules: Rules,
    /// What decisions read.
    known: ArcSwap<Known>,
    /// What knows more already, and is read when `known` does not know enough.
    learning: Mutex<Learning>,
    room: usize,
}

/// The patterns' automata side by side.
#[derive(Debug)]
pub(super) struct Rules {
    positions: Vec<Position>,
    /// The patterns that match no words at all.
    empty: Vec<usize>,
    expressions: Collector,
    lexicon: OnceLock<Arc<Lexicon>>,
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

#[derive(Debug, Default)]
enum Learning {
    /// Nobody has asked yet.
    #[default]
    Idle,
    /// What is learned, and how many walks have come here since it was last made known.
    Open(Box<Learner>, usize),
    /// There is no room for more.
    Closed,
}

/// The patterns that match, ascending.
#[derive(Debug, Clone)]
pub struct Matches {
    all: Arc<[usize]>,
    at: usize,
}

impl RuleSet {
    /// Compiles patterns; they are known by their place in the order given, counted from 0.
    pub fn new<'a>(patterns: impl IntoIterator<Item = &'a Pattern>) -> Self {
        Self::with_room(patterns, MOST_CELLS)
    }

    /// The same, with so many cells for what is learned in each of two tables.
    pub(super) fn with_room<'a>(
        patterns: impl IntoIterator<Item = &'a Pattern>,
        room: usize,
    ) -> Self {
        let rules = Rules::new(patterns);
        Self {
            rules,
            known: ArcSwap::default(),
            learning: Mutex::default(),
            room,
        }
    }

    /// Which of the patterns match the whole list of words.
    pub fn matching<S: AsRef<str>>(&self, words: &[S]) -> Matches {
        if let Some(all) = self.known.load().walk(words) {
            return Matches {
                all: all.clone(),
                at: 0,
            };
        }
        let all = self
            .learn(words)
            .unwrap_or_else(|| self.rules.walk(words).into());
        Matches { all, at: 0 }
    }

    /// Whether there is no room to learn more.
    #[cfg(test)]
    pub(super) fn is_full(&self) -> bool {
        matches!(*self.learning.lock().unwrap(), Learning::Closed)
    }

    fn learn<S: AsRef<str>>(&self, words: &[S]) -> Option<Arc<[usize]>> {
        // After a panic in the middle of learning, nothing more is learned.
        let mut learning = self.learning.lock().ok()?;
        if matches!(*learning, Learning::Idle) {
            let lexicon = self.rules.lexicon().clone();
            let learner = lexicon
                .is_tabled()
                .then(|| Learner::new(&self.rules, lexicon, self.room))
                .flatten();
            *learning = match learner {
                Some(learner) => Learning::Open(Box::new(learner), 0),
                None => Learning::Closed,
            };
        }
        let Learning::Open(learner, walks) = &mut *learning else {
            return None;
        };
        let all = learner.walk(&self.rules, words);
        *walks += 1;
        // Making it known copies it: the more there is, the more rarely.
        if *walks > learner.known.letters.len() / 4_096 || all.is_none() {
            self.known.store(Arc::new(learner.known.clone()));
            *walks = 0;
        }
        if all.is_none() {
            *learning = Learning::Closed;
        }
        all
    }
}

impl Rules {
    fn new<'a>(patterns: impl IntoIterator<Item = &'a Pattern>) -> Self {
        let mut expressions = Collector::default();
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
            for (at, symbol) in sequence.symbols().iter().enumerate() {
                positions.push(Position {
                    takes: expressions.add(symbol, pattern.lengths()),
                    followers: sequence
                        .followers(at)
                        .iter()
                        .map(|at| at + offset)
                        .collect(),
                    accepts: sequence.last().binary_search(&at).is_ok().then_some(number),
                });
            }
            if sequence.takes_nothing() {
                empty.push(number);
            }
        }
        if let Some(start) = positions.get_mut(START) {
            start.followers = first;
        }
        Self {
            positions,
            empty,
            expressions,
            lexicon: OnceLock::new(),
        }
    }

    fn lexicon(&self) -> &Arc<Lexicon> {
        self.lexicon
            .get_or_init(|| Arc::new(self.expressions.finish()))
    }

    /// Where every walk starts.
    pub(super) fn start() -> Positions {
        [START].into()
    }

    /// One walk, with nothing looked up or learned.
    fn walk<S: AsRef<str>>(&self, words: &[S]) -> Vec<usize> {
        let lexicon = self.lexicon();
        let end = words.iter().fold(Self::start(), |positions, word| {
            if positions.is_empty() {
                positions
            } else {
                self.after(&positions, &lexicon.read(word.as_ref()))
            }
        });
        self.accepts(&end)
    }

    /// The positions that take a word with this signature after those given.
    pub(super) fn after(&self, from: &[usize], signature: &Set) -> Positions {
        let takes = |at: &usize| {
            self.positions
                .get(*at)
                .is_some_and(|position| match &position.takes {
                    None => true,
                    Some(any) => any.iter().any(|expression| signature.holds(*expression)),
                })
        };
        let from = from.iter().filter_map(|at| self.positions.get(*at));
        let mut next: Vec<usize> = from
            .flat_map(|position| &position.followers)
            .copied()
            .filter(takes)
            .collect();
        next.sort_unstable();
        next.dedup();
        next.into()
    }

    /// The patterns that match when a walk ends at these positions.
    pub(super) fn accepts(&self, positions: &[usize]) -> Vec<usize> {
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
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

impl Matches {
    /// The first of those that are left.
    pub fn first(&self) -> Option<usize> {
        self.all.get(self.at).copied()
    }
}

impl Iterator for Matches {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let first = self.first()?;
        self.at += 1;
        Some(first)
    }
}
