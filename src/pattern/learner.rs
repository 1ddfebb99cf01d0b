//! How a rule set learns: a walk that meets an unknown cell is gone again here, filling the cells.
//!
//! Rows stand for tuples of states (letters) and sets of positions (steps); both are numbered in the
//! order in which walks come to them, and never again. The tables are bounded: what does not fit is
//! not learned, and is walked plainly each time.

use std::collections::HashMap;
use std::sync::Arc;

use super::known::{Known, START, UNKNOWN};
use super::lexicon::{Lexicon, Set};
use super::rule_set::{Positions, Rules};

/// The tables, and what their rows stand for.
#[derive(Debug)]
pub(super) struct Learner {
    pub(super) known: Known,
    /// Cells that each table may have.
    room: usize,
    lexicon: Arc<Lexicon>,
    /// One byte of each class.
    bytes: Vec<u8>,
    /// The tuple of each row of letters, by the row's number.
    tuples: Vec<Box<[u32]>>,
    by_tuple: HashMap<Box<[u32]>, u32>,
    ends: HashMap<Set, u32>,
    signatures: Vec<Set>,
    by_signature: HashMap<Set, u32>,
    /// The positions of each row of steps.
    sets: Vec<Positions>,
    by_set: HashMap<Positions, u32>,
}

impl Learner {
    pub(super) fn new(rules: &Rules, lexicon: Arc<Lexicon>, room: usize) -> Option<Self> {
        let (classes, bytes) = lexicon.classes();
        let limits = lexicon.limits().into();
        let known = Known {
            classes: classes.into(),
            end: bytes.len(),
            limits,
            width: 16,
            ..Known::default()
        };
        let mut learner = Self {
            known,
            room,
            bytes,
            tuples: Vec::new(),
            by_tuple: HashMap::new(),
            ends: HashMap::new(),
            signatures: Vec::new(),
            by_signature: HashMap::new(),
            sets: Vec::new(),
            by_set: HashMap::new(),
            lexicon,
        };
        // The dead rows come first, then those where walks start.
        learner.letters_row(learner.lexicon.dead())?;
        learner.known.first = learner.letters_row(learner.lexicon.start())?;
        learner.steps_row(rules, [].into())?;
        learner.steps_row(rules, Rules::start())?;
        Some(learner)
    }

    /// Goes one walk and learns it; `None` when there is no room.
    pub(super) fn walk<S: AsRef<str>>(
        &mut self,
        rules: &Rules,
        words: &[S],
    ) -> Option<Arc<[usize]>> {
        let mut row = START;
        for word in words {
            let signature = self.signature(word.as_ref())?;
            row = match self.known.step(row, signature) {
                Some(next) => next,
                None => self.step(rules, row, signature)?,
            };
        }
        self.known.accepts.get(row as usize).cloned()
    }

    fn signature(&mut self, word: &str) -> Option<u32> {
        let mut row = self.known.first;
        for byte in word.bytes() {
            let class = usize::from(*self.known.classes.get(usize::from(byte))?);
            row = self.letter(row, class)?;
        }
        let end = self.end(row)?;
        let way = end as usize * (self.known.limits.len() + 1) + self.known.length_class(word);
        self.known.signatures.get(way).copied()
    }

    fn letter(&mut self, row: u32, class: usize) -> Option<u32> {
        let cell = row as usize + class;
        let next = *self.known.letters.get(cell)?;
        if next != UNKNOWN {
            return Some(next);
        }
        let tuple = self.tuples.get(row as usize / (self.known.end + 1))?;
        let tuple = self.lexicon.next(tuple, *self.bytes.get(class)?);
        let next = self.letters_row(tuple)?;
        *self.known.letters.get_mut(cell)? = next;
        Some(next)
    }

    fn end(&mut self, row: u32) -> Option<u32> {
        let cell = row as usize + self.known.end;
        let end = *self.known.letters.get(cell)?;
        if end != UNKNOWN {
            return Some(end);
        }
        let tuple = self.tuples.get(row as usize / (self.known.end + 1))?;
        let matching = self.lexicon.matching(tuple);
        let end = match self.ends.get(&matching) {
            Some(end) => *end,
            None => self.new_end(matching)?,
        };
        *self.known.letters.get_mut(cell)? = end;
        Some(end)
    }

    /// Numbers an end, and its signatures for all classes of lengths.
    fn new_end(&mut self, matching: Set) -> Option<u32> {
        let number = u32::try_from(self.ends.len()).ok()?;
        let limits = self.known.limits.clone();
        let mut numbers = Vec::new();
        for class in 0..=limits.len() {
            let fits = |limit| limits.iter().skip(class).any(|known| *known == limit);
            let signature = self.lexicon.signature(&matching, fits);
            numbers.push(match self.by_signature.get(&signature) {
                Some(number) => *number,
                None => self.new_signature(signature)?,
            });
        }
        self.known.signatures.extend(numbers);
        self.ends.insert(matching, number);
        Some(number)
    }

    fn new_signature(&mut self, signature: Set) -> Option<u32> {
        let number = self.signatures.len();
        if number == self.known.width {
            self.widen()?;
        }
        let number = u32::try_from(number).ok()?;
        self.by_signature.insert(signature.clone(), number);
        self.signatures.push(signature);
        Some(number)
    }

    /// Makes room for more signatures in every row of steps.
    fn widen(&mut self) -> Option<()> {
        let width = self.known.width * 2;
        if self.sets.len() * width > self.room {
            return None;
        }
        let mut steps = Vec::with_capacity(self.sets.len() * width);
        for row in self.known.steps.chunks(self.known.width) {
            steps.extend_from_slice(row);
            steps.resize(steps.len() + width - self.known.width, UNKNOWN);
        }
        self.known.steps = steps;
        self.known.width = width;
        Some(())
    }

    fn step(&mut self, rules: &Rules, row: u32, signature: u32) -> Option<u32> {
        let positions = self.sets.get(row as usize)?;
        let after = rules.after(positions, self.signatures.get(signature as usize)?);
        let next = self.steps_row(rules, after)?;
        let cell = row as usize * self.known.width + signature as usize;
        *self.known.steps.get_mut(cell)? = next;
        Some(next)
    }

    /// The offset of the row of a tuple.
    fn letters_row(&mut self, tuple: Box<[u32]>) -> Option<u32> {
        if let Some(row) = self.by_tuple.get(&tuple) {
            return Some(*row);
        }
        let row = self.known.letters.len();
        let end = row + self.known.end + 1;
        if end > self.room {
            return None;
        }
        let row = u32::try_from(row).ok()?;
        self.known.letters.resize(end, UNKNOWN);
        self.by_tuple.insert(tuple.clone(), row);
        self.tuples.push(tuple);
        Some(row)
    }

    /// The number of the row of a set of positions.
    fn steps_row(&mut self, rules: &Rules, positions: Positions) -> Option<u32> {
        if let Some(row) = self.by_set.get(&positions) {
            return Some(*row);
        }
        let end = self.known.steps.len() + self.known.width;
        if end > self.room {
            return None;
        }
        let row = u32::try_from(self.sets.len()).ok()?;
        self.known.steps.resize(end, UNKNOWN);
        self.known.accepts.push(rules.accepts(&positions).into());
        self.by_set.insert(positions.clone(), row);
        self.sets.push(positions);
        Some(row)
    }
}
