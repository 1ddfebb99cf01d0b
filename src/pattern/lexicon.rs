//! All the expressions of many patterns, read over one argument in one pass.
//!
//! The distinct expressions become one table-driven automaton whose end state says which of them
//! match: the argument's *signature*. What does not fit one table is split over several, and what
//! fits none (a Unicode `\b`) keeps an automaton of its own; then signatures are put together for
//! each argument, which is slower and right all the same.

use std::collections::HashMap;

use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_syntax::hir::Hir;

use super::table::Table;
use super::word::{Branch, Lengths, anchored, fits};

/// The signatures of several tables and all classes of lengths are numbered up to here.
const MOST_SIGNATURES: usize = 1 << 14;

/// The expressions that match an argument, one bit each.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Signature(Box<[u64]>);

impl Signature {
    fn new(expressions: usize) -> Self {
        Self(vec![0; expressions.div_ceil(64)].into())
    }

    fn insert(&mut self, expression: usize) {
        if let Some(bits) = self.0.get_mut(expression / 64) {
            *bits |= 1 << (expression % 64);
        }
    }

    /// Whether an expression matches.
    pub(super) fn holds(&self, expression: usize) -> bool {
        self.0
            .get(expression / 64)
            .is_some_and(|bits| bits >> (expression % 64) & 1 == 1)
    }
}

/// Many expressions and the lengths that they take.
#[derive(Debug, Default)]
pub(super) struct Lexicon {
    /// For each expression: which of the distinct ones it is, and the most characters it takes.
    expressions: Vec<(usize, Option<u32>)>,
    tables: Vec<Table>,
    singles: Vec<(usize, PikeVM)>,
    /// The different limits, ascending.
    limits: Vec<u32>,
    /// The number of a signature in `known`, by the tables' signatures and the class of lengths;
    /// empty when they cannot be numbered.
    numbers: Vec<u32>,
    known: Vec<Signature>,
}

/// Collects expressions, each only once.
#[derive(Debug, Default)]
pub(super) struct Collector {
    distinct: Vec<(Hir, PikeVM)>,
    by_text: HashMap<String, usize>,
    expressions: Vec<(usize, Option<u32>)>,
    by_pair: HashMap<(usize, Option<u32>), usize>,
}

impl Collector {
    /// The number of an expression with its limit.
    pub(super) fn add(&mut self, branch: &Branch, lengths: Lengths) -> usize {
        // Printing keeps the meaning, so expressions that print alike are alike.
        let distinct = *self
            .by_text
            .entry(branch.expression().to_string())
            .or_insert_with(|| {
                self.distinct
                    .push((anchored(branch.expression()), branch.vm().clone()));
                self.distinct.len() - 1
            });
        let limit = branch.limit(lengths);
        *self.by_pair.entry((distinct, limit)).or_insert_with(|| {
            self.expressions.push((distinct, limit));
            self.expressions.len() - 1
        })
    }

    /// Compiles what was collected.
    pub(super) fn finish(self) -> Lexicon {
        let mut limits: Vec<u32> = self
            .expressions
            .iter()
            .filter_map(|(_, limit)| *limit)
            .collect();
        limits.sort_unstable();
        limits.dedup();
        let mut lexicon = Lexicon {
            expressions: self.expressions,
            limits,
            ..Lexicon::default()
        };
        let (boundaries, plain): (Vec<_>, Vec<_>) = self
            .distinct
            .iter()
            .enumerate()
            .partition(|(_, (hir, _))| hir.properties().look_set().contains_word_unicode());
        lexicon.compile(&plain);
        lexicon.singles.extend(
            boundaries
                .iter()
                .map(|(number, (_, vm))| (*number, vm.clone())),
        );
        lexicon.number();
        lexicon
    }
}

impl Lexicon {
    fn compile(&mut self, expressions: &[(usize, &(Hir, PikeVM))]) {
        let hirs: Vec<(usize, &Hir)> = expressions
            .iter()
            .map(|(number, (hir, _))| (*number, hir))
            .collect();
        if let Some(table) = Table::new(&hirs) {
            self.tables.push(table);
        } else if let [(number, (_, vm))] = expressions {
            self.singles.push((*number, vm.clone()));
        } else {
            let (left, right) = expressions.split_at(expressions.len() / 2);
            self.compile(left);
            self.compile(right);
        }
    }

    /// Numbers all signatures there can be, when they are not too many.
    fn number(&mut self) {
        let classes = self.limits.len() + 1;
        let ways = self
            .tables
            .iter()
            .try_fold(classes, |ways, table| {
                ways.checked_mul(table.signatures().len())
            })
            .filter(|ways| *ways <= MOST_SIGNATURES);
        let (Some(ways), true) = (ways, self.singles.is_empty()) else {
            return;
        };
        let mut numbers: HashMap<Signature, u32> = HashMap::new();
        for way in 0..ways {
            let mut matching: Vec<usize> = Vec::new();
            let mut rest = way / classes;
            for table in self.tables.iter().rev() {
                let count = table.signatures().len();
                matching.extend(table.signatures().get(rest % count).into_iter().flatten());
                rest /= count;
            }
            let signature = self.bits(&matching, |limit| {
                self.limits
                    .iter()
                    .skip(way % classes)
                    .any(|known| *known == limit)
            });
            let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            let number = *numbers.entry(signature.clone()).or_insert(next);
            if number == next {
                self.known.push(signature);
            }
            self.numbers.push(number);
        }
    }

    fn bits(&self, matching: &[usize], fits: impl Fn(u32) -> bool) -> Signature {
        let mut signature = Signature::new(self.expressions.len());
        for (number, (distinct, limit)) in self.expressions.iter().enumerate() {
            if matching.contains(distinct) && limit.is_none_or(&fits) {
                signature.insert(number);
            }
        }
        signature
    }

    /// All signatures that have a number, by it; none when signatures are not numbered.
    pub(super) fn known(&self) -> &[Signature] {
        &self.known
    }

    /// The number of an argument's signature.
    pub(super) fn number_of(&self, argument: &str) -> Option<usize> {
        let mut way = 0;
        for table in &self.tables {
            way = way * table.signatures().len() + table.signature(argument);
        }
        way = way * (self.limits.len() + 1) + self.class_of(argument);
        self.numbers.get(way).map(|number| *number as usize)
    }

    /// How many of the limits an argument is longer than.
    fn class_of(&self, argument: &str) -> usize {
        match self.limits.first() {
            // It has at least as many bytes as characters.
            Some(least) if argument.len() > *least as usize => {
                let length = argument.chars().count();
                self.limits
                    .iter()
                    .take_while(|limit| length > **limit as usize)
                    .count()
            }
            _ => 0,
        }
    }

    /// An argument's signature, whether it is numbered or not.
    pub(super) fn signature_of(&self, argument: &str) -> Signature {
        let mut matching: Vec<usize> = Vec::new();
        for table in &self.tables {
            matching.extend(
                table
                    .signatures()
                    .get(table.signature(argument))
                    .into_iter()
                    .flatten(),
            );
        }
        for (number, vm) in &self.singles {
            if vm.is_match(&mut vm.create_cache(), argument) {
                matching.push(*number);
            }
        }
        self.bits(&matching, |limit| fits(argument, Some(limit)))
    }
}
