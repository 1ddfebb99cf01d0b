//! Patterns side by side as one automaton over kinds of words, learnt as a search meets it.

use rustc_hash::FxHashMap;

use super::bits::Bits;
use super::vocabulary::Test;

/// The position before the first word, in front of all others.
const START: usize = 0;

/// A cell that is not filled yet.
pub(super) const UNKNOWN: u32 = u32::MAX;

/// Several patterns over the same words, by number.
#[derive(Debug, Clone)]
pub(super) struct Patterns {
    positions: Vec<Position>,
    /// The patterns that match no words at all.
    empty: Vec<usize>,
    count: usize,
}

/// One position of one of the patterns.
#[derive(Debug, Clone)]
pub(super) struct Position {
    /// What a word must be to be taken.
    pub(super) takes: Test,
    /// The positions that can take the next word.
    pub(super) followers: Vec<usize>,
    /// The pattern that matches when this takes the last word.
    pub(super) accepts: Option<usize>,
}

impl Patterns {
    /// No pattern.
    pub(super) fn new() -> Self {
        Self {
            positions: vec![Position {
                takes: Test::Any(Vec::new()),
                followers: Vec::new(),
                accepts: None,
            }],
            empty: Vec::new(),
            count: 0,
        }
    }

    /// Appends a pattern: its positions, numbered from 0, which can take the first word, and
    /// whether it matches no words at all.
    pub(super) fn push(&mut self, positions: Vec<Position>, first: &[usize], empty: bool) {
        let offset = self.positions.len();
        let number = self.count;
        self.count += 1;
        if empty {
            self.empty.push(number);
        }
        if let Some(start) = self.positions.get_mut(START) {
            start.followers.extend(first.iter().map(|at| at + offset));
        }
        for position in positions {
            self.positions.push(Position {
                followers: position.followers.iter().map(|at| at + offset).collect(),
                accepts: position.accepts.map(|_| number),
                takes: position.takes,
            });
        }
    }

    /// How many patterns there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// What the positions take.
    pub(super) fn tests(&self) -> impl Iterator<Item = &Test> {
        self.positions.iter().map(|position| &position.takes)
    }
}

/// The automaton of patterns, as far as it was walked.
#[derive(Debug)]
pub(super) struct Track {
    patterns: Patterns,
    /// For each state the positions that took the last word.
    states: Vec<Bits>,
    numbers: FxHashMap<Bits, u32>,
    /// For each state the patterns that match,
    accepts: Vec<Bits>,
    /// and those that will match whatever follows.
    settled: Vec<Bits>,
    /// For each state and each kind of word the state after it.
    steps: Vec<Vec<u32>>,
}

impl Track {
    pub(super) fn new(patterns: Patterns) -> Self {
        let mut track = Self {
            patterns,
            states: Vec::new(),
            numbers: FxHashMap::default(),
            accepts: Vec::new(),
            settled: Vec::new(),
            steps: Vec::new(),
        };
        let start = Bits::of(track.patterns.positions.len(), [START]);
        track.number(start);
        track
    }

    /// The state before the first word.
    pub(super) fn start(&self) -> u32 {
        0
    }

    /// The state after one more word.
    pub(super) fn after(&mut self, state: u32, kind: usize, answers: &Bits) -> u32 {
        let known = self.steps.get(state as usize).and_then(|row| row.get(kind));
        if let Some(next) = known.copied().filter(|next| *next != UNKNOWN) {
            return next;
        }
        let positions = &self.patterns.positions;
        let mut after = Bits::none(positions.len());
        let taken = self
            .states
            .get(state as usize)
            .into_iter()
            .flat_map(Bits::iter);
        for at in taken.filter_map(|at| positions.get(at)) {
            for follower in &at.followers {
                let takes = positions.get(*follower).map(|position| &position.takes);
                if !after.contains(*follower) && takes.is_some_and(|takes| takes.holds(answers)) {
                    after.insert(*follower);
                }
            }
        }
        let next = self.number(after);
        if let Some(row) = self.steps.get_mut(state as usize) {
            if row.len() <= kind {
                row.resize(kind + 1, UNKNOWN);
            }
            if let Some(cell) = row.get_mut(kind) {
                *cell = next;
            }
        }
        next
    }

    /// The patterns that match the words so far.
    pub(super) fn accepting(&self, state: u32) -> Option<&Bits> {
        self.accepts.get(state as usize)
    }

    /// The patterns that match whatever follows.
    pub(super) fn settled(&self, state: u32) -> Option<&Bits> {
        self.settled.get(state as usize)
    }

    fn number(&mut self, state: Bits) -> u32 {
        if let Some(number) = self.numbers.get(&state) {
            return *number;
        }
        let number = u32::try_from(self.states.len()).unwrap_or(UNKNOWN);
        let positions = &self.patterns.positions;
        let mut accepts = Bits::none(self.patterns.count);
        let mut settled = Bits::none(self.patterns.count);
        for at in state.iter() {
            let Some(position) = positions.get(at) else {
                continue;
            };
            if let Some(pattern) = position.accepts {
                accepts.insert(pattern);
                if position.takes == Test::ALWAYS && position.followers.contains(&at) {
                    settled.insert(pattern);
                }
            }
            if at == START {
                self.patterns
                    .empty
                    .iter()
                    .for_each(|pattern| accepts.insert(*pattern));
            }
        }
        self.accepts.push(accepts);
        self.settled.push(settled);
        self.steps.push(Vec::new());
        self.numbers.insert(state.clone(), number);
        self.states.push(state);
        number
    }
}
