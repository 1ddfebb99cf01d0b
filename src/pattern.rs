//! Usage-line patterns and named expressions: parse, match, print.
//!
//! A pattern reads like the usage line of a man page and matches a whole list of words; every word
//! in it is one regular expression for one whole argument. `token` and `parse` read the notation
//! into the tree of `notation`; `translate` reads the expressions; `sequence` turns the tree into an
//! automaton over words. [`Pattern::matches`] walks it plainly and says what is right; [`RuleSet`]
//! compiles many patterns together and is what decides at run time. Both answer the same.

mod class;

mod ending;

mod expression;

mod flags;

mod known;

mod learner;

mod length;

mod lexicon;

mod lookalike;

mod name;

mod notation;

mod parse;

mod printed;

mod problem;

mod reference;

mod refusal;

mod rule_set;

mod sequence;

mod shown;

mod table;

mod token;

mod translate;

mod usage;

mod weaker;

mod word;

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;

pub use expression::Expression;
pub use lookalike::Lookalike;
pub use name::{NameProblem, Names};
use notation::Alternatives;
pub(crate) use printed::printed;
pub use problem::Problem;
pub use rule_set::{Matches, RuleSet};
use sequence::Sequence;
pub(crate) use sequence::Symbol;
pub use usage::usage;
pub(crate) use weaker::Weaker;
pub(crate) use word::Branch;
pub use word::Lengths;

/// A pattern over a list of words.
#[derive(Debug)]
pub struct Pattern {
    text: String,
    body: Alternatives,
    lengths: Lengths,
    sequence: Sequence,
}

impl Pattern {
    /// Reads a pattern. Beside it stand the hints; in its place stand all problems, hints included.
    ///
    /// There may be no problem at all beside a failure when a name that the text refers to could not
    /// be read: [`Names::new`] has reported it where it is written.
    pub fn parse(
        text: &str,
        names: &Names,
        lengths: Lengths,
    ) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        let (body, mut problems) = parse::parse(text, names, lengths);
        let Some(body) = body else {
            return Err(problems);
        };
        let Some(sequence) = Sequence::new(&body) else {
            problems.push(refusal::too_large(0..text.len(), "this pattern"));
            return Err(problems);
        };
        Ok((
            Self {
                text: text.to_owned(),
                body,
                lengths,
                sequence,
            },
            problems,
        ))
    }

    /// Whether it matches the whole list: the plain walk that [`RuleSet`] must agree with.
    pub fn matches<S: AsRef<str>>(&self, words: &[S]) -> bool {
        let Some((first, rest)) = words.split_first() else {
            return self.sequence.takes_nothing();
        };
        let mut at = self.taking(first.as_ref(), self.sequence.first());
        for word in rest {
            let mut next: Vec<usize> = at
                .iter()
                .flat_map(|at| self.sequence.followers(*at))
                .copied()
                .collect();
            next.sort_unstable();
            next.dedup();
            at = self.taking(word.as_ref(), &next);
        }
        at.iter()
            .any(|at| self.sequence.last().binary_search(at).is_ok())
    }

    /// Those of the positions that take a word.
    fn taking(&self, argument: &str, positions: &[usize]) -> Vec<usize> {
        let takes = |at: &&usize| match self.sequence.symbols().get(**at) {
            Some(Symbol::Any) => true,
            Some(Symbol::Word(word)) => word.matches(argument, self.lengths),
            None => false,
        };
        positions.iter().filter(takes).copied().collect()
    }

    /// As written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether everything that it matches is a list of exactly one word.
    pub fn is_single_word(&self) -> bool {
        self.sequence.is_single_word()
    }

    /// Whether an expression that is written with a leading `-` matches this value.
    pub fn matches_written_flag(&self, value: &str) -> bool {
        self.body
            .any_word(&mut |word, _| word.matches_as_flag(value, self.lengths))
    }

    /// The branches of all expressions that are written with a leading `-`.
    pub(crate) fn each_flag_branch(&self, visit: &mut dyn FnMut(&Branch)) {
        self.body.any_word(&mut |word, _| {
            word.flag_branches().iter().for_each(&mut *visit);
            false
        });
    }

    /// The places of expressions that are not written as a flag and can match a leading `-`.
    pub fn loose_dash_words(&self) -> Vec<Range<usize>> {
        let mut places: Vec<Range<usize>> = Vec::new();
        self.body.any_word(&mut |word, place| {
            if word.is_loose() && places.last() != Some(place) {
                places.push(place.clone());
            }
            false
        });
        places
    }

    /// The automaton over words.
    pub(crate) fn sequence(&self) -> &Sequence {
        &self.sequence
    }

    /// Whether `max` is applied.
    pub(crate) fn lengths(&self) -> Lengths {
        self.lengths
    }
}

impl fmt::Display for Pattern {
    /// The normal form: one space between tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.body.fmt(f)
    }
}

impl PartialEq for Pattern {
    /// The same notation, wherever the spaces are; what names stand for is not compared.
    fn eq(&self, other: &Self) -> bool {
        self.body == other.body && self.lengths == other.lengths
    }
}
