//! From what is written to what is searched: patterns as positions with tests, expressions as atoms.

use std::collections::BTreeSet;
use std::sync::Arc;

use regex_syntax::hir::{Class, ClassUnicodeRange, Hir, HirKind};

use super::automaton::Automaton;
use super::track::{Patterns, Position};
use super::vocabulary::{Test, Vocabulary};
use crate::config::tool::Rule;
use crate::pattern::{Branch, Lengths, Pattern, Symbol};

/// An expression whose automaton would get too large.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TooLarge(pub(super) String);

/// An expression gives the dictionary at most this many words.
const MOST_WORDS: usize = 32;

impl Vocabulary {
    /// Appends a rule's pattern to others.
    pub(super) fn rule(&mut self, rule: &Rule, patterns: &mut Patterns) -> Result<(), TooLarge> {
        self.pattern(&rule.pattern, patterns)
            .map_err(|_| TooLarge(format!("`{}`, at {}", rule.id, rule.place)))
    }

    /// Appends a pattern to others.
    pub(super) fn pattern(
        &mut self,
        pattern: &Pattern,
        patterns: &mut Patterns,
    ) -> Result<(), TooLarge> {
        let sequence = pattern.sequence();
        let mut positions = Vec::with_capacity(sequence.symbols().len());
        for (at, symbol) in sequence.symbols().iter().enumerate() {
            positions.push(Position {
                takes: self.symbol(symbol, pattern.lengths())?,
                followers: sequence.followers(at).to_vec(),
                accepts: sequence.last().binary_search(&at).is_ok().then_some(0),
            });
        }
        patterns.push(positions, sequence.first(), sequence.takes_nothing());
        Ok(())
    }

    /// What a pattern asks of a list of exactly one word.
    pub(super) fn one_word(&mut self, pattern: &Pattern) -> Result<Test, TooLarge> {
        let sequence = pattern.sequence();
        let mut tests = Vec::new();
        for at in sequence.first() {
            if sequence.last().binary_search(at).is_ok()
                && let Some(symbol) = sequence.symbols().get(*at)
            {
                tests.push(self.symbol(symbol, pattern.lengths())?);
            }
        }
        Ok(Test::Any(tests))
    }

    fn symbol(&mut self, symbol: &Symbol, lengths: Lengths) -> Result<Test, TooLarge> {
        let Symbol::Word(word) = symbol else {
            return Ok(Test::ALWAYS);
        };
        let branches = word.branches().iter();
        let tests = branches.map(|branch| self.branch(branch, lengths));
        Ok(Test::Any(tests.collect::<Result<_, _>>()?))
    }

    /// What the expressions that are written as a flag ask of a word.
    pub(super) fn written_flags(&mut self, pattern: &Pattern) -> Result<Vec<Test>, TooLarge> {
        let mut tests = Vec::new();
        pattern.each_flag_branch(&mut |branch| tests.push(self.branch(branch, pattern.lengths())));
        tests.into_iter().collect()
    }

    fn branch(&mut self, branch: &Branch, lengths: Lengths) -> Result<Test, TooLarge> {
        let expression = branch.expression();
        self.dictionary
            .extend(members(expression).unwrap_or_default());
        self.expression(expression, branch.limit(lengths))
    }

    /// Whether a word is matched by an expression, and at most so many characters long.
    pub(super) fn expression(
        &mut self,
        expression: &Hir,
        limit: Option<u32>,
    ) -> Result<Test, TooLarge> {
        let automaton = self.automaton(expression);
        let automaton = automaton.ok_or_else(|| TooLarge(format!("`{expression}`")))?;
        Ok(Test::Atom(self.atom(automaton, limit)))
    }

    /// Whether a word is one of these.
    pub(super) fn literals<'a>(
        &mut self,
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Test, TooLarge> {
        let texts: Vec<&str> = texts.into_iter().collect();
        self.dictionary
            .extend(texts.iter().map(|text| (*text).to_owned()));
        let literals = texts.into_iter().map(literal);
        self.expression(&Hir::alternation(literals.collect()), None)
    }

    /// Whether a word is matched by one of our own expressions.
    pub(super) fn written(&mut self, expression: &str) -> Result<Test, TooLarge> {
        let hir = regex_syntax::parse(expression);
        let hir = hir.map_err(|_| TooLarge(format!("`{expression}`")))?;
        self.expression(&hir, None)
    }

    /// Whether a word has at most so many characters.
    pub(super) fn length(&mut self, limit: u32) -> Test {
        let any = self.automaton(&any());
        any.map_or(Test::ALWAYS, |any| Test::Atom(self.atom(any, Some(limit))))
    }

    /// A test of a part of a word, asked of the whole word: `before` and `after` stand around it. A
    /// test asks for something of every value, so that a word without them never passes.
    pub(super) fn around(
        &mut self,
        before: &str,
        test: &Test,
        after: &str,
    ) -> Result<Test, TooLarge> {
        Ok(match test {
            Test::Atom(atom) => {
                let meaning = self.meaning(*atom);
                let (automaton, limit) = meaning.map(|(a, l)| (Arc::clone(a), l)).unzip();
                let automaton = automaton.and_then(|inner| self.wrapped(before, &inner, after));
                let automaton = automaton.ok_or_else(|| TooLarge(format!("`{before}…{after}`")))?;
                let more = before.chars().count() + after.chars().count();
                let more = u32::try_from(more).unwrap_or(u32::MAX);
                let limit = limit.flatten().map(|limit| limit.saturating_add(more));
                Test::Atom(self.atom(automaton, limit))
            }
            Test::Not(test) => !self.around(before, test, after)?,
            Test::All(tests) => Test::All(self.each_around(before, tests, after)?),
            Test::Any(tests) => Test::Any(self.each_around(before, tests, after)?),
        })
    }

    fn each_around(
        &mut self,
        before: &str,
        tests: &[Test],
        after: &str,
    ) -> Result<Vec<Test>, TooLarge> {
        let tests = tests.iter().map(|test| self.around(before, test, after));
        tests.collect()
    }

    fn wrapped(
        &mut self,
        before: &str,
        automaton: &Automaton,
        after: &str,
    ) -> Option<Arc<Automaton>> {
        let (before, after) = (
            self.automaton(&literal(before))?,
            self.automaton(&literal(after))?,
        );
        Automaton::concatenation(&[&before, automaton, &after]).map(Arc::new)
    }

    /// The words of which a test holds, as one automaton. Limits on length are counted in it up to
    /// `longest` characters; where one lies beyond, longer words are taken in, whatever it says.
    pub(super) fn accepted(&mut self, test: &Test, longest: u32) -> Option<Automaton> {
        let mut asked = BTreeSet::new();
        test.atoms(&mut asked);
        let mut denied = BTreeSet::new();
        test.denied_atoms(false, &mut denied);
        let mut automata: Vec<Arc<Automaton>> = Vec::new();
        let mut places = Vec::new();
        for atom in &asked {
            let (automaton, limit) = self.meaning(*atom)?;
            let first = automata.len();
            automata.push(Arc::clone(automaton));
            // A word that is too long to be counted may or may not be within the limit.
            let open = limit.is_some_and(|limit| limit > longest);
            if let Some(limit) = limit.filter(|_| !open || denied.contains(atom)) {
                let counted = usize::try_from(limit.min(longest)).ok()?;
                automata.push(Arc::new(Automaton::up_to(counted)?));
            }
            places.push((*atom, first..automata.len(), open));
        }
        if automata.is_empty() {
            automata.push(self.automaton(&any())?);
        }
        let parts: Vec<&Automaton> = automata.iter().map(AsRef::as_ref).collect();
        Automaton::combination(&parts, |holds| {
            let answer = |atom: usize, open_holds: bool| {
                let place = places.iter().find(|(known, ..)| *known == atom);
                place.is_some_and(|(_, automata, open)| {
                    let counts = if *open && open_holds { 1 } else { 2 };
                    automata.clone().take(counts).all(holds)
                })
            };
            test.asked_from_above(&|atom| answer(atom, true), &|atom| answer(atom, false))
        })
    }
}

/// Any text.
pub(super) fn any() -> Hir {
    Hir::repetition(regex_syntax::hir::Repetition {
        min: 0,
        max: None,
        greedy: true,
        sub: Box::new(Hir::dot(regex_syntax::hir::Dot::AnyChar)),
    })
}

/// Exactly this text.
pub(super) fn literal(text: &str) -> Hir {
    Hir::literal(text.as_bytes())
}

/// Some words that an expression matches, where it is made of words that a person wrote: what is
/// optional is also left out, and of `[Ss]` the small letter is taken. `None` where it is not.
pub(super) fn members(hir: &Hir) -> Option<Vec<String>> {
    let nothing = || vec![String::new()];
    let words = match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => nothing(),
        HirKind::Literal(literal) => vec![String::from_utf8(literal.0.to_vec()).ok()?],
        HirKind::Class(Class::Unicode(class)) => {
            let size: usize = class.iter().map(ClassUnicodeRange::len).sum();
            let all = || class.iter().flat_map(|range| range.start()..=range.end());
            let small = all().find(char::is_ascii_lowercase);
            let first = small.or_else(|| all().next()).filter(|_| size <= 4)?;
            vec![first.to_string()]
        }
        HirKind::Class(Class::Bytes(_)) => return None,
        HirKind::Repetition(repetition) => {
            let once = members(&repetition.sub);
            match (repetition.min, once) {
                (0, Some(mut words)) => {
                    words.push(String::new());
                    words
                }
                (0, None) => nothing(),
                (1, Some(words)) => words,
                _ => return None,
            }
        }
        HirKind::Capture(capture) => members(&capture.sub)?,
        HirKind::Alternation(hirs) => {
            let words: Vec<String> = hirs.iter().filter_map(members).flatten().collect();
            if words.is_empty() {
                return None;
            }
            words
        }
        HirKind::Concat(hirs) => hirs.iter().try_fold(nothing(), |words, hir| {
            let next = members(hir)?;
            (words.len() * next.len() <= MOST_WORDS).then(|| {
                let pairs = words
                    .iter()
                    .flat_map(|word| next.iter().map(move |next| (word, next)));
                pairs.map(|(word, next)| format!("{word}{next}")).collect()
            })
        })?,
    };
    (words.len() <= MOST_WORDS * 8).then_some(words)
}
