//! The questions that can be asked of one word, each once: does this automaton accept it, and is it
//! short enough.

use std::collections::BTreeSet;
use std::sync::Arc;

use regex_syntax::hir::Hir;
use rustc_hash::FxHashMap;

use super::automaton::Automaton;
use super::bits::Bits;
use crate::pattern::printed;

/// A question's number in its [`Vocabulary`].
pub(super) type Atom = usize;

/// The questions that the rules and templates of one search ask.
#[derive(Debug, Clone, Default)]
pub(super) struct Vocabulary {
    automata: Vec<Arc<Automaton>>,
    by_automaton: FxHashMap<Arc<Automaton>, usize>,
    /// By expression as it is printed, which keeps what it means, so that none is compiled twice; `None` where it got too large.
    by_expression: FxHashMap<String, Option<Arc<Automaton>>>,
    atoms: Vec<(usize, Option<u32>)>,
    by_atom: FxHashMap<(usize, Option<u32>), Atom>,
    /// Words that read well.
    pub(super) dictionary: BTreeSet<String>,
}

/// What a word must be, over atoms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Test {
    /// It is.
    Atom(Atom),
    /// It is not.
    Not(Box<Test>),
    /// All hold; of none, always.
    All(Vec<Test>),
    /// One holds; of none, never.
    Any(Vec<Test>),
}

impl Test {
    /// Always.
    pub(super) const ALWAYS: Self = Self::All(Vec::new());

    /// Whether it holds of a word with these answers.
    pub(super) fn holds(&self, answers: &Bits) -> bool {
        self.asked(&|atom| answers.contains(atom))
    }

    /// Whether it holds, where `answer` answers each atom.
    pub(super) fn asked(&self, answer: &dyn Fn(Atom) -> bool) -> bool {
        match self {
            Self::Atom(atom) => answer(*atom),
            Self::Not(test) => !test.asked(answer),
            Self::All(tests) => tests.iter().all(|test| test.asked(answer)),
            Self::Any(tests) => tests.iter().any(|test| test.asked(answer)),
        }
    }

    /// The atoms that it asks under an odd number of negations.
    pub(super) fn denied_atoms(&self, denied: bool, out: &mut BTreeSet<Atom>) {
        match self {
            Self::Atom(atom) => out.extend(denied.then_some(*atom)),
            Self::Not(test) => test.denied_atoms(!denied, out),
            Self::All(tests) | Self::Any(tests) => {
                for test in tests {
                    test.denied_atoms(denied, out);
                }
            }
        }
    }

    /// Whether it may hold, where one answers no less than each atom does, and the other no more.
    pub(super) fn asked_from_above(
        &self,
        above: &dyn Fn(Atom) -> bool,
        below: &dyn Fn(Atom) -> bool,
    ) -> bool {
        match self {
            Self::Atom(atom) => above(*atom),
            Self::Not(test) => !test.asked_from_above(below, above),
            Self::All(tests) => tests.iter().all(|test| test.asked_from_above(above, below)),
            Self::Any(tests) => tests.iter().any(|test| test.asked_from_above(above, below)),
        }
    }

    /// Whether it can still hold, where `may` says of each atom whether it can still hold; whether an
    /// atom will is not known before the word ends.
    pub(super) fn may_hold(&self, may: &dyn Fn(Atom) -> bool) -> bool {
        match self {
            Self::Atom(atom) => may(*atom),
            // An atom that may hold may fail as well.
            Self::Not(_) => true,
            Self::All(tests) => tests.iter().all(|test| test.may_hold(may)),
            Self::Any(tests) => tests.iter().any(|test| test.may_hold(may)),
        }
    }

    /// The atoms that it asks.
    pub(super) fn atoms(&self, out: &mut BTreeSet<Atom>) {
        match self {
            Self::Atom(atom) => {
                out.insert(*atom);
            }
            Self::Not(test) => test.atoms(out),
            Self::All(tests) | Self::Any(tests) => tests.iter().for_each(|test| test.atoms(out)),
        }
    }
}

impl std::ops::Not for Test {
    type Output = Self;

    fn not(self) -> Self {
        Self::Not(Box::new(self))
    }
}

impl Vocabulary {
    /// The words of an expression; `None` where the automaton would get too large.
    pub(super) fn automaton(&mut self, expression: &Hir) -> Option<Arc<Automaton>> {
        let printed = printed(expression);
        if let Some(known) = self.by_expression.get(&printed) {
            return known.clone();
        }
        let automaton = Automaton::of(expression).map(Arc::new);
        let number = automaton.map(|automaton| self.number(automaton));
        let shared = number.and_then(|number| self.automata.get(number).cloned());
        self.by_expression.insert(printed, shared.clone());
        shared
    }

    fn number(&mut self, automaton: Arc<Automaton>) -> usize {
        let fresh = self.automata.len();
        let number = *self.by_automaton.entry(automaton.clone()).or_insert(fresh);
        if number == fresh {
            self.automata.push(automaton);
        }
        number
    }

    /// Whether a word is in a language, and at most so many characters long.
    pub(super) fn atom(&mut self, automaton: Arc<Automaton>, limit: Option<u32>) -> Atom {
        let key = (self.number(automaton), limit);
        let fresh = self.atoms.len();
        let atom = *self.by_atom.entry(key).or_insert(fresh);
        if atom == fresh {
            self.atoms.push(key);
        }
        atom
    }

    /// The automata, by number.
    pub(super) fn automata(&self) -> &[Arc<Automaton>] {
        &self.automata
    }

    /// For each atom its automaton's number and its limit.
    pub(super) fn atoms(&self) -> &[(usize, Option<u32>)] {
        &self.atoms
    }

    /// The automaton and the limit of an atom.
    pub(super) fn meaning(&self, atom: Atom) -> Option<(&Arc<Automaton>, Option<u32>)> {
        let (number, limit) = self.atoms.get(atom)?;
        Some((self.automata.get(*number)?, *limit))
    }

    /// The answers that a word gives.
    pub(super) fn answers(&self, word: &str) -> Bits {
        let length = word.chars().count();
        let accepting: Vec<bool> = self.automata.iter().map(|one| one.accepts(word)).collect();
        let yes = self
            .atoms
            .iter()
            .enumerate()
            .filter(|(_, (number, limit))| {
                accepting.get(*number) == Some(&true)
                    && limit.is_none_or(|limit| length <= limit as usize)
            });
        Bits::of(self.atoms.len(), yes.map(|(atom, _)| atom))
    }
}
