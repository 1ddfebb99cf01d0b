//! Level one: every kind of word that a vocabulary tells apart, each with one that reads well.
//!
//! All automata walk together over one word. Two words are of one kind when they give the same
//! answers to all questions; a search over lines needs one word of each kind and no more. How long a
//! word is stands beside the walk and is never counted in it: a kind is kept apart by length only
//! where a limit asks, and a word of a wanted length is made by going round a loop of one character.

mod joint;
mod lengths;
mod walk;

use rustc_hash::FxHashMap;

use super::bits::Bits;
use super::classes::reading_cost;
use super::vocabulary::{Test, Vocabulary};
use walk::Walk;

/// The joint walk may have this many states: a policy of forty rules needs a tenth.
pub(super) const MOST_STATES: usize = 200_000;

/// What a word of the dictionary costs, beside its characters,
const KNOWN_WORD: u32 = 2;

/// which cost so many times less than in a made-up word.
const LESS: u32 = 40;

/// A kind of words.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    /// The answers that its words give.
    pub(super) answers: Bits,
    /// One of its words; the cheapest to read.
    pub(super) word: String,
    /// What that costs.
    pub(super) cost: u32,
}

/// Every kind of word.
#[derive(Debug)]
pub(super) struct Words {
    /// The kinds, cheapest word first.
    pub(super) kinds: Vec<Kind>,
    /// How many states the walk had.
    pub(super) states: usize,
}

/// The walk has more states than the budget allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLarge;

impl Words {
    /// Explores the words of a vocabulary; of those for which none of the tests holds, none is kept.
    pub(super) fn explore(vocabulary: &Vocabulary, wanted: &[Test]) -> Result<Self, TooLarge> {
        let walk = Walk::new(vocabulary, wanted)?;
        let mut collected = Collected {
            vocabulary,
            wanted,
            best: FxHashMap::default(),
        };
        for word in &vocabulary.dictionary {
            let cost = KNOWN_WORD + word.chars().map(reading_cost).sum::<u32>() / LESS;
            collected.offer(vocabulary.answers(word), cost, || word.clone());
        }
        lengths::collect(&walk, &mut collected)?;
        let mut kinds: Vec<Kind> = collected
            .best
            .into_iter()
            .map(|(answers, (cost, word))| Kind {
                answers,
                word,
                cost,
            })
            .collect();
        kinds.sort_by(|a, b| (a.cost, &a.word).cmp(&(b.cost, &b.word)));
        Ok(Self {
            kinds,
            states: walk.states.len(),
        })
    }
}

/// The kinds met so far.
struct Collected<'a> {
    vocabulary: &'a Vocabulary,
    wanted: &'a [Test],
    best: FxHashMap<Bits, (u32, String)>,
}

impl Collected<'_> {
    fn wants(&self, answers: &Bits) -> bool {
        self.wanted.iter().any(|test| test.holds(answers))
    }

    /// Keeps a word where it is the cheapest of its kind.
    fn offer(&mut self, answers: Bits, cost: u32, word: impl FnOnce() -> String) {
        if !self.wants(&answers) {
            return;
        }
        match self.best.get_mut(&answers) {
            Some((least, _)) if *least < cost => {}
            // Of equally cheap words the first by the alphabet, so that the order of the walk is
            // nothing that anybody sees.
            Some((least, kept)) => {
                let word = word();
                if *least > cost || word < *kept {
                    (*least, *kept) = (cost, word);
                }
            }
            None => {
                self.best.insert(answers, (cost, word()));
            }
        }
    }

    fn holds(&self, answers: &Bits) -> bool {
        self.best.contains_key(answers)
    }
}
