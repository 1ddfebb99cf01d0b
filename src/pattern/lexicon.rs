//! All the expressions of many patterns, each only once.
//!
//! A word's *signature* is the set of expressions that match it. Expressions of bounded length share
//! one automaton; every other one has its own, because automata of unbounded expressions multiply
//! when they are put together. What reads a word is the tuple of all their states: `learner` numbers
//! the tuples that texts really come to.

use std::collections::HashMap;
use std::sync::Arc;

use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_syntax::hir::Hir;

use super::printed::printed;
use super::sequence::Symbol;
use super::table::{DEAD, Table};
use super::word::{Branch, Lengths, Word, anchored, fits};

/// A set of numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Set(Box<[u64]>);

impl Set {
    fn with_room(numbers: usize) -> Self {
        Self(vec![0; numbers.div_ceil(64)].into())
    }

    fn insert(&mut self, number: usize) {
        if let Some(bits) = self.0.get_mut(number / 64) {
            *bits |= 1 << (number % 64);
        }
    }

    pub(super) fn holds(&self, number: usize) -> bool {
        self.0
            .get(number / 64)
            .is_some_and(|bits| bits >> (number % 64) & 1 == 1)
    }
}

/// Many expressions and the lengths that they take.
#[derive(Debug, Default)]
pub(super) struct Lexicon {
    /// For each expression: which of the distinct ones it is, and the most characters it takes.
    expressions: Vec<(usize, Option<u32>)>,
    distinct: usize,
    /// Automata, with the distinct expression of each that has only one.
    tables: Vec<(Option<usize>, Arc<Table>)>,
    /// Expressions that no table can hold.
    singles: Vec<(usize, PikeVM)>,
    /// The different limits, ascending.
    limits: Vec<u32>,
}

/// Collects expressions.
#[derive(Debug, Default)]
pub(super) struct Collector {
    /// A word and the number of its branch.
    distinct: Vec<(Arc<Word>, usize)>,
    by_text: HashMap<String, usize>,
    expressions: Vec<(usize, Option<u32>)>,
    by_pair: HashMap<(usize, Option<u32>), usize>,
}

impl Collector {
    /// The numbers of the expressions of which one must match; `None` for any word.
    pub(super) fn add(&mut self, symbol: &Symbol, lengths: Lengths) -> Option<Vec<usize>> {
        let Symbol::Word(word) = symbol else {
            return None;
        };
        let numbers = word.branches().iter().enumerate().map(|(at, branch)| {
            // Printing keeps the meaning, so expressions that print alike are alike.
            let text = printed(branch.expression());
            let distinct = *self.by_text.entry(text).or_insert_with(|| {
                self.distinct.push((word.clone(), at));
                self.distinct.len() - 1
            });
            let limit = branch.limit(lengths);
            *self.by_pair.entry((distinct, limit)).or_insert_with(|| {
                self.expressions.push((distinct, limit));
                self.expressions.len() - 1
            })
        });
        Some(numbers.collect())
    }

    /// Compiles what was collected.
    pub(super) fn finish(&self) -> Lexicon {
        let mut limits: Vec<u32> = self
            .expressions
            .iter()
            .filter_map(|(_, limit)| *limit)
            .collect();
        limits.sort_unstable();
        limits.dedup();
        let mut lexicon = Lexicon {
            expressions: self.expressions.clone(),
            distinct: self.distinct.len(),
            limits,
            ..Lexicon::default()
        };
        let branches = self
            .distinct
            .iter()
            .enumerate()
            .filter_map(|(number, (word, at))| Some((number, word.branches().get(*at)?)));
        let (sociable, others): (Vec<_>, Vec<_>) =
            branches.partition(|(_, branch)| branch.is_sociable());
        lexicon.together(&sociable);
        for (number, branch) in others {
            lexicon.alone(number, branch);
        }
        lexicon
    }
}

impl Lexicon {
    fn together(&mut self, branches: &[(usize, &Branch)]) {
        let hirs: Vec<(usize, Hir)> = branches
            .iter()
            .map(|(number, branch)| (*number, anchored(branch.expression())))
            .collect();
        if branches.is_empty() {
            return;
        }
        if let [(number, branch)] = branches {
            self.alone(*number, branch);
        } else if let Some(table) = Table::new(&hirs) {
            self.tables.push((None, Arc::new(table)));
        } else {
            let (left, right) = branches.split_at(branches.len() / 2);
            self.together(left);
            self.together(right);
        }
    }

    fn alone(&mut self, number: usize, branch: &Branch) {
        match branch.table() {
            Some(table) => self.tables.push((Some(number), table)),
            None => self.singles.push((number, branch.vm().clone())),
        }
    }

    /// Whether tables hold everything, so that their states say all.
    pub(super) fn is_tabled(&self) -> bool {
        self.singles.is_empty()
    }

    /// The different limits on length, ascending.
    pub(super) fn limits(&self) -> &[u32] {
        &self.limits
    }

    /// The states before the first byte, one for each table.
    pub(super) fn start(&self) -> Box<[u32]> {
        self.tables.iter().map(|(_, table)| table.start()).collect()
    }

    /// The states from which nothing can match.
    pub(super) fn dead(&self) -> Box<[u32]> {
        vec![DEAD; self.tables.len()].into()
    }

    /// The states after one more byte.
    pub(super) fn next(&self, states: &[u32], byte: u8) -> Box<[u32]> {
        let pairs = self.tables.iter().zip(states);
        pairs
            .map(|((_, table), state)| table.next(*state, byte))
            .collect()
    }

    /// For each byte the number of its class, and one byte of each class: bytes of one class lead
    /// the same way from all states.
    pub(super) fn classes(&self) -> (Vec<u8>, Vec<u8>) {
        let mut known: HashMap<Vec<u8>, u8> = HashMap::new();
        let mut bytes = Vec::new();
        let class = |byte: u8| {
            let columns = self
                .tables
                .iter()
                .map(|(_, table)| table.column(byte))
                .collect();
            *known.entry(columns).or_insert_with(|| {
                bytes.push(byte);
                // The first byte has class 0; there are at most as many classes as bytes.
                u8::try_from(bytes.len() - 1).unwrap_or(u8::MAX)
            })
        };
        ((0..=255).map(class).collect(), bytes)
    }

    /// The distinct expressions that match what led to these states.
    pub(super) fn matching(&self, states: &[u32]) -> Set {
        let mut matching = Set::with_room(self.distinct);
        for ((single, table), state) in self.tables.iter().zip(states) {
            for number in table.matching(*state) {
                matching.insert(single.unwrap_or(*number));
            }
        }
        matching
    }

    /// The signature that distinct expressions make with a length that fits some of the limits.
    pub(super) fn signature(&self, matching: &Set, fits: impl Fn(u32) -> bool) -> Set {
        let mut signature = Set::with_room(self.expressions.len());
        for (number, (distinct, limit)) in self.expressions.iter().enumerate() {
            if matching.holds(*distinct) && limit.is_none_or(&fits) {
                signature.insert(number);
            }
        }
        signature
    }

    /// The signature of a word, with nothing looked up.
    pub(super) fn read(&self, word: &str) -> Set {
        let mut matching = Set::with_room(self.distinct);
        for (single, table) in &self.tables {
            let end = word
                .bytes()
                .fold(table.start(), |row, byte| table.next(row, byte));
            for number in table.matching(end) {
                matching.insert(single.unwrap_or(*number));
            }
        }
        for (number, vm) in &self.singles {
            if vm.is_match(&mut vm.create_cache(), word) {
                matching.insert(*number);
            }
        }
        self.signature(&matching, |limit| fits(word, Some(limit)))
    }
}
