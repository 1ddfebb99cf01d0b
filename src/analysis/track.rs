//! Patterns side by side as one automaton over kinds of words, learnt as a search meets it.

use rustc_hash::FxHashMap;

use super::bits::Bits;
use super::vocabulary::Test;

/// The position before the first word, in front of all others.
const BEFORE: usize = 0;

/// The state before the first word.
pub(super) const START: u32 = 0;

/// A cell that is not filled yet.
pub(super) const UNKNOWN: u32 = u32::MAX;

/// Several patterns over the same words, by number.
#[derive(Debug, Clone)]
pub(super) struct Patterns {
    positions: Vec<Position>,
    /// The patterns that match no words at all.
    empty: Vec<usize>,
    /// For each pattern its first position.
    starts: Vec<usize>,
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
            starts: Vec::new(),
        }
    }

    /// All patterns of several, in order.
    pub(super) fn beside<'a>(several: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut all = Self::new();
        for patterns in several {
            let (offset, number) = (all.positions.len() - 1, all.starts.len());
            let shifted = |at: &usize| at + offset;
            all.starts.extend(patterns.starts.iter().map(shifted));
            all.empty
                .extend(patterns.empty.iter().map(|at| at + number));
            for (at, position) in patterns.positions.iter().enumerate() {
                let followers = position.followers.iter().map(shifted);
                if at == BEFORE {
                    if let Some(start) = all.positions.get_mut(BEFORE) {
                        start.followers.extend(followers);
                    }
                    continue;
                }
                all.positions.push(Position {
                    takes: position.takes.clone(),
                    followers: followers.collect(),
                    accepts: position.accepts.map(|accepts| accepts + number),
                });
            }
        }
        all
    }

    /// Appends a pattern: its positions, numbered from 0, which can take the first word, and
    /// whether it matches no words at all.
    pub(super) fn push(&mut self, positions: Vec<Position>, first: &[usize], empty: bool) {
        let offset = self.positions.len();
        let number = self.starts.len();
        self.starts.push(offset);
        if empty {
            self.empty.push(number);
        }
        if let Some(start) = self.positions.get_mut(BEFORE) {
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

    /// What the words of the patterns from a number on must be.
    pub(super) fn tests_from(&self, number: usize) -> impl Iterator<Item = &Test> {
        let first = self.starts.get(number).copied().unwrap_or(usize::MAX);
        let positions = self.positions.iter().skip(first);
        positions.map(|position| &position.takes)
    }
}

/// The automaton of patterns, as far as it was walked.
#[derive(Debug, Clone)]
pub(super) struct Track {
    patterns: Patterns,
    /// For each state the positions that took the last word.
    states: Vec<Bits>,
    numbers: FxHashMap<Bits, u32>,
    /// For each state the patterns that match,
    accepts: Vec<Bits>,
    /// and those that will match whatever follows.
    settled: Vec<Bits>,
    /// For each state the positions that can take the next word.
    onward: Vec<Bits>,
    /// For each group of kinds that are the same here the positions that take them.
    taken: Vec<Bits>,
    groups: FxHashMap<Bits, u32>,
    /// For each state and each group the state after it.
    steps: Vec<Vec<u32>>,
    /// The positions that take the word that is looked at.
    taking: Bits,
}

impl Track {
    pub(super) fn new(patterns: Patterns) -> Self {
        let mut track = Self {
            taking: Bits::none(patterns.positions.len()),
            patterns,
            states: Vec::new(),
            numbers: FxHashMap::default(),
            accepts: Vec::new(),
            settled: Vec::new(),
            onward: Vec::new(),
            taken: Vec::new(),
            groups: FxHashMap::default(),
            steps: Vec::new(),
        };
        let start = Bits::of(track.patterns.positions.len(), [BEFORE]);
        track.number(start);
        track
    }

    /// The patterns.
    pub(super) fn patterns(&self) -> &Patterns {
        &self.patterns
    }

    /// The group of words with these answers: those of one group are the same here.
    pub(super) fn group(&mut self, answers: &Bits) -> u32 {
        let positions = &self.patterns.positions;
        let taking = positions.iter().enumerate();
        let taking = taking.filter(|(_, position)| position.takes.holds(answers));
        let taken = Bits::of(positions.len(), taking.map(|(at, _)| at));
        if let Some(known) = self.groups.get(&taken) {
            return *known;
        }
        let group = u32::try_from(self.taken.len()).unwrap_or(UNKNOWN);
        self.groups.insert(taken.clone(), group);
        self.taken.push(taken);
        group
    }

    /// The state after one more word of a group.
    pub(super) fn after(&mut self, state: u32, group: u32) -> u32 {
        let known = self
            .steps
            .get(state as usize)
            .and_then(|row| row.get(group as usize));
        if let Some(next) = known.copied().filter(|next| *next != UNKNOWN) {
            return next;
        }
        let onward = self.onward.get(state as usize);
        let Some((onward, taken)) = onward.zip(self.taken.get(group as usize)) else {
            return self.number(Bits::none(self.patterns.positions.len()));
        };
        self.taking.become_both(onward, taken);
        let next = match self.numbers.get(&self.taking) {
            Some(known) => *known,
            None => self.number(self.taking.clone()),
        };
        if let Some(row) = self.steps.get_mut(state as usize) {
            remember(row, group, next);
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

    /// Whether no pattern can match any more, whatever follows.
    pub(super) fn is_dead(&self, state: u32) -> bool {
        self.onward.get(state as usize).is_none_or(Bits::is_empty)
            && self.accepts.get(state as usize).is_none_or(Bits::is_empty)
    }

    fn number(&mut self, state: Bits) -> u32 {
        if let Some(number) = self.numbers.get(&state) {
            return *number;
        }
        let number = u32::try_from(self.states.len()).unwrap_or(UNKNOWN);
        let positions = &self.patterns.positions;
        let mut accepts = Bits::none(self.patterns.starts.len());
        let mut settled = Bits::none(self.patterns.starts.len());
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
            if at == BEFORE {
                self.patterns
                    .empty
                    .iter()
                    .for_each(|pattern| accepts.insert(*pattern));
            }
        }
        let followers = state.iter().filter_map(|at| positions.get(at));
        let followers = followers.flat_map(|position| position.followers.iter().copied());
        self.onward.push(Bits::of(positions.len(), followers));
        self.accepts.push(accepts);
        self.settled.push(settled);
        self.steps.push(Vec::new());
        self.numbers.insert(state.clone(), number);
        self.states.push(state);
        number
    }
}

/// Fills a cell of a row that grows as it must.
pub(super) fn remember(row: &mut Vec<u32>, group: u32, next: u32) {
    let group = group as usize;
    if row.len() <= group {
        row.resize(group + 1, UNKNOWN);
    }
    if let Some(cell) = row.get_mut(group) {
        *cell = next;
    }
}
